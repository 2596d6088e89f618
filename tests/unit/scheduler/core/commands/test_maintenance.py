"""What operators may ask of operations, and the sentence for everything that is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import (
    Command,
    ForceComplete,
    Interrupt,
    Proceed,
    Refusal,
    RestartStep,
    ResumeOperation,
    StartOperation,
    StopOperation,
    TuneOperation,
)
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.codec import changes, removals
from scheduler.core.state.exclusion import exclusion, remarks
from scheduler.core.state.node import Failures
from scheduler.core.state.operation import OperationRecord, OperationState, StepRecord, StepState
from scheduler.core.state.operation_kinds import KINDS
from scheduler.core.state.record_kinds import path_of
from tests.unit.scheduler.core.samples import begin, operation, state, step, up

NOW = 100.0
COMPLETE, STOPPED, STOPPING = OperationState.COMPLETE, OperationState.STOPPED, OperationState.STOPPING
DONE = step("cleanup.Cleanup.node-0", StepState.COMPLETE)
FAILED = step(
    "cleanup.Cleanup.node-1", StepState.FAILED, failures=Failures(3, 0.0, "no"), interruptions=2, finished_at=90.0
)


def known(*operations: OperationRecord, steps: tuple[StepRecord, ...] = (), **more: Any) -> ClusterState:
    return state(
        up(0),
        up(1),
        up(2),
        operations={item.kind: item for item in operations},
        steps={item.key: item for item in steps},
        **more,
    )


def done(found: ClusterState, command: Command) -> ClusterState:
    outcome = apply_command(found, command, NOW)
    assert not isinstance(outcome, Refusal), outcome
    return outcome


def test_a_start_is_one_record_and_the_steps_before_it_go() -> None:
    before = known(operation("cleanup", COMPLETE), steps=(DONE, step("flush.Flush.node-0", StepState.COMPLETE)))
    command = replace(begin("cleanup", "second", sealed="sealed"), facts={"a": 1}, tuning={"b": 2})
    after = done(before, command)
    expected = OperationRecord(
        kind="cleanup",
        id="second",
        state=OperationState.RUNNING,
        nodes=("node-0", "node-1", "node-2"),
        request=command.request,
        started_at=NOW,
        principal="operator",
        facts={"a": 1},
        tuning={"b": 2},
        sealed="sealed",
    )
    assert changes(before, after) == (expected,)
    assert removals(before, after) == (path_of(DONE),)


LIVE = operation("cleanup")
BEING_STOPPED = operation("cleanup", STOPPING)
BACKUP = operation("backup", STOPPED)
UPLOAD = step("backup.Upload.node-0", StepState.COMPLETE)
SNAPSHOTS = tuple(step(f"backup.Snapshot.node-{index}", StepState.COMPLETE) for index in range(3))


# Its record stays until its task has ended.
GONE = state(up(0), up(1), up(2, mode="DECOMMISSIONED"))


@pytest.mark.parametrize(
    ("found", "command", "kind", "words"),
    [
        (
            known(LIVE),
            begin("cleanup", "b"),
            "conflict",
            "Cleanup already in progress since 1970-01-01T00:00:10Z (id",
        ),
        (known(LIVE), begin("flush", "b"), "conflict", "Flush cannot begin: Cleanup is in progress since 1970-01-01T0"),
        (known(BEING_STOPPED), begin("cleanup", "b"), "conflict", "Cleanup already being stopped since 1970-01-01T00:"),
        (known(), begin("flush", nodes=4), "invalid", "nodes: there is no node-3"),
        (GONE, begin("backup"), "conflict", "nodes: node-2 left the ring meanwhile: nothing was changed."),
        (known(), StopOperation("repair"), "conflict", "Repair already not running"),
        (known(BEING_STOPPED), TuneOperation("repair", {}), "conflict", "Repair already not running"),
        (known(BACKUP), StopOperation("backup"), "conflict", "Backup already not running"),
        (known(), ResumeOperation("repair"), "conflict", "no stopped Repair can be continued"),
        (known(LIVE), ResumeOperation("cleanup"), "conflict", "no stopped Cleanup can be continued"),
        (
            known(BACKUP),
            ResumeOperation("backup"),
            "invalid",
            "a Backup that was stopped cannot be continued; start",
        ),
        (
            known(operation("repair", STOPPED), LIVE),
            ResumeOperation("repair"),
            "conflict",
            "Repair cannot begin: Cleanup is in progress since",
        ),
        (
            known(LIVE),
            TuneOperation("cleanup", {"b": 1, "a": 1}),
            "invalid",
            "a, b cannot be changed while a",
        ),
        (known(), Interrupt("cleanup"), "unknown", "there is no plan 'cleanup'; there are deploy, recovery"),
        (known(BACKUP), Interrupt("backup"), "conflict", "Backup already not running"),
        (known(BACKUP), Proceed("backup"), "invalid", "cannot be continued"),
        (known(operation("flush", COMPLETE)), Proceed("flush"), "conflict", "Flush already not running"),
        (known(LIVE, steps=(DONE,)), RestartStep("cleanup", None, "node-9"), "unknown", "has no step 'node-9'"),
        (
            known(BEING_STOPPED, steps=(FAILED,)),
            RestartStep("cleanup", None, "node-1"),
            "conflict",
            "already not running",
        ),
        (known(BACKUP), ForceComplete("backup", "Upload", "node-1"), "conflict", "Backup already not running"),
        (
            known(LIVE, steps=(step("cleanup.Cleanup.node-0", StepState.RUNNING),)),
            ForceComplete("cleanup", "Cleanup", "node-0"),
            "conflict",
            "the job of the step Cleanup of node-0 runs: stop the operation, or wait for its end",
        ),
        (
            known(operation("backup"), steps=(*SNAPSHOTS, UPLOAD)),
            RestartStep("backup", "Snapshot", "node-1"),
            "conflict",
            "the step Snapshot of node-1 cannot begin again: the operation has reached the phase Describe",
        ),
    ],
)
def test_refusals(found: ClusterState, command: Command, kind: str, words: str) -> None:
    outcome = apply_command(found, command, NOW)
    assert isinstance(outcome, Refusal), outcome
    assert outcome.kind.value == kind
    assert words in outcome.message


@pytest.mark.parametrize("make", [RestartStep, ForceComplete])
def test_a_step_without_a_phase_is_the_first_of_its_name_that_is_not_complete(
    make: type[RestartStep | ForceComplete],
) -> None:
    """A node has a step in most phases, and those of the phases that are over cannot be meant."""
    described = step("backup.Describe.cluster", StepState.COMPLETE)
    failed = step("backup.Upload.node-1", StepState.FAILED, failures=Failures(3, 0.0, "no"))
    before = known(operation("backup"), steps=(*SNAPSHOTS, described, UPLOAD, failed))
    named, unnamed = (done(before, make("backup", phase, "node-1")) for phase in ("Upload", None))
    assert unnamed == named
    assert unnamed.steps[failed.key] != failed


@pytest.mark.parametrize("running", KINDS)
@pytest.mark.parametrize("asked", KINDS)
def test_no_two_operations_run_at_once(running: str, asked: str) -> None:
    for word in OperationState:
        reason = exclusion(known(operation(running, word)), asked, {})
        assert (reason is not None) is (word in (OperationState.RUNNING, STOPPING))
    assert exclusion(known(), asked, {}) is None


PLACE = {"external_location": "s3://a", "endpoint": ""}
OLD, OTHER, BY_AGE = ({**PLACE, "backup_name": name} for name in ("old", "other", None))


def in_error(kind: str, request: Any) -> tuple[OperationRecord, StepRecord]:
    phase = KINDS[kind].phases[0]
    failures = Failures(3, 0.0, "no room")
    name = "cluster" if phase.once else "node-1"
    return operation(kind, request=request), step(f"{kind}.{phase.name}.{name}", StepState.FAILED, failures=failures)


@pytest.mark.parametrize("running", KINDS)
@pytest.mark.parametrize("asked", KINDS)
def test_one_that_waits_for_an_operator_lets_others_begin(running: str, asked: str) -> None:
    """Of the same name at the same place, so that whatever may be excluded is."""
    found, failed = in_error(running, OLD)
    excluded = {
        "backup": {"backup", "restore", "backup-delete", "decommission"},
        "restore": {"restore", "backup-delete", "decommission"},
        "backup-verify": {"backup-verify", "backup-delete"},
        "backup-delete": {"backup-delete", "backup"},
    }
    reason = exclusion(known(found, steps=(failed,)), asked, OLD)
    assert (reason is not None) is (asked in excluded.get(running, {running}))
    if reason is not None:
        assert f"failed in its step {failed.phase} of {failed.name}: no room" in reason
        assert f"restart that step, or stop the {running}" in reason


def test_the_reason_of_a_refusal_names_nodes() -> None:
    address = up(1).address
    found, failed = in_error("backup", OLD)
    failed = replace(failed, failures=replace(failed.failures, message=f"CQL on {address}:9042: refused"))
    reason = exclusion(known(found, steps=(failed,)), "backup", OLD)
    assert f"CQL on node-1 ({address}:9042): refused" in str(reason)


@pytest.mark.parametrize(
    ("running", "request_of", "asked", "wanted", "excluded"),
    [
        ("backup", OLD, "backup-delete", OTHER, False),
        ("backup", OLD, "backup-delete", BY_AGE, True),
        ("restore", OLD, "backup-delete", {**OLD, "external_location": "s3://b"}, False),
        # The same server, as the location names it and as the endpoint does.
        (
            "restore",
            {**OLD, "endpoint": "https://S3.example"},
            "backup-delete",
            {**BY_AGE, "external_location": "https://s3.example:443/a", "endpoint": None},
            True,
        ),
        ("restore", OLD, "backup-delete", {**BY_AGE, "external_location": "https://s3.example/a"}, False),
        ("backup-delete", OLD, "backup", OTHER, False),
        ("backup-delete", BY_AGE, "backup", OTHER, False),
        ("restore", OLD, "backup", OTHER, False),
    ],
)
def test_what_another_one_needs(running: str, request_of: Any, asked: str, wanted: Any, excluded: bool) -> None:
    found, failed = in_error(running, request_of)
    assert (exclusion(known(found, steps=(failed,)), asked, wanted) is not None) is excluded


def test_one_in_error_whose_other_jobs_run_excludes_all() -> None:
    found, failed = in_error("cleanup", {})
    runs = step("cleanup.Cleanup.node-0", StepState.RUNNING)
    assert exclusion(known(found, steps=(failed, runs)), "flush", {}) is not None


def test_its_step_restarted_while_another_one_works_it_waits_its_turn() -> None:
    found, failed = in_error("cleanup", {})
    alone = done(known(found, steps=(failed,)), RestartStep("cleanup", None, "node-1"))
    assert not alone.operations["cleanup"].queued
    for command in (RestartStep("cleanup", None, "node-1"), ForceComplete("cleanup", None, "node-1")):
        beside = done(known(found, operation("flush"), steps=(failed,)), command)
        assert beside.operations["cleanup"].queued
        assert exclusion(beside, "repair", {}) is not None


def test_a_backup_beside_a_restore_in_error_is_told() -> None:
    found, failed = in_error("restore", OLD)
    assert "restored so far is backed up as it is" in remarks(known(found, steps=(failed,)), "backup")
    assert remarks(known(found, steps=(failed,)), "repair") == ""
    assert remarks(known(operation("restore")), "backup") == ""


def test_a_stop_is_one_word() -> None:
    after = done(known(LIVE, steps=(DONE,)), StopOperation("cleanup"))
    assert after.operations["cleanup"] == replace(LIVE, state=STOPPING, stopped_by="an operator")
    assert apply_command(after, StopOperation("cleanup"), NOW) == after


@pytest.mark.parametrize("command", [ResumeOperation("cleanup", "new"), Proceed("cleanup")])
def test_going_on_keeps_what_is_done(command: Command) -> None:
    stopped = operation("cleanup", STOPPED, finished_at=95.0)
    after = done(known(stopped, steps=(DONE, FAILED)), command)
    sealed = "new" if isinstance(command, ResumeOperation) else ""
    assert after.operations["cleanup"] == replace(
        stopped, state=OperationState.RUNNING, finished_at=None, sealed=sealed
    )
    assert after.steps[DONE.key] == DONE
    again = replace(FAILED, state=StepState.PENDING, failures=Failures(), interruptions=0, finished_at=None)
    assert after.steps[FAILED.key] == again


def test_interrupt_and_proceed() -> None:
    after = done(known(LIVE), Interrupt("cleanup", "alice"))
    assert after.operations["cleanup"] == replace(LIVE, interrupted=True, interrupted_by="alice", interrupted_at=NOW)
    assert done(after, Proceed("cleanup")).operations["cleanup"] == LIVE
    assert "cleanup" not in after.plans


def test_tuning_changes_what_it_names() -> None:
    asked = operation("backup", tuning={"throttle": 5, "other": 1})
    assert done(known(asked), TuneOperation("backup", {"throttle": 0})).operations["backup"].tuning == {
        "throttle": 0,
        "other": 1,
    }


def test_a_step_is_forced_or_begun_anew() -> None:
    found = known(LIVE, steps=(DONE, FAILED))
    forced = done(found, ForceComplete("cleanup", None, "node-1"))
    assert forced.steps[FAILED.key] == replace(FAILED, state=StepState.COMPLETE, forced=True)
    assert done(found, ForceComplete("cleanup", None, "node-0")) == found
    blank = done(found, ForceComplete("cleanup", "Cleanup", "node-2")).steps["cleanup.Cleanup.node-2"]
    assert (
        blank == step("cleanup.Cleanup.node-2", operation="first", state=StepState.PENDING, forced=True) or blank.forced
    )
    anew = done(forced, RestartStep("cleanup", None, "node-1")).steps[FAILED.key]
    assert anew == replace(FAILED, state=StepState.PENDING, failures=Failures(), interruptions=0)
    again = done(found, RestartStep("cleanup", None, "node-0")).steps[DONE.key]
    assert again == replace(DONE, state=StepState.PENDING)


def test_commands_do_not_show_what_is_sealed() -> None:
    assert "words" not in repr(begin("backup", sealed="words"))
    assert "words" not in repr(ResumeOperation("backup", "words"))
    assert isinstance(begin("backup"), StartOperation)
