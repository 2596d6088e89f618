"""How maintenance operations are stopped and go on, told line by line."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import Interrupt, Proceed, RefusalKind, RestartStep, ResumeOperation, StopOperation
from scheduler.core.plans.plan import Status
from scheduler.core.state.operation import OperationState
from scheduler.core.state.operation_kinds import KINDS
from tests.simulation.engine.samples import begin
from tests.simulation.engine.script import Expect, Send, play
from tests.simulation.maintenance.test_operations import RUN_ON, UP, UPLOADS, of

STOPPED = OperationState.STOPPED


def test_a_stop_cancels_the_running_job_and_clears_what_was_begun() -> None:
    world = play(
        [
            *UPLOADS,
            Expect.launched(*of("snapshot"), "describe-node-0", "upload-node-0"),
            Send.command(StopOperation("backup")),
            Expect.operation("backup", OperationState.STOPPING),
            Expect.step("node-1", Status.WAITING, "STOPPED", "backup", "is being stopped", phase="Upload"),
            Send.until_ended("backup"),
            Expect.operation("backup", STOPPED),
            Expect.launched(*of("clear")),
            Expect.snapshots(),
            Expect.running(),
            Expect.step("node-0", Status.WAITING, "STOPPED", "backup", "was stopped", phase="Upload"),
            Expect.step("node-0", Status.COMPLETE, "DONE", "backup", phase="Clear"),
            *RUN_ON,
            Expect.launched(),
        ]
    )
    (record,) = world.scheduler.state.history.values()
    assert record.operation == world.scheduler.state.operations["backup"]
    assert record.steps["Snapshot.node-0"]["result"]["bytes"] == 1000
    assert record.steps["Upload.node-0"]["finished_at"] is None
    assert world.mesos.jobs.backups == []


def test_a_stop_clears_only_where_something_was_begun() -> None:
    play(
        [
            *UP,
            Send.command(Interrupt("recovery")),
            Send.failure("node-1"),
            Send.time(),
            Send.hold("snapshot"),
            Send.command(begin("backup")),
            Send.until_running(*of("snapshot", "node-0", "node-2")),
            Expect.launched(*of("snapshot", "node-0", "node-2")),
            Send.command(StopOperation("backup")),
            Send.until_ended("backup"),
            Expect.launched(*of("clear", "node-0", "node-2")),
            Expect.operation("backup", STOPPED),
            Expect.step("node-1", Status.COMPLETE, "DONE", "backup", "nothing was left to do", phase="Clear"),
        ]
    )


def test_a_stop_does_not_clear_nodes_that_were_not_begun() -> None:
    """Their share was taken by somebody else."""
    world = play(UP)
    taken = []
    for owner, bundle in world.agent("127.0.0.3").available.items():
        if owner:
            taken.append((bundle, bundle.mem))
            bundle.mem = 0
    play(
        [
            Send.hold("snapshot"),
            Send.command(begin("backup")),
            Send.until_running(*of("snapshot", "node-0", "node-2")),
            Expect.launched(*of("snapshot", "node-0", "node-2")),
            Send.command(StopOperation("backup")),
        ],
        world,
    )
    for bundle, mem in taken:
        bundle.mem = mem
    play([Send.until_ended("backup"), Expect.launched(*of("clear", "node-0", "node-2"))], world)


def test_a_stop_before_anything_ran_ends_at_once() -> None:
    play(
        [
            *UP,
            Send.command(begin("backup")),
            Send.command(StopOperation("backup")),
            Send.time(0.0),
            Expect.operation("backup", STOPPED),
            Expect.launched(),
        ]
    )


def test_a_stop_does_not_wait_for_a_node_that_is_down() -> None:
    play(
        [
            *UPLOADS,
            Send.command(Interrupt("recovery")),
            Send.failure("node-0"),
            Send.failure("node-1"),
            Send.time(),
            Send.command(StopOperation("backup")),
            Send.until_ended("backup"),
            Expect.operation("backup", STOPPED),
            Expect.snapshots("127.0.0.2", "127.0.0.3"),
            Send.hold(),
            Send.command(Proceed("recovery")),
            Send.until_complete("recovery"),
            Send.command(begin("backup", "second")),
            Send.until_complete("backup"),
            Expect.snapshots(),
        ]
    )


def test_a_stop_does_not_wait_for_an_agent_that_is_lost_and_its_job_is_ended_when_it_is_back() -> None:
    play(
        [
            *UPLOADS,
            Send.agent_lost("127.0.0.2"),
            Send.time(),
            Send.command(StopOperation("backup")),
            Send.until_ended("backup"),
            Expect.operation("backup", STOPPED),
            Expect.running("upload-node-0"),
            Send.agent_back("127.0.0.2"),
            Send.time(5.0, cycles=10),
            Expect.running(),
            Expect.operation("backup", STOPPED),
            Send.hold(),
            Send.command(begin("backup", "second")),
            Send.until_complete("backup"),
            Expect.snapshots(),
        ]
    )


def test_a_job_of_a_lost_agent_ends_well_after_a_stop_did_not_wait_for_it() -> None:
    play(
        [
            *UP,
            Send.hold("cleanup"),
            Send.command(begin("cleanup")),
            Send.until_running("cleanup-node-0"),
            Send.agent_lost("127.0.0.2"),
            Send.time(),
            Send.command(StopOperation("cleanup")),
            Send.until_ended("cleanup"),
            Send.hold(),
            Send.time(),
            Send.agent_back("127.0.0.2"),
            *RUN_ON,
            Expect.operation("cleanup", STOPPED),
            Expect.step("node-0", Status.WAITING, "STOPPED", "cleanup"),
            Send.command(ResumeOperation("cleanup")),
            Send.until_complete("cleanup"),
        ]
    )


def test_a_stop_that_nothing_is_heard_of_is_repeated() -> None:
    world = play([*UPLOADS, Send.silence("STATUS"), Send.command(StopOperation("backup")), Send.time(1.0, cycles=3)])
    play([Expect.operation("backup", OperationState.STOPPING), Send.silence(), Send.until_ended("backup")], world)
    play([Expect.snapshots()], world)


def test_a_clear_that_fails_does_not_hold_up_a_stop_for_ever() -> None:
    play(
        [
            *UPLOADS,
            Send.job_failures("clear-node-1", "no", hopeless=True),
            Send.command(StopOperation("backup")),
            Send.until_ended("backup"),
            Expect.operation("backup", STOPPED),
            Expect.snapshots("127.0.0.3"),
        ]
    )


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS.values() if kind.resumable])
@pytest.mark.parametrize("by", ["resume", "continue"])
def test_what_was_stopped_goes_on_where_it_was(kind: str, by: str) -> None:
    play(
        [
            *UP,
            Send.hold(f"{kind}-node-1"),
            Send.command(begin(kind)),
            Send.until_running(f"{kind}-node-1"),
            Expect.launched(*of(kind, "node-0", "node-1")),
            Send.command(StopOperation(kind)),
            Send.until_ended(kind),
            Send.hold(),
            *RUN_ON,
            Expect.launched(),
            Send.command(ResumeOperation(kind) if by == "resume" else Proceed(kind)),
            Expect.step("node-0", Status.COMPLETE, "DONE", kind),
            Send.until_complete(kind),
            Expect.launched(*of(kind, "node-1", "node-2")),
            Expect.state("one in the history", lambda world: len(world.scheduler.state.history) == 1),
        ]
    )


def test_a_backup_that_was_stopped_begins_anew() -> None:
    play(
        [
            *UPLOADS,
            Send.command(StopOperation("backup")),
            Send.until_ended("backup"),
            Expect.refused(ResumeOperation("backup"), RefusalKind.INVALID, "cannot be continued; start another one"),
            Expect.refused(Proceed("backup"), RefusalKind.INVALID, "cannot be continued"),
            Expect.refused(Interrupt("backup"), RefusalKind.CONFLICT, "Backup already not running"),
            Expect.refused(RestartStep("backup", "Upload", "node-1"), RefusalKind.CONFLICT, "already not running"),
            Expect.refused(StopOperation("backup"), RefusalKind.CONFLICT, "Backup already not running"),
        ]
    )


def test_an_interrupted_operation_can_be_stopped() -> None:
    play(
        [
            *UPLOADS,
            Send.command(Interrupt("backup")),
            Send.command(StopOperation("backup")),
            Send.until_ended("backup"),
            Expect.snapshots(),
            Expect.operation("backup", STOPPED),
        ]
    )


def test_what_was_stopped_waits_until_another_kind_is_over() -> None:
    play(
        [
            *UP,
            Send.hold("cleanup", "flush"),
            Send.command(begin("cleanup")),
            Send.until_running("cleanup-node-0"),
            Send.command(StopOperation("cleanup")),
            Send.until_ended("cleanup"),
            Send.command(begin("flush", "other")),
            Expect.refused(ResumeOperation("cleanup"), RefusalKind.CONFLICT, "Flush is in progress since"),
            Send.hold(),
            Send.until_complete("flush"),
            Send.command(ResumeOperation("cleanup")),
            Send.until_complete("cleanup"),
        ]
    )
