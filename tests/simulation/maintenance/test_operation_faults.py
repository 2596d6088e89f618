"""What goes wrong while maintenance operations run, and what they make of it, told line by line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.commands.command import ForceComplete, Interrupt, Proceed, RestartStep, StopOperation
from scheduler.core.plans.plan import Status
from scheduler.core.state.operation import OperationState
from scheduler.core.state.operation_kinds import KINDS
from tests.simulation.engine.resources import add_all
from tests.simulation.engine.samples import agents, begin, spec
from tests.simulation.engine.script import Expect, Line, Send, World, play
from tests.simulation.maintenance.test_operations import RUN_ON, UP, of
from tests.simulation.nodes.test_departures import decommission


def test_a_node_that_is_down_is_waited_for_while_others_go_on() -> None:
    play(
        [
            *UP,
            Send.command(Interrupt("recovery")),
            Send.failure("node-0"),
            Send.time(),
            Send.command(begin("cleanup")),
            *RUN_ON,
            Expect.launched(*of("cleanup", "node-1", "node-2")),
            Expect.step("node-0", Status.WAITING, "NODE_DOWN", "cleanup", "node-0 to be NORMAL: its mode is UNKNOWN"),
            Expect.plan(Status.WAITING, "cleanup"),
            Send.command(Proceed("recovery")),
            Send.until_complete("cleanup"),
            Expect.launched("node-0", "cleanup-node-0"),
        ]
    )


def test_a_step_of_the_cluster_is_done_by_the_first_node_that_is_up() -> None:
    play(
        [
            *UP,
            Send.command(Interrupt("recovery")),
            Send.failure("node-0"),
            Send.time(),
            Send.command(begin("backup-delete")),
            Send.until_complete("backup-delete"),
            Expect.launched("delete-node-1"),
        ]
    )


def test_after_three_failures_the_step_is_an_error_and_the_rest_waits_for_an_operator() -> None:
    play(
        [
            *UP,
            Send.job_failures("cleanup-node-1", "first", "second", "disk is full"),
            Send.command(begin("cleanup")),
            Send.until_step("node-1", Status.DELAYED, "cleanup"),
            Expect.step("node-1", Status.DELAYED, "BACK_OFF", "cleanup", "after 1 failure: first"),
            Send.until_step("node-1", Status.ERROR, "cleanup"),
            Expect.step("node-1", Status.ERROR, "FAILED", "cleanup", "failed 3 times; the last message: disk is full"),
            Expect.plan(Status.ERROR, "cleanup"),
            Expect.launched(*of("cleanup", "node-0", "node-1", "node-2", "node-1", "node-1")),
            *RUN_ON,
            Expect.launched(),
            Send.command(RestartStep("cleanup", None, "node-1")),
            Send.until_complete("cleanup"),
            Expect.launched("cleanup-node-1"),
        ]
    )


def test_after_a_failure_for_good_nothing_new_is_begun() -> None:
    play(
        [
            *UP,
            Send.job_failures("snapshot-node-1", "no", hopeless=True),
            Send.command(begin("backup")),
            Send.until_step("node-1", Status.ERROR, "backup"),
            *RUN_ON,
            Expect.launched(*of("snapshot")),
            Expect.step("cluster", Status.PENDING, "EARLIER_PHASE", "backup"),
            Send.command(RestartStep("backup", "Snapshot", "node-0")),
            *RUN_ON,
            Expect.launched(),
            Expect.step("node-0", Status.WAITING, "OTHER_FAILED", "backup", "the step Snapshot of node-1 failed"),
        ]
    )


def test_nodes_beside_a_failed_one_finish_what_they_do() -> None:
    play(
        [
            *UP,
            Send.hold("cleanup-node-0"),
            Send.job_failures("cleanup-node-1", "never", hopeless=True),
            Send.command(begin("cleanup", parallelism=2)),
            Send.until_step("node-1", Status.ERROR, "cleanup"),
            Expect.step("node-1", Status.ERROR, "FAILED", "cleanup", "failed once; the last message: never"),
            Expect.running(*of("cleanup", "node-0")),
            Send.hold(),
            Send.until_step("node-0", Status.COMPLETE, "cleanup"),
            *RUN_ON,
            Expect.running(),
            Expect.launched(*of("cleanup", "node-0", "node-1")),
        ]
    )


def test_a_failed_step_that_is_forced_is_left_out() -> None:
    play(
        [
            *UP,
            Send.job_failures("upload-node-1", "access denied", hopeless=True),
            Send.command(begin("backup")),
            Send.until_step("node-1", Status.ERROR, "backup", phase="Upload"),
            Send.command(ForceComplete("backup", "Upload", "node-1")),
            Expect.step("node-1", Status.COMPLETE, "FORCED", "backup", phase="Upload"),
            Send.until_running("complete-node-0"),
        ]
    )


def test_a_launch_that_gets_lost_is_repeated() -> None:
    world = play(
        [
            *UP,
            Send.dropped("cleanup-node-0"),
            Send.command(begin("cleanup")),
            Send.until_complete("cleanup"),
        ]
    )
    assert world.mesos.jobs.begun == list(of("cleanup"))


def test_a_launch_of_which_nothing_is_heard_is_asked_about_and_repeated() -> None:
    play(
        [
            *UP,
            Send.dropped("cleanup-node-0"),
            Send.silence("WORD"),
            Send.command(begin("cleanup")),
            Send.time(),
            Send.time(),
            Send.silence(),
            *RUN_ON,
            Send.until_complete("cleanup"),
        ]
    )


@pytest.mark.parametrize("silent", [False, True])
def test_a_node_that_dies_takes_its_job_with_it_and_the_step_starts_again(silent: bool) -> None:
    """Also if nothing is told of the job; others go on meanwhile."""
    world = play([*UP, Send.hold("upload-node-0"), Send.command(begin("backup")), Send.until_running("upload-node-0")])
    if silent:  # the end of the node is told, and that of the job is lost with the agent
        agent = world.agent("127.0.0.2")
        job = agent.tasks.pop(next(name for name in agent.tasks if name.startswith("upload")))
        add_all(agent.available, job.used)
    play(
        [
            Expect.launched(*of("snapshot"), "describe-node-0", "upload-node-0"),
            Send.failure("node-0"),
            Send.time(0.0),
            Send.time(0.0),
            Expect.step("node-0", Status.WAITING, "NODE_DOWN", "backup", phase="Upload"),
            Send.until_running("upload-node-0"),
            Expect.launched("node-0", "upload-node-1", "upload-node-0"),
            Send.hold(),
            Send.until_complete("backup"),
            Expect.snapshots(),
        ],
        world,
    )


@pytest.mark.parametrize("job", [phase.job for phase in KINDS["backup"].phases])
@pytest.mark.parametrize("fault", ["scheduler", "master", "agent"])
def test_a_backup_survives_in_every_phase(job: str, fault: str) -> None:
    """Nothing is launched twice."""
    back = [Send.agent_back(f"127.0.0.{index + 2}") for index in range(3)]
    faults: dict[str, list[Line]] = {
        "scheduler": [Send.scheduler_restart()],
        "master": [Send.master_restart(), Send.time(2.0, cycles=5), *back],
        "agent": [Send.agent_lost("127.0.0.2"), Send.time(2.0, cycles=5), *back],
    }
    first = of(job) if job in ("snapshot", "clear") else of(job, "node-0")
    world = play(
        [
            *UP,
            Send.hold(job),
            Send.command(begin("backup")),
            Send.until_running(*first),
            *faults[fault],
            *RUN_ON,
            Expect.running(*first),
            Send.hold(),
            Send.until_complete("backup", cycles=200),
            Expect.snapshots(),
        ]
    )
    begun = [name for phase in KINDS["backup"].phases for name in of(phase.job, *(("node-0",) if phase.once else ()))]
    assert world.mesos.jobs.begun == begun


def test_a_job_that_ends_while_its_agent_is_lost_is_not_repeated() -> None:
    play(
        [
            *UP,
            Send.hold("cleanup"),
            Send.command(begin("cleanup")),
            Send.until_running("cleanup-node-0"),
            Send.agent_lost("127.0.0.2"),
            Send.time(),
            Expect.step("node-0", Status.WAITING, "UNREACHABLE", "cleanup", "cannot be seen by Mesos"),
            Send.hold(),
            Send.time(5.0, cycles=5),
            Expect.running(),
            Send.agent_back("127.0.0.2"),
            Send.until_complete("cleanup"),
            Expect.launched(*of("cleanup")),
        ]
    )


@pytest.mark.parametrize("new_agent_id", [False, True])
def test_an_agent_that_is_rebooted_takes_the_job_with_it(new_agent_id: bool) -> None:
    play(
        [
            *UP,
            Send.hold("cleanup"),
            Send.command(begin("cleanup")),
            Send.until_running("cleanup-node-0"),
            Expect.launched("cleanup-node-0"),
            Send.reboot("127.0.0.2", new_agent_id),
            Send.time(5.0, cycles=40),
            Send.hold(),
            Send.until_complete("cleanup"),
            Expect.launched("node-0", "cleanup-node-1", "cleanup-node-0", "cleanup-node-2"),
        ]
    )


def test_a_node_that_dies_again_and_again_is_an_error_in_the_end() -> None:
    lines: list[Line] = []
    for _ in range(10):
        lines += [Send.until_running("cleanup-node-0"), Send.failure("node-0"), Send.time(60.0, cycles=4)]
    play(
        [
            *UP,
            Send.hold("cleanup"),
            Send.command(begin("cleanup", nodes=1)),
            *lines,
            Expect.step(
                "node-0", Status.ERROR, "FAILED", "cleanup", "interrupted 10 times in a row, the last message:"
            ),
            *RUN_ON,
            Expect.running(),
            Send.command(RestartStep("cleanup", None, "node-0")),
            Send.hold(),
            Send.until_complete("cleanup"),
        ]
    )


def test_a_node_that_joins_holds_jobs_back() -> None:
    world = World(machines=agents(4))
    play(
        [
            *UP,
            Send.hold("cleanup"),
            Send.command(begin("cleanup")),
            Send.until_running("cleanup-node-0"),
            Send.scheduler_restart(nodes=4),
            Send.until_step("node-3", Status.STARTED),
            Expect.step("node-1", Status.PENDING, "EARLIER_NODE", "cleanup"),
            Send.hold(),
            Send.time(0.1),
            Expect.step("node-1", Status.WAITING, "OTHER_JOINS", "cleanup", "waits for node-3 to join the ring"),
            Send.until_complete(),
            Send.until_complete("cleanup"),
        ],
        world,
    )


def test_nodes_that_run_with_an_older_configuration_get_the_executor_that_they_have() -> None:
    changed = replace(spec().executor, command="./run --new")
    play(
        [
            *UP,
            Send.scheduler_restart(executor=changed),
            *RUN_ON,
            Send.command(begin("cleanup")),
            Send.until_complete("cleanup"),
            Expect.launched(*of("cleanup")),
        ]
    )


def test_a_share_that_is_offered_in_part_is_waited_for() -> None:
    world = play(UP)
    taken = []
    for agent in world.mesos.agents.values():
        for owner, bundle in agent.available.items():
            if owner:
                taken.append((bundle, bundle.mem))
                bundle.mem = 1000
    play(
        [
            Send.command(begin("cleanup")),
            Send.time(5.0, cycles=3),
            Expect.launched(),
            Expect.step("node-0", Status.PENDING, "NO_OFFER", "cleanup", "whole: 0.1 cpus and 1 MB of 0.1 cpus and 64"),
        ],
        world,
    )
    for bundle, mem in taken:
        bundle.mem += mem - 1000
    play([Send.until_complete("cleanup"), Expect.launched(*of("cleanup"))], world)


def test_lost_records_of_steps_cost_only_work() -> None:
    """Steps that were removed from ZooKeeper begin anew, once the jobs that nobody waits for have ended."""
    world = play([*UP, Send.hold("upload"), Send.command(begin("backup")), Send.until_running("upload-node-0")])
    for path in [path for path in world.scheduler.znodes if path.startswith("steps/backup.Upload")]:
        del world.scheduler.znodes[path]
    play([Send.scheduler_restart(), *RUN_ON, Expect.running("upload-node-0"), Send.hold()], world)
    play([Send.until_complete("backup"), Expect.snapshots()], world)
    assert world.mesos.jobs.begun.count("upload-node-0") == 2


def test_jobs_of_an_operation_whose_record_was_lost_are_ended() -> None:
    world = play([*UP, Send.hold("upload"), Send.command(begin("backup")), Send.until_running("upload-node-0")])
    del world.scheduler.znodes["plans/backup"]
    play([Send.scheduler_restart(), *RUN_ON, Expect.running(), Send.hold()], world)
    play([Send.command(begin("cleanup")), Send.until_complete("cleanup")], world)
    play([Send.command(begin("backup", "second")), Send.until_complete("backup"), Expect.snapshots()], world)


def test_nothing_of_an_operation_is_lost_when_only_answers_to_questions_arrive() -> None:
    """Status updates are what tells how a job ended; without them the timer finds out that it runs no more."""
    play(
        [
            *UP,
            Send.silence("REPORT", "WORD", "OPERATION"),
            Send.command(begin("backup")),
            Send.until_complete("backup", cycles=300),
        ]
    )


def test_a_failed_clear_does_not_undo_the_backup() -> None:
    world = play(
        [
            *UP,
            Send.job_failures("clear-node-1", "one", "two", "three"),
            Send.command(begin("backup")),
            Send.until_step("node-1", Status.ERROR, "backup", phase="Clear"),
            Expect.snapshots("127.0.0.3"),
            Expect.operation("backup", OperationState.RUNNING),
            Send.command(RestartStep("backup", "Clear", "node-1")),
            Send.until_complete("backup"),
            Expect.snapshots(),
        ]
    )
    assert world.mesos.jobs.backups == ["monday"]


@pytest.mark.parametrize("while_it_works", [True, False])
def test_what_was_parked_does_not_take_away_what_another_parked_one_needs(while_it_works: bool) -> None:
    """It began first, so nothing was refused: it waits, and tells for what."""
    begin_again = [Send.command(RestartStep("decommission", None, "node-2"))]
    fails = [Send.job_failures("upload-node-0", "no room", hopeless=True), Send.hold()]
    play(
        [
            *UP,
            Send.job_failures("decommission", "no", hopeless=True),
            Send.command(decommission("node-2")),
            Send.until_step("node-2", Status.ERROR, "decommission"),
            Send.hold("upload-node-0"),
            Send.command(begin("backup")),
            Send.until_running("upload-node-0"),
            *(begin_again if while_it_works else []),
            *fails,
            Send.until_step("node-0", Status.ERROR, "backup", phase="Upload"),
            *([] if while_it_works else begin_again),
            *RUN_ON,
            Expect.step("node-2", Status.WAITING, "OTHER_JOB", "decommission", "Backup, in progress since"),
            Expect.step("node-2", Status.WAITING, "OTHER_JOB", "decommission", "failed in its step Upload of node-0"),
            Expect.step("node-2", Status.WAITING, "OTHER_JOB", "decommission", "it needs all of its nodes to go on"),
            Send.command(RestartStep("backup", "Upload", "node-0")),
            Send.until_complete("backup"),
            Send.until_complete("decommission"),
        ]
    )


def test_a_step_whose_node_has_left_says_so_and_what_to_do() -> None:
    """No other node reads its share of a backup; and nothing makes it NORMAL again by itself."""
    gone = "node-2 has left the ring: stop the backup-verify, and start another one"
    play(
        [
            *UP,
            Send.job_failures("verify-node-0", "no route", hopeless=True),
            Send.command(begin("backup-verify")),
            Send.until_step("node-0", Status.ERROR, "backup-verify"),
            Send.command(decommission("node-2")),
            Send.until_complete("decommission"),
            *RUN_ON,
            Send.command(RestartStep("backup-verify", None, "node-0")),
            *RUN_ON,
            Expect.step("node-1", Status.COMPLETE, plan="backup-verify"),
            Expect.step("node-2", Status.WAITING, "NODE_DOWN", "backup-verify", gone),
            Send.command(StopOperation("backup-verify")),
            *RUN_ON,
            Expect.operation("backup-verify", OperationState.STOPPED),
        ]
    )
