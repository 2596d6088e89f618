"""An operation as it stands: whose turn it is, and what holds a step or a node back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from executor.protocol import JobProgress
from executor.sentences import stamp
from scheduler.core.maintenance.progress import (
    at_once,
    choose_node,
    node_block,
    percent_done,
    turn_block,
    view_operation,
)
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import Failures, NodeRecord, TaskState
from scheduler.core.state.operation import OperationRecord, OperationState, StepRecord, StepState, is_live
from scheduler.core.state.operation_kinds import KINDS
from scheduler.core.state.operation_steps import steps
from scheduler.core.state.reason import Reason
from tests.unit.scheduler.core.samples import down, node, operation, state, step, up

NOW = 100.0
COMPLETE, FAILED, PENDING, RUNNING = StepState.COMPLETE, StepState.FAILED, StepState.PENDING, StepState.RUNNING
STOPPING, STOPPED = OperationState.STOPPING, OperationState.STOPPED


def known(asked: OperationRecord, *found: StepRecord, nodes: tuple[NodeRecord, ...] = ()) -> ClusterState:
    members = nodes or (up(0), up(1), up(2))
    return state(*members, operations={asked.kind: asked}, steps={item.key: item for item in found})


def phase(name: str, state_: StepState, *others: StepState, **changes: Any) -> list[StepRecord]:
    """Steps of a phase of a backup on the nodes, in these states."""
    return [step(f"backup.{name}.node-{index}", each, **changes) for index, each in enumerate((state_, *others))]


SNAPSHOTS = phase("Snapshot", COMPLETE, COMPLETE, COMPLETE)
DESCRIBED = [*SNAPSHOTS, step("backup.Describe.cluster", COMPLETE)]
UPLOADED = [*DESCRIBED, *phase("Upload", COMPLETE, COMPLETE, COMPLETE)]


def test_a_phase_that_an_operation_was_done_without_is_not_shown() -> None:
    """One that an earlier version completed, which had no such phase."""
    asked = operation("backup", OperationState.COMPLETE)
    view = view_operation(known(asked, *DESCRIBED, step("backup.Complete.cluster", COMPLETE)), asked)
    assert [phase.name for phase, _ in view.phases] == ["Snapshot", "Describe", "Complete"]
    assert view.finished


@pytest.mark.parametrize(
    ("word", "found", "current"),
    [
        ("RUNNING", [], 0),
        ("RUNNING", SNAPSHOTS[:2], 0),
        ("RUNNING", SNAPSHOTS, 1),
        ("RUNNING", DESCRIBED, 2),
        ("RUNNING", [*DESCRIBED, *phase("Upload", COMPLETE, FAILED, RUNNING)], 2),
        ("RUNNING", UPLOADED, 3),
        ("RUNNING", [*UPLOADED, step("backup.Complete.cluster", COMPLETE)], 4),
        ("RUNNING", [*UPLOADED, step("backup.Complete.cluster", COMPLETE), *phase("Clear", *[COMPLETE] * 3)], 5),
        ("RUNNING", [replace(item, operation="older") for item in UPLOADED], 0),
        ("STOPPING", [], 5),
        ("STOPPING", phase("Snapshot", RUNNING, COMPLETE), 0),
        ("STOPPING", SNAPSHOTS, 4),
        ("STOPPING", [*DESCRIBED, *phase("Upload", RUNNING)], 2),
        ("STOPPING", [*SNAPSHOTS, *phase("Clear", RUNNING, COMPLETE, COMPLETE)], 4),
        ("STOPPING", [*SNAPSHOTS, *phase("Clear", COMPLETE, FAILED, COMPLETE)], 5),
        ("STOPPING", [*SNAPSHOTS, *phase("Clear", COMPLETE, FAILED, PENDING)], 4),
        ("STOPPED", SNAPSHOTS, 5),
        ("COMPLETE", [*UPLOADED, step("backup.Complete.cluster", COMPLETE), *phase("Clear", *[COMPLETE] * 3)], 5),
    ],
)
def test_whose_turn_it_is(word: str, found: list[StepRecord], current: int) -> None:
    asked = operation("backup", OperationState(word))
    view = view_operation(known(asked, *found), asked)
    assert view.current == current
    assert view.finished is (current == 5)


def test_after_a_stop_only_nodes_that_are_up_and_began_are_tidied_up() -> None:
    asked = operation("backup", STOPPING)
    begun = phase("Snapshot", COMPLETE, PENDING, PENDING)
    assert view_operation(known(asked, *begun), asked).current == 4
    assert view_operation(known(asked, *begun, nodes=(down(0), up(1), up(2))), asked).finished
    assert view_operation(known(asked, *begun[1:]), asked).finished
    cleanup = operation("cleanup", STOPPING)
    assert view_operation(known(cleanup, step("cleanup.Cleanup.node-0", COMPLETE)), cleanup).finished


def test_steps_are_blank_where_nothing_is_recorded() -> None:
    asked = operation("backup")
    old = step("backup.Snapshot.node-1", FAILED, operation="older")
    found = list(steps(known(asked, old, SNAPSHOTS[2]), asked, KINDS["backup"].phases[0]))
    assert found[:2] == [StepRecord("backup", "first", "Snapshot", f"node-{index}") for index in range(2)]
    assert found[2] is SNAPSHOTS[2]
    assert [item.name for item in steps(known(asked), asked, KINDS["backup"].phases[1])] == ["cluster"]


def test_a_view_says_what_runs_what_failed_and_who_joins() -> None:
    asked = operation("backup")
    uploads = phase("Upload", COMPLETE, RUNNING, FAILED)
    other = step("cleanup.Cleanup.node-2", RUNNING, operation="second")
    joining = node(3, TaskState.STAGING)
    found = known(asked, *DESCRIBED, *uploads, other, nodes=(up(0), up(1), up(2), joining))
    view = view_operation(found, asked)
    assert view.running == ((), (), (uploads[1],), (), ())
    assert view.failed == uploads[2]
    assert view.begun == {"node-0", "node-1", "node-2", "cluster"}
    cleared = step("backup.Clear.node-1", COMPLETE)
    assert view_operation(known(asked, SNAPSHOTS[0], cleared), asked).begun == {"node-0"}
    assert view.busy == {"node-1": uploads[1], "node-2": other}
    assert view.joining == joining
    ended = replace(asked, state=STOPPED)
    assert view_operation(replace(found, operations={"backup": ended}), ended).busy == {}


@pytest.mark.parametrize(
    ("kind", "request_", "index", "expected"),
    [
        ("cleanup", {"parallelism": 1}, 0, 1),
        ("cleanup", {"parallelism": 2}, 0, 2),
        ("cleanup", {"parallelism": 0}, 0, 3),
        ("repair", {"parallelism": "dc_parallel"}, 0, 1),
        ("backup", {"upload_parallelism": 2}, 0, 3),
        ("backup", {"upload_parallelism": 2}, 1, 1),
        ("backup", {"upload_parallelism": 2}, 2, 2),
        ("backup", {"upload_parallelism": 2}, 4, 3),
        ("restore", {"parallelism": 0}, 2, 3),
    ],
)
def test_how_many_run_side_by_side(kind: str, request_: dict[str, Any], index: int, expected: int) -> None:
    assert at_once(operation(kind, request=request_), KINDS[kind].phases[index]) == expected


LATE = Failures(1, NOW + 7.4, "disk full")
UPLOAD = "backup.Upload.node-2"


@pytest.mark.parametrize(
    ("word", "interrupted", "found", "key", "code", "words"),
    [
        ("RUNNING", False, DESCRIBED, UPLOAD, None, ""),
        ("RUNNING", False, SNAPSHOTS, UPLOAD, "EARLIER_PHASE", "waits for the phase Describe"),
        ("RUNNING", False, [*DESCRIBED, *phase("Upload", RUNNING)], UPLOAD, "EARLIER_NODE", "waits for node-0"),
        (
            "RUNNING",
            False,
            [*DESCRIBED, step(UPLOAD, failures=LATE)],
            UPLOAD,
            "BACK_OFF",
            "next attempt in 7 s, after 1",
        ),
        (
            "RUNNING",
            False,
            [*DESCRIBED, step(UPLOAD, FAILED, failures=Failures(3, 0.0, "disk full"))],
            UPLOAD,
            "FAILED",
            "failed 3 times; the last message: disk full",
        ),
        (
            "RUNNING",
            False,
            [*DESCRIBED, *phase("Upload", FAILED)],
            UPLOAD,
            "OTHER_FAILED",
            "waits for an operator: the step Upload of node-0 failed",
        ),
        ("RUNNING", True, DESCRIBED, UPLOAD, "INTERRUPTED", "the plan backup was interrupted by an operator"),
        ("RUNNING", True, SNAPSHOTS, UPLOAD, "EARLIER_PHASE", "Describe"),
        ("STOPPING", False, DESCRIBED, UPLOAD, "STOPPED", "is being stopped"),
        ("STOPPED", False, DESCRIBED, UPLOAD, "STOPPED", "was stopped"),
        ("COMPLETE", False, UPLOADED, UPLOAD, "STOPPED", "was stopped"),
        ("STOPPING", False, DESCRIBED, "backup.Clear.node-1", None, ""),
        ("STOPPING", True, DESCRIBED, "backup.Clear.node-1", None, ""),
        ("STOPPING", False, SNAPSHOTS[:1], "backup.Clear.node-1", "STOPPED", "and had not begun on node-1"),
        ("STOPPING", False, [*DESCRIBED, *phase("Upload", FAILED)], "backup.Clear.node-1", None, ""),
        ("STOPPING", False, [*DESCRIBED, *phase("Upload", RUNNING)], "backup.Clear.node-1", "EARLIER_PHASE", "Upload"),
    ],
)
def test_what_holds_a_step_back(
    word: str, interrupted: bool, found: list[StepRecord], key: str, code: str | None, words: str
) -> None:
    asked = operation("backup", OperationState(word), interrupted=interrupted)
    kept = known(asked, *found)
    view = view_operation(kept, asked)
    index = [item.name for item in KINDS["backup"].phases].index(key.split(".")[1])
    chosen = next(item for item in view.phases[index][1] if item.key == key)
    reason = turn_block(view, index, chosen, NOW)
    assert (reason.code.value if reason else None) == code
    assert reason is None or words in reason.sentence


def test_a_step_of_the_cluster_waits_for_no_node_that_has_left() -> None:
    asked = operation("backup", nodes=3)
    kept = state(NodeRecord(0, left=True), down(1), operations={"backup": asked})
    reason = choose_node(kept, view_operation(kept, asked), step("backup.Describe.cluster"))
    assert isinstance(reason, Reason)
    assert reason.sentence == "waits for node-1 to be NORMAL: its mode is UNKNOWN"


BUSY = step("cleanup.Cleanup.node-0", RUNNING, operation="second")


# The record keeps the last mode of a task that Mesos cannot see.
AWAY = replace(down(0, TaskState.UNREACHABLE), mode="NORMAL")


@pytest.mark.parametrize(
    ("nodes", "found", "code", "words"),
    [
        ((up(0),), [], None, ""),
        ((), [], "NODE_DOWN", "node-0 has left the ring: stop the backup, and start another one"),
        ((NodeRecord(0, left=True),), [], "NODE_DOWN", "node-0 has left the ring: stop the backup, and start"),
        ((up(0, mode="LEAVING"),), [], "NODE_DOWN", "its mode is LEAVING"),
        ((down(0),), [], "NODE_DOWN", "its mode is UNKNOWN"),
        ((down(0, TaskState.UNREACHABLE),), [], "NODE_DOWN", "its mode is UNKNOWN"),
        (
            (AWAY,),
            [],
            "NODE_DOWN",
            "waits for node-0 to be NORMAL: its agent cannot be reached; it may still run there",
        ),
        ((up(0),), [BUSY], "OTHER_JOB", "waits for the job Cleanup of node-0 of the operation cleanup"),
        ((up(0), node(1, TaskState.STAGING)), [], "OTHER_JOINS", "waits for node-1 to join the ring"),
    ],
)
def test_what_holds_a_node_back(
    nodes: tuple[NodeRecord, ...], found: list[StepRecord], code: str | None, words: str
) -> None:
    asked = operation("backup", nodes=1)
    kept = state(*nodes, operations={"backup": asked}, steps={item.key: item for item in found})
    view = view_operation(kept, asked)
    reason = node_block(view, kept.nodes.get("node-0"), "node-0")
    assert (reason.code.value if reason else None) == code
    assert reason is None or words in reason.sentence
    chosen = choose_node(kept, view, step("backup.Snapshot.node-0"))
    assert chosen == (kept.nodes["node-0"] if reason is None else reason)


@pytest.mark.parametrize(
    ("nodes", "chosen"),
    [
        ((up(0), up(1), up(2)), "node-0"),
        ((down(0), up(1), up(2)), "node-1"),
        ((down(0), down(1), up(2)), "node-2"),
        ((down(0), down(1), down(2)), "waits for node-0 to be NORMAL: its mode is UNKNOWN"),
    ],
)
def test_a_step_of_the_cluster_goes_to_the_first_node_that_is_ready(nodes: tuple[NodeRecord, ...], chosen: str) -> None:
    asked = operation("backup")
    kept = known(asked, nodes=nodes)
    found = choose_node(kept, view_operation(kept, asked), step("backup.Describe.cluster"))
    assert (found.sentence if isinstance(found, Reason) else found.name) == chosen


@pytest.mark.parametrize(
    ("word", "live"), [("RUNNING", True), ("STOPPING", True), ("STOPPED", False), ("COMPLETE", False)]
)
def test_which_operations_live(word: str, live: bool) -> None:
    assert is_live(operation("cleanup", OperationState(word))) is live


def test_times_are_for_people() -> None:
    assert stamp(1_700_000_000.9) == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize(("percent", "expected"), [(50.0, 16.7), (1e6, 33.3), (-200.0, 0.0), (None, 0.0)])
def test_no_job_counts_more_than_all_or_less_than_nothing(percent: float | None, expected: float) -> None:
    """An executor of an earlier version reports what Cassandra told it."""
    asked = operation("cleanup")
    found = step("cleanup.Cleanup.node-0", RUNNING, progress=JobProgress(percent=percent))
    known_ = known(asked, found)
    assert percent_done(known_, view_operation(known_, asked)) == expected
