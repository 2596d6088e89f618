"""What operators may ask for."""

from __future__ import annotations

import pytest

from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import Command, ForceComplete, Interrupt, Proceed, Refusal, RestartStep
from scheduler.core.plans.plan import stable_id
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.codec import changes
from scheduler.core.state.configuration import PlanRecord
from scheduler.core.state.node import Failures, NodeRecord, Reservation, TaskState
from scheduler.core.state.record_kinds import Record
from tests.unit.scheduler.core.samples import node, state, up

NOW = 100.0
FAILED = node(0, TaskState.FAILED, failures=Failures(5, 0.0, "bad"))


def done(found: ClusterState, command: Command) -> tuple[ClusterState, tuple[Record, ...]]:
    outcome = apply_command(found, command, NOW)
    assert not isinstance(outcome, Refusal), outcome
    return outcome, changes(found, outcome)


@pytest.mark.parametrize("plan", ["deploy", "recovery"])
def test_interrupt_and_proceed_are_stored_once(plan: str) -> None:
    interrupted, records = done(state(), Interrupt(plan, "alice"))
    assert records == (PlanRecord(plan, interrupted=True, interrupted_by="alice", interrupted_at=NOW),)
    assert interrupted.plans[plan].interrupted
    assert done(interrupted, Interrupt(plan, "bob")) == (interrupted, ())
    again, records = done(interrupted, Proceed(plan))
    assert records == (PlanRecord(plan, interrupted=False),)
    assert not again.plans[plan].interrupted
    assert done(state(), Proceed(plan))[1] == ()


@pytest.mark.parametrize(
    "phase", [None, "Deploy", stable_id("deploy", "Deploy")], ids=["any phase", "by name", "by id"]
)
@pytest.mark.parametrize("step", ["node-1", stable_id("deploy", "Deploy", "node-1")], ids=["by name", "by id"])
def test_a_step_is_named_or_numbered(phase: str | None, step: str) -> None:
    after, records = done(state(up(0)), ForceComplete("deploy", phase, step))
    assert list(records) == [after.nodes["node-1"]]
    assert after.nodes["node-1"].forced


@pytest.mark.parametrize(
    ("command", "kind", "part"),
    [
        (Interrupt("backup"), "unknown", "no plan 'backup'; there are deploy, recovery"),
        (ForceComplete("deploy", None, "node-7"), "unknown", "no step 'node-7'"),
        (ForceComplete("deploy", "Backup", "node-0"), "unknown", "no phase 'Backup'"),
        (ForceComplete("deploy", "Reconciliation", "node-0"), "unknown", "no step 'node-0'"),
        (ForceComplete("deploy", None, "Reconciliation"), "invalid", "could be started twice"),
        (ForceComplete("recovery", None, "node-0"), "invalid", "cannot be forced"),
        (RestartStep("recovery", None, "node-1"), "unknown", "no step 'node-1'"),
    ],
)
def test_refusals(command: Command, kind: str, part: str) -> None:
    down = up(0, task=node(0, TaskState.FAILED).task, mode="UNKNOWN")
    outcome = apply_command(state(down), command, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.kind == kind
    assert part in outcome.message


def test_a_restarted_step_forgets_failures_and_force() -> None:
    forced = node(0, TaskState.FAILED, failures=Failures(5, 0.0, "bad"), forced=True)
    after, (record,) = done(state(forced), RestartStep("deploy", None, "node-0"))
    assert record == after.nodes["node-0"] == node(0, TaskState.FAILED)


def test_a_restarted_step_of_a_node_that_runs_changes_nothing() -> None:
    found = state(up(0))
    assert done(found, RestartStep("deploy", None, "node-0")) == (found, ())


def test_a_restarted_step_keeps_what_a_node_holds() -> None:
    after, _ = done(state(FAILED), RestartStep("deploy", None, "node-0"))
    assert (after.nodes["node-0"].agent, after.nodes["node-0"].reservation) == (FAILED.agent, FAILED.reservation)


@pytest.mark.parametrize("word", [TaskState.LOST, TaskState.UNREACHABLE, TaskState.UNKNOWN])
def test_a_restarted_step_gives_up_what_was_never_seen(word: TaskState) -> None:
    record = node(0, word, reservation=Reservation("r", "v", seen=False))
    after = done(state(record), RestartStep("deploy", None, "node-0"))[0].nodes["node-0"]
    assert (after.agent, after.reservation) == (None, None)
    assert [(given_up.id, given_up.unused) for given_up in after.abandoned] == [("r", False)]
    assert after.task is not None
    assert after.task.state is TaskState.LOST


def test_a_restarted_step_never_gives_up_what_a_member_holds() -> None:
    record = up(0, task=node(0, TaskState.LOST).task, reservation=Reservation("r", "v", seen=False))
    found = state(record)
    assert done(found, RestartStep("recovery", None, "node-0")) == (found, ())


def test_a_restarted_step_never_gives_up_a_launch_under_way() -> None:
    record = node(0, TaskState.STAGING, reservation=Reservation("r", "v", seen=False))
    found = state(record)
    assert done(found, RestartStep("deploy", None, "node-0")) == (found, ())


@pytest.mark.parametrize(
    ("record", "unwanted"),
    [
        pytest.param(node(0, TaskState.RUNNING), True, id="it joins, and can hang"),
        pytest.param(node(0, TaskState.STARTING), True, id="its executor starts Cassandra"),
        pytest.param(node(0, TaskState.STAGING), False, id="its agent fetches"),
        pytest.param(node(0, TaskState.UNREACHABLE), False, id="no kill reaches it"),
        pytest.param(node(0, TaskState.KILLED), False, id="it has ended"),
        pytest.param(up(0), False, id="a member"),
    ],
)
def test_a_restarted_step_ends_a_join_under_way_alone(record: NodeRecord, unwanted: bool) -> None:
    task = done(state(record), RestartStep("deploy", "Deploy", "node-0"))[0].nodes["node-0"].task
    assert task is not None
    assert task.unwanted is unwanted


def test_reconciliation_can_be_begun_anew() -> None:
    found = state(up(1), node(2, TaskState.UNREACHABLE), FAILED)
    after, records = done(found, RestartStep("deploy", None, "Reconciliation"))
    assert records == ()
    assert after.reconciliation.pending == {"node-1", "node-2"}
    assert not after.reconciliation.complete
