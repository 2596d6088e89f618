"""What operators do to maintenance operations, told line by line."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import (
    ForceComplete,
    Interrupt,
    Proceed,
    RefusalKind,
    RestartStep,
    ResumeOperation,
    StopOperation,
    TuneOperation,
)
from scheduler.core.plans.plan import Status
from scheduler.core.state.operation import OperationState
from scheduler.core.state.operation_kinds import KINDS
from tests.simulation.engine.samples import begin
from tests.simulation.engine.script import Expect, Line, Send, World, play
from tests.simulation.maintenance.test_operations import RUN_ON, UP, UPLOADS, of

STOPPED = OperationState.STOPPED


def tuned(*expected: int) -> Line:
    """The throttle that running jobs use."""

    def test(world: World) -> bool:
        return [job.tuning["throttle"] for job in world.mesos.live_jobs()] == list(expected)

    return Expect.state(f"throttles are {expected}", test)


def test_an_interrupt_lets_jobs_end_and_holds_over_a_restart() -> None:
    play(
        [
            *UPLOADS,
            Send.command(Interrupt("backup")),
            Expect.step("node-1", Status.WAITING, "INTERRUPTED", "backup", phase="Upload"),
            Send.hold(),
            Send.until_step("node-0", Status.COMPLETE, "backup", phase="Upload"),
            *RUN_ON,
            Expect.running(),
            Expect.plan(Status.WAITING, "backup"),
            Send.scheduler_restart(),
            *RUN_ON,
            Expect.running(),
            Expect.plan(Status.WAITING, "backup"),
            Send.command(Proceed("backup")),
            Send.until_complete("backup"),
            Expect.snapshots(),
        ]
    )


def test_steps_can_be_forced_and_restarted_unless_their_job_runs() -> None:
    play(
        [
            *UP,
            Send.hold("cleanup-node-1"),
            Send.command(begin("cleanup")),
            Send.until_running("cleanup-node-1"),
            Expect.refused(ForceComplete("cleanup", None, "node-1"), RefusalKind.CONFLICT, "Cleanup of node-1 runs"),
            Expect.refused(RestartStep("cleanup", None, "node-1"), RefusalKind.CONFLICT, "Cleanup of node-1 runs"),
            Expect.refused(RestartStep("cleanup", None, "node-7"), RefusalKind.UNKNOWN, "no step 'node-7'"),
            Expect.refused(RestartStep("cleanup", "Clear", "node-1"), RefusalKind.UNKNOWN, "no phase 'Clear'"),
            Send.command(ForceComplete("cleanup", "Cleanup", "node-2")),
            Expect.step("node-2", Status.COMPLETE, "FORCED", "cleanup"),
            Send.command(RestartStep("cleanup", "Cleanup", "node-0")),
            Expect.launched(*of("cleanup", "node-0", "node-1")),
            Send.hold(),
            Send.until_complete("cleanup"),
            Expect.launched(*of("cleanup", "node-0")),
        ]
    )


def test_a_step_of_an_earlier_phase_is_not_begun_anew() -> None:
    """A snapshot of its own would not be of the same moment, and one that was cleared cannot be sent again."""
    play(
        [
            *UPLOADS,
            Expect.refused(
                RestartStep("backup", "Snapshot", "node-1"),
                RefusalKind.CONFLICT,
                "the step Snapshot of node-1 cannot begin again: the operation has reached the phase Upload",
            ),
            Send.hold("upload-node-1"),
            Send.until_running("upload-node-1"),
            Send.command(RestartStep("backup", "Upload", "node-0")),
            Send.hold(),
            Send.until_complete("backup"),
            Expect.snapshots(),
        ]
    )


# The rotation needs users of the service: see test_rotation.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "rotation"])
def test_one_operation_at_a_time(kind: str) -> None:
    title = KINDS[kind].title
    since = "since 1970-01-01T00:00:"
    words = "Backup already in progress" if kind == "backup" else f"{title} cannot begin: Backup is in progress"
    play(
        [
            *UPLOADS,
            Expect.refused(begin(kind, "second"), RefusalKind.CONFLICT, f"{words} {since}"),
            Expect.refused(begin(kind, "second"), RefusalKind.CONFLICT, "(id first)"),
            Send.command(StopOperation("backup")),
            Expect.refused(begin(kind, "second"), RefusalKind.CONFLICT, f"being stopped {since}"),
            Send.hold(),
            Send.until_ended("backup"),
            Send.command(begin(kind, "second")),
            Send.until_complete(kind),
        ]
    )


def test_unknown_nodes_are_refused() -> None:
    play([*UP, Expect.refused(begin("flush", nodes=5), RefusalKind.INVALID, "nodes: there is no node-3, node-4")])


def test_another_throttle_reaches_the_running_job_however_often_it_has_to_be_told() -> None:
    world = play([*UPLOADS, tuned(1000), Send.silence("TUNING")])
    play(
        [
            Send.time(1.0, cycles=3),
            Expect.decided("nothing is told while it is as wanted", lambda all_: not any(d.tunings for d in all_)),
            Send.command(TuneOperation("backup", {"throttle": 5})),
            Send.time(1.0, cycles=9),
            Expect.decided("told once in ten seconds", lambda all_: sum(len(d.tunings) for d in all_) == 1),
            tuned(1000),
            Send.silence(),
            Send.time(1.0, cycles=12),
            tuned(5),
            Expect.decided("told again", lambda all_: sum(len(d.tunings) for d in all_) >= 1),
            Send.time(1.0, cycles=30),
            Expect.decided("and no more", lambda all_: not any(d.tunings for d in all_)),
            Send.hold("upload-node-1", "upload-node-2"),
            Send.until_running("upload-node-1"),
            tuned(5),
            Expect.refused(TuneOperation("backup", {"colour": 1}), RefusalKind.INVALID, "colour cannot be changed"),
            Expect.refused(TuneOperation("cleanup", {"throttle": 1}), RefusalKind.CONFLICT, "Cleanup already not"),
        ],
        world,
    )


def test_another_throttle_reaches_the_running_job_after_a_restart() -> None:
    play(
        [*UPLOADS, Send.command(TuneOperation("backup", {"throttle": 7})), Send.scheduler_restart(), *RUN_ON, tuned(7)]
    )


@pytest.mark.parametrize("stopped", [False, True])
def test_secrets_are_forgotten_when_an_operation_ends(stopped: bool) -> None:
    world = play([*UP, Send.hold("upload"), Send.command(begin("backup", sealed="sealed-words"))])
    play([Send.until_running("upload-node-0")], world)
    assert "sealed-words" in str(world.scheduler.znodes)
    assert [job.launch.secret for job in world.mesos.live_jobs()] == [True]
    if stopped:
        play([Send.command(StopOperation("backup"))], world)
    play([Send.hold(), Send.until_ended("backup")], world)
    assert "sealed-words" not in str(world.scheduler.znodes)
    assert "sealed-words" not in str(world.scheduler.decisions)


def test_secrets_are_taken_anew_when_an_operation_goes_on() -> None:
    world = play([*UP, Send.hold("repair"), Send.command(begin("repair", sealed="old"))])
    play([Send.until_running("repair-node-0")], world)
    play([Send.command(StopOperation("repair")), Send.until_ended("repair")], world)
    play([Send.command(ResumeOperation("repair", "new")), Send.until_running("repair-node-0")], world)
    assert [job.launch.secret for job in world.mesos.live_jobs()] == [True]
    assert world.scheduler.state.operations["repair"].sealed == "new"


def test_the_history_keeps_the_last_twenty_of_each_kind() -> None:
    world = play([*UP, Send.command(begin("flush", "other")), Send.until_complete("flush")])
    for number in range(23):
        play([Send.command(begin("compact", f"run-{number}", nodes=1)), Send.until_complete("compact")], world)
    kept = [record.operation.id for record in world.scheduler.state.history.values()]
    assert kept == ["other", *(f"run-{number}" for number in range(3, 23))]
    assert len([path for path in world.scheduler.znodes if path.startswith("history/compact.")]) == 20


def test_steps_of_the_operation_before_are_removed_at_the_next_start() -> None:
    world = play([*UP, Send.command(begin("flush")), Send.until_complete("flush")])
    assert len([path for path in world.scheduler.znodes if path.startswith("steps/flush.")]) == 3
    play([Send.command(begin("flush", "second", nodes=1)), Send.until_complete("flush")], world)
    assert [path for path in world.scheduler.znodes if path.startswith("steps/")] == ["steps/flush.Flush.node-0"]


def test_offers_are_called_for_while_a_step_waits_and_not_afterwards() -> None:
    play(
        [
            *UP,
            Send.time(5.0, cycles=20),
            Expect.decided("(what was before)", bool),
            Send.hold("cleanup"),
            Send.command(begin("cleanup")),
            Send.time(),
            Expect.decided("revived once", lambda all_: [item.revive for item in all_] == [True]),
            Send.until_running("cleanup-node-0"),
            Send.time(5.0, cycles=20),
            Expect.decided("suppressed once", lambda all_: sum(item.suppress for item in all_) == 1),
            Send.hold(),
            Send.until_complete("cleanup"),
            Expect.decided("revived for each", lambda all_: sum(item.revive for item in all_) == 2),
            Send.time(5.0, cycles=20),
            Expect.decided("silent", lambda all_: all_[-1].revive is False and all_[-1].suppress is False),
            Expect.state("suppressed", lambda world: world.mesos.suppressed),
        ]
    )


def test_only_launches_are_ever_made_of_offers() -> None:
    world = play([*UP, Expect.decided("(what was before)", bool), Send.command(begin("backup"))])
    volumes = {name for agent in world.mesos.agents.values() for name in agent.volumes}
    play([Send.until_complete("backup"), *RUN_ON], world)
    kinds = {item["type"] for found in world.new_decisions() for accept in found.accepts for item in accept.operations}
    assert kinds == {"LAUNCH"}
    assert {name for agent in world.mesos.agents.values() for name in agent.volumes} == volumes


def failed_cleanup() -> list[Line]:
    return [
        *UP,
        Send.job_failures("cleanup", "disk is full", hopeless=True),
        Send.command(begin("cleanup")),
        Send.until_step("node-0", Status.ERROR, "cleanup"),
    ]


def test_one_in_error_holds_up_its_own_kind_alone_and_waits_its_turn_later() -> None:
    play(
        [
            *failed_cleanup(),
            Expect.refused(begin("cleanup", "again"), RefusalKind.CONFLICT, "disk is full; restart that step, or stop"),
            Send.hold("flush"),
            Send.command(begin("flush")),
            Send.until_running("flush-node-0"),
            Expect.plan(Status.ERROR, "cleanup"),
            Expect.refused(begin("compact"), RefusalKind.CONFLICT, "Compact cannot begin: Flush is in progress"),
            Send.command(RestartStep("cleanup", None, "node-0")),
            *RUN_ON,
            Expect.running("flush-node-0"),
            Expect.step("node-0", Status.WAITING, "OTHER_JOB", "cleanup", says="waits for its turn"),
            Send.scheduler_restart(),
            *RUN_ON,
            Expect.running("flush-node-0"),
            Send.hold(),
            Send.until_complete("flush"),
            Send.until_complete("cleanup"),
        ]
    )


def test_one_in_error_can_be_stopped_while_another_works() -> None:
    play(
        [
            *failed_cleanup(),
            Send.hold("flush"),
            Send.command(begin("flush")),
            Send.until_running("flush-node-0"),
            Send.command(StopOperation("cleanup")),
            Send.until_ended("cleanup"),
            Expect.running("flush-node-0"),
            Send.hold(),
            Send.until_complete("flush"),
            Send.command(ResumeOperation("cleanup")),
            Send.until_complete("cleanup"),
        ]
    )


def test_the_turn_passes_on_where_the_other_one_fails_too() -> None:
    play(
        [
            *failed_cleanup(),
            Send.job_failures("flush", "no room", hopeless=True),
            Send.hold("flush"),
            Send.command(begin("flush")),
            Send.until_running("flush-node-0"),
            Send.command(RestartStep("cleanup", None, "node-0")),
            Send.hold(),
            Send.until_complete("cleanup"),
            Expect.plan(Status.ERROR, "flush"),
            Send.command(RestartStep("flush", None, "node-0")),
            Send.until_complete("flush"),
        ]
    )
