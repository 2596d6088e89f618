"""`why`, `node why`, `op retry` and the sentence of `status`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cli.commands.status import headline, letters
from scheduler.core.state.node import Failures
from scheduler.core.state.operation import OperationState, StepState
from tests.unit.api.cluster import CoreGateway
from tests.unit.api.maintenance import run, step, uploading
from tests.unit.cli.serving import CommandLine, Served

UP = {"name": "node-0", "state": "TASK_RUNNING", "mode": "NORMAL"}
DOWN = {"name": "node-1", "state": "TASK_FAILED", "mode": "UNKNOWN"}
DONE = {"status": "COMPLETE", "phases": [], "errors": []}


def plan(status: str, *steps: tuple[str, str, str, str]) -> dict[str, Any]:
    keys = ("name", "status", "reason", "message")
    return {"status": status, "phases": [{"steps": [dict(zip(keys, item, strict=True)) for item in steps]}]}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({}, "All is well, and nothing is pending."),
        ({"operations": {"repair": {"state": "RUNNING"}}}, "All is well; repair under way."),
        ({"operations": {"repair": {"state": "STOPPED"}}}, "All is well, and nothing is pending."),
        (
            {"operations": {"restore": {"state": "DIFFERENT", "message": "shop.users has fewer rows"}}},
            "The operation restore is complete, but its result differs from the request.",
        ),
        ({"nodes": [UP, DOWN]}, "Not up and normal: node-1."),
        (
            {"operations": {"backup": {"state": "ERROR", "message": "the disk is full"}}},
            "The operation backup has failed and waits for an operator.",
        ),
        (
            {"plans": {"deploy": DONE, "recovery": plan("WAITING", ("node-1", "WAITING", "UNREACHABLE", "no answer"))}},
            "The plan recovery is waiting: node-1: no answer.",
        ),
        (
            {"plans": {"deploy": plan("WAITING", ("node-0", "WAITING", "INTERRUPTED", "interrupted by alice"))}},
            "The plan deploy is waiting: interrupted by alice.",
        ),
        ({"health": {"healthy": True, "registered": False}}, "The scheduler has no connection to Mesos; nodes keep"),
        ({"health": {"healthy": False, "message": "it cannot store"}}, "it cannot store."),
    ],
)
def test_the_state_in_one_sentence(more: dict[str, Any], sentence: str) -> None:
    document = {"health": {"healthy": True}, "nodes": [UP], "plans": {"deploy": DONE}, "operations": {}, **more}
    assert headline(document).startswith(sentence)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (UP, "UN"),
        (DOWN, "D?"),
        ({**UP, "mode": "JOINING"}, "UJ"),
        ({**UP, "mode": "STARTING"}, "DJ"),
        # A member that starts again joins nothing, and serves nothing yet.
        ({**UP, "mode": "STARTING", "host_id": "the-host"}, "DN"),
        ({**UP, "mode": "LEAVING"}, "UL"),
        ({**UP, "mode": "PAUSED"}, "DP"),
    ],
)
def test_the_two_letters(node: dict[str, Any], expected: str) -> None:
    assert letters(node) == expected


def test_nodes_that_wait_for_their_launch_count(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    gateway.state = replace(gateway.state, nodes={"node-0": gateway.state.nodes["node-0"]})
    assert "Nodes 1 of 3 up and normal" in cli("status").out


def test_a_stopped_operation_is_not_under_way(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    uploading(gateway)
    assert "Upload" in cli("status", "-o", "tsv").out
    stopped = replace(gateway.state.operations["backup"], state=OperationState.STOPPED)
    gateway.state = replace(gateway.state, operations={"backup": stopped})
    assert "Upload" not in cli("status", "-o", "tsv").out
    assert "Operation backup: STOPPED" in cli("status").out


def test_the_foot_of_the_status(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    assert cli("plan", "interrupt", "deploy").code == 0
    assert cli("config", "set", "CASSANDRA_HEAP_SIZE_MB=1024", "-y").code == 0
    ran = cli("status")
    assert "Plan deploy waits for an operator: cassandra-mesos plan continue deploy" in ran.out.splitlines()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "No Cleanup was started yet."),
        (OperationState.COMPLETE, "Nothing is pending for cleanup: it is COMPLETE."),
        (OperationState.DIFFERENT, "Nothing is pending for cleanup: it is DIFFERENT: shop.users differs."),
    ],
)
def test_an_operation_that_does_not_wait(
    state: OperationState | None, words: str, cli: CommandLine, served: Served, gateway: CoreGateway
) -> None:
    if state is not None:
        message = "shop.users differs" if state is OperationState.DIFFERENT else ""
        run(gateway, state=state, message=message)
    ran = cli("why", "cleanup")
    assert (ran.code, ran.out) == (0, f"{words}\n")


def test_why_of_a_node(cli: CommandLine, served: Served) -> None:
    assert cli("node", "why", "0").out == cli("why", "node-0").out == "Nothing is pending for node-0.\n"


def test_failed_steps_are_retried(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    assert cli("op", "retry", "backup").code == 5
    uploading(gateway)
    assert cli("op", "retry", "backup").code == 6
    failed = step("Upload", "node-1", state=StepState.FAILED, failures=Failures(3, 0, "the disk is full"))
    gateway.state = replace(gateway.state, steps={**gateway.state.steps, failed.key: failed})
    ran = cli("op", "retry", "backup")
    assert (ran.code, ran.err) == (0, "Upload of node-1 begins again.\n")
    assert gateway.state.steps[failed.key].state is StepState.PENDING


@pytest.mark.parametrize(("state", "shown"), [(OperationState.DIFFERENT, True), (OperationState.COMPLETE, False)])
def test_the_status_names_a_restore_that_differs(
    state: OperationState, shown: bool, cli: CommandLine, served: Served, gateway: CoreGateway
) -> None:
    run(gateway, "restore", state=state, message="shop.users has fewer rows", nodes=())
    assert ("Operation restore: DIFFERENT" in cli("status").out) is shown


def test_the_plan_of_a_stopped_operation_says_so(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    uploading(gateway)
    stopped = replace(gateway.state.operations["backup"], state=OperationState.STOPPED)
    gateway.state = replace(gateway.state, operations={"backup": stopped}, steps={}, jobs={})
    lines = cli("plan", "status", "backup").out.splitlines()
    assert lines[0] == "backup STOPPED"
    assert "├─ Upload STOPPED" in lines
    assert "│  ├─ node-1 STOPPED  [STOPPED] the operation backup was stopped" in lines
    rows = cli("plan", "status", "backup", "-o", "tsv").out.splitlines()
    assert any(row.startswith("backup\tUpload\tnode-1\tWAITING\tSTOPPED\t") for row in rows)
