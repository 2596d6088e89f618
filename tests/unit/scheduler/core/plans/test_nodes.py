"""What people see of the plans."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.plans.build import build_plans
from scheduler.core.plans.plan import Plan, Status, Step, stable_id
from scheduler.core.state.cluster import ClusterState, Memory, Reconciliation
from scheduler.core.state.configuration import Configuration, PlanRecord
from scheduler.core.state.node import Failures, NodeRecord, TaskState
from tests.unit.scheduler.core.samples import TARGET, down, node, spec, state, up

NOW = 100.0
FIRST = node(0, TaskState.FAILED)


def deploy_step(found: ClusterState, name: str) -> Step:
    return next(step for step in build_plans(found, NOW)["deploy"].phases[2].steps if step.name == name)


def told(found: ClusterState, name: str, **changes: Any) -> ClusterState:
    """The same where this node said something else of itself."""
    seen = found.sightings[name]
    changed = replace(seen, status=replace(seen.status, **changes))
    return replace(found, sightings={**found.sightings, name: changed})


@pytest.mark.parametrize(
    ("found", "name", "status", "reason", "part"),
    [
        pytest.param(state(), "node-0", "PENDING", "NO_OFFER", "waits for an offer", id="new"),
        pytest.param(state(), "node-1", "PENDING", "EARLIER_NODE", "waits for node-0", id="later"),
        pytest.param(
            state(memory=Memory(waits={"node-0": "none of 3 offers fits: cpus"})),
            "node-0",
            "PENDING",
            "NO_OFFER_FITS",
            "none of 3 offers fits: cpus",
            id="no fit",
        ),
        pytest.param(state(node(0, TaskState.STAGING)), "node-0", "STARTING", "STAGING", "mode: UNKNOWN", id="staging"),
        pytest.param(state(node(0, TaskState.STARTING)), "node-0", "STARTED", "STARTING", "", id="starting"),
        pytest.param(state(node(0, mode="JOINING")), "node-0", "STARTED", "MODE", "mode: JOINING", id="joining"),
        pytest.param(state(node(0)), "node-0", "STARTED", "NO_STATUS", "", id="silent"),
        pytest.param(state(node(0, TaskState.UNREACHABLE)), "node-0", "WAITING", "UNREACHABLE", "", id="unreachable"),
        pytest.param(state(up(0)), "node-0", "COMPLETE", "DONE", "mode: NORMAL; deployed", id="up"),
        pytest.param(
            told(state(up(0)), "node-0", error="its disk is full"),
            "node-0",
            "COMPLETE",
            "DONE",
            "deployed, but its disk is full",
            id="up, with something wrong",
        ),
        pytest.param(state(down(0)), "node-0", "COMPLETE", "DONE", "but down: see the plan recovery", id="down"),
        pytest.param(state(node(0, forced=True)), "node-0", "COMPLETE", "FORCED", "operator", id="forced"),
        pytest.param(state(down(0)), "node-1", "WAITING", "NODE_DOWN", "while node-0 is down", id="member down"),
        pytest.param(
            state(*map(down, range(2)), wanted=spec(3)),
            "node-2",
            "WAITING",
            "NODE_DOWN",
            "while node-0, node-1 are down",
            id="two members down",
        ),
        pytest.param(
            state(*map(down, range(7)), wanted=spec(8)),
            "node-7",
            "WAITING",
            "NODE_DOWN",
            "while node-0, node-1, node-2, node-3, node-4 and 2 more are down",
            id="seven members down",
        ),
        pytest.param(
            state(node(0, forced=True)), "node-1", "WAITING", "OTHER_JOINS", "while node-0 does", id="other joins"
        ),
        pytest.param(
            state(replace(FIRST, failures=Failures(2, NOW + 4.2, "bad heap"))),
            "node-0",
            "DELAYED",
            "BACK_OFF",
            "next attempt in 4 s, after 2 failures: bad heap",
            id="back-off",
        ),
        pytest.param(
            state(replace(FIRST, failures=Failures(5, NOW + 9, "bad heap"))),
            "node-0",
            "ERROR",
            "FAILED",
            "5 times in a row; the last message: bad heap",
            id="gave up",
        ),
        pytest.param(
            state(plans={"deploy": PlanRecord("deploy", interrupted=True)}),
            "node-0",
            "WAITING",
            "INTERRUPTED",
            "interrupted",
            id="interrupted",
        ),
        pytest.param(
            state(plans={"deploy": PlanRecord("deploy", interrupted=True)}),
            "node-1",
            "PENDING",
            "EARLIER_NODE",
            "",
            id="interrupted later",
        ),
        pytest.param(
            state(up(0), reconciliation=Reconciliation(frozenset({"node-0"}), started=True)),
            "node-1",
            "PENDING",
            "RECONCILING",
            "",
            id="reconciling",
        ),
        pytest.param(state(registered=False), "node-0", "PENDING", "NOT_REGISTERED", "", id="not registered"),
        pytest.param(
            state(node(0, TaskState.GONE_BY_OPERATOR)), "node-0", "WAITING", "AGENT_GONE", "restart this", id="gone"
        ),
    ],
)
def test_deploy_steps(found: ClusterState, name: str, status: str, reason: str, part: str) -> None:
    step = deploy_step(found, name)
    assert (step.status, step.reason) == (status, reason), step
    assert part in step.message
    assert step.message.startswith(f"Deploying Cassandra node {name} mode: ")


def test_a_node_without_the_target_configuration_says_so() -> None:
    newer = Configuration("configuration-2", 0.0, spec(3))
    found = replace(state(up(0)), target=newer)
    assert f"with configuration {TARGET} until it is relaunched" in deploy_step(found, "node-0").message


def words(plan: Plan) -> list[str]:
    return [plan.status, *(phase.status for phase in plan.phases)]


@pytest.mark.parametrize(
    ("found", "deploy"),
    [
        pytest.param(state(), ["IN_PROGRESS", "COMPLETE", "COMPLETE", "PENDING"], id="placement that nothing fits"),
        pytest.param(state(up(0), up(1), up(2)), ["COMPLETE"] * 4, id="complete"),
        pytest.param(state(up(0)), ["IN_PROGRESS", "COMPLETE", "COMPLETE", "IN_PROGRESS"], id="in progress"),
        pytest.param(
            state(up(0), plans={"deploy": PlanRecord("deploy", interrupted=True)}),
            ["WAITING", "COMPLETE", "COMPLETE", "WAITING"],
            id="interrupted",
        ),
        pytest.param(
            state(up(0), up(1), up(2), plans={"deploy": PlanRecord("deploy", interrupted=True)}),
            ["COMPLETE"] * 4,
            id="interrupted with nothing left",
        ),
        pytest.param(
            state(up(0), up(1), up(2), configuration_errors=("no",)),
            ["ERROR", "COMPLETE", "COMPLETE", "COMPLETE"],
            id="refused settings",
        ),
    ],
)
def test_the_deploy_plan_as_a_whole(found: ClusterState, deploy: list[str]) -> None:
    assert words(build_plans(found, NOW)["deploy"]) == deploy


def test_the_phases_of_the_contract() -> None:
    plan = build_plans(state(), NOW)["deploy"]
    assert [phase.name for phase in plan.phases] == ["Reconciliation", "Sync Datacenter", "Deploy"]
    assert [[step.name for step in phase.steps] for phase in plan.phases] == [
        ["Reconciliation"], [], ["node-0", "node-1", "node-2"],
    ]  # fmt: skip


def test_steps_are_in_numeric_order() -> None:
    steps = build_plans(state(wanted=spec(12)), NOW)["deploy"].phases[2].steps
    assert [step.name for step in steps][8:] == ["node-8", "node-9", "node-10", "node-11"]


@pytest.mark.parametrize(
    ("record", "status", "reason"),
    [
        (down(1, TaskState.UNREACHABLE), "WAITING", "UNREACHABLE"),
        (down(1, TaskState.RUNNING), "STARTED", "NO_STATUS"),
        (down(1), "PENDING", "NO_OFFER"),
        (down(1, TaskState.GONE_BY_OPERATOR), "WAITING", "AGENT_GONE"),
        (down(1, failures=Failures(2, NOW + 1)), "DELAYED", "BACK_OFF"),
        (down(1, failures=Failures(5)), "ERROR", "FAILED"),
    ],
)
def test_recovery_steps(record: NodeRecord, status: str, reason: str) -> None:
    plan = build_plans(state(up(0), record), NOW)["recovery"]
    (step,) = plan.phases[0].steps
    assert (step.name, step.status, step.reason) == ("node-1", status, reason)
    assert step.message.startswith("Recovering Cassandra node node-1 mode: UNKNOWN; ")


def test_an_isolated_member_is_down_in_its_own_words_and_waits_to_be_restarted() -> None:
    isolated = replace(up(1), mode="ISOLATED")
    found = told(state(up(0), isolated), "node-1", error="Read-only file system")
    (step,) = build_plans(found, NOW)["recovery"].phases[0].steps
    assert (step.name, step.status, step.reason) == ("node-1", Status.STARTED, "MODE")
    assert step.message.endswith("node-1 is in mode ISOLATED: Read-only file system")


def test_recovery_has_nothing_to_do_with_nodes_that_are_no_members() -> None:
    plan = build_plans(state(up(0), node(1, TaskState.FAILED)), NOW)["recovery"]
    assert (plan.status, plan.phases[0].steps) == (Status.COMPLETE, ())


@pytest.mark.parametrize(
    ("progress", "status", "part"),
    [
        (Reconciliation(), "PENDING", "waits for the subscription"),
        (Reconciliation(started=True), "COMPLETE", "every task"),
        (Reconciliation(frozenset({"node-1", "node-0"}), True, 3), "IN_PROGRESS", "node-0 (agent 127.0.0.2), node-1"),
    ],
)
def test_reconciliation_says_for_whom_it_waits(progress: Reconciliation, status: str, part: str) -> None:
    (step,) = build_plans(state(up(0), up(1), reconciliation=progress), NOW)["deploy"].phases[0].steps
    assert step.status == status
    assert part in step.message


def test_ids_are_the_same_in_every_process() -> None:
    assert stable_id("deploy", "Deploy", "node-0") == "00770326-9a4d-57f3-bfc9-66f839d236fe"
    plan = build_plans(state(), NOW)["deploy"]
    ids = [phase.id for phase in plan.phases] + [step.id for phase in plan.phases for step in phase.steps]
    assert len(ids) == len(set(ids))


def test_every_step_that_is_not_complete_says_why() -> None:
    found = state(up(0), down(1), node(2, TaskState.STAGING), wanted=spec(5))
    for plan in build_plans(found, NOW).values():
        for phase in plan.phases:
            assert all(step.reason and step.message for step in phase.steps)
