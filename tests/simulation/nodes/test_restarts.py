"""Restarts that an operator asks for, told line by line."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import CancelIntent, Command, Interrupt, Proceed, RefusalKind, RestartNodes
from scheduler.core.plans.plan import Status
from tests.simulation.engine.samples import begin
from tests.simulation.engine.script import Expect, Line, Send, World, go_on_crashing, home, play

UP = [Send.until_complete(), Expect.launched("node-0", "node-1", "node-2"), Send.time(1.0, cycles=3)]
ALL = ("node-0", "node-1", "node-2")


def restart(*nodes: str, forced: bool = False) -> RestartNodes:
    return RestartNodes(nodes, "operator", forced)


def settled(world: World) -> bool:
    """Nothing is intended any more, and all nodes are up."""
    return world.scheduler.healthy() and all(node.intent is None for node in world.scheduler.state.nodes.values())


def until_settled(cycles: int = 200) -> Line:
    def run(world: World) -> None:
        for _ in range(cycles):
            world.go_on(1.0)
            if settled(world):
                return
        raise AssertionError(f"not settled: {world.scheduler.plans()['recovery']}")

    return Line("until_settled", run)


def relaunched_before_its_turn(command: Command) -> list[Line]:
    """What is asked for node-1 waits for node-2, and node-1 is launched in its place meanwhile."""
    return [
        Send.command(Interrupt("recovery")),
        Send.command(command),
        Send.failure("node-1"),
        Send.agent_lost("127.0.0.4"),
        Send.command(Proceed("recovery")),
        Send.time(1.0, cycles=30),
        Expect.launched("node-1"),
        Expect.step("node-1", Status.PENDING, "NODE_DOWN", "recovery", says="node-2 is down"),
        Send.agent_back("127.0.0.4"),
    ]


def test_a_node_is_restarted_where_it_was() -> None:
    world = play(UP)
    before = home(world)
    play(
        [
            Send.command(restart("node-1")),
            Expect.step("node-1", Status.PENDING, "OTHER_INTENT", "recovery", says="Restarting"),
            Send.time(),
            Expect.state("its task was told to end", lambda world: len(world.mesos.kills) == 1),
            until_settled(),
            Expect.launched("node-1"),
            Expect.plan(Status.COMPLETE, "recovery"),
            Send.time(5.0, cycles=10),
            Expect.launched(),
        ],
        world,
    )
    assert home(world) == before
    assert world.scheduler.state.nodes["node-1"].failures.count == 0


def test_an_isolated_node_is_down_and_left_alone_until_an_operator_restarts_it() -> None:
    """Nothing is done to it: its disk is not whole yet, and only an operator knows when it is."""
    world = play(
        [
            *UP,
            Send.isolated("node-1"),
            Send.time(1.0, cycles=2),
            Expect.step("node-1", Status.STARTED, "MODE", "recovery", says="is in mode ISOLATED"),
            Expect.refused(restart("node-2"), RefusalKind.CONFLICT, "node-1 is down"),
            Send.command(begin("cleanup", "run-1", 3)),
            Send.time(60.0, cycles=60),
            Expect.step("node-1", Status.WAITING, "NODE_DOWN", "cleanup", says="its mode is ISOLATED"),
            Expect.launched("cleanup-node-0", "cleanup-node-2"),
        ]
    )
    assert world.mesos.kills == []
    play(
        [
            Send.command(restart("node-1")),
            until_settled(),
            Send.until_complete("cleanup"),
            Expect.launched("node-1", "cleanup-node-1"),
        ],
        world,
    )


def test_all_are_restarted_one_at_a_time() -> None:
    play(
        [
            *UP,
            Send.command(restart(*ALL)),
            Send.time(),
            Expect.step("node-1", Status.PENDING, "OTHER_INTENT", "recovery", says="waits for the restart of node-0"),
            until_settled(),
            Expect.launched(*ALL),
        ]
    )


def test_one_that_does_not_come_back_stops_the_others() -> None:
    def fail(world: World) -> None:
        for _ in range(600):
            for task in world.mesos.live_tasks():
                if task.node == "node-0" and task.id in world.mesos.launches[3:]:
                    world.mesos.fail_task(task.id, "Invalid yaml")
            world.go_on(5.0)

    play(
        [
            *UP,
            Send.command(restart(*ALL)),
            Line("node-0 fails whenever it is launched", fail),
            Expect.launched(*["node-0"] * 5),
            Expect.step("node-0", Status.ERROR, "FAILED", "recovery", says="Invalid yaml"),
            Expect.step("node-1", Status.PENDING, "OTHER_INTENT", "recovery"),
            Expect.refused(restart("node-0"), RefusalKind.CONFLICT, "is under way already"),
            Expect.refused(CancelIntent("node-0", "op"), RefusalKind.CONFLICT, "has begun"),
            Send.command(CancelIntent("node-1", "op")),
            Expect.refused(CancelIntent("node-1", "op"), RefusalKind.CONFLICT, "has no pending action"),
        ]
    )


def test_a_node_that_dies_meanwhile_is_waited_for() -> None:
    play(
        [
            *UP,
            Send.command(restart("node-0", "node-1")),
            Send.time(),
            Send.failure("node-2"),
            until_settled(),
            Send.time(),
            Expect.state("four launches", lambda world: len(world.mesos.launches) == 6),
        ]
    )


def test_what_the_ring_cannot_stand_is_refused_or_forced() -> None:
    play(
        [
            *UP,
            Send.agent_lost("127.0.0.3"),
            Send.time(1.0, cycles=2),
            Expect.refused(restart("node-0"), RefusalKind.CONFLICT, "node-1 is down; force=true"),
            Expect.refused(restart("node-1"), RefusalKind.CONFLICT, "cannot reach"),
            Expect.refused(restart("node-7"), RefusalKind.UNKNOWN, "there is no node node-7"),
            Send.command(restart("node-0", forced=True)),
            Send.time(1.0, cycles=20),
            Expect.launched("node-0"),
        ]
    )


def test_a_restart_waits_for_the_job_on_its_node_and_jobs_for_the_restart() -> None:
    play(
        [
            *UP,
            Send.hold("cleanup-node-0"),
            Send.command(begin("cleanup")),
            Send.until_running("cleanup-node-0"),
            Send.command(restart("node-0")),
            Send.time(1.0, cycles=5),
            Expect.step("node-0", Status.PENDING, "OTHER_JOB", "recovery"),
            Expect.launched("cleanup-node-0"),
            Send.hold(),
            until_settled(),
            Send.until_complete("cleanup"),
        ]
    )


def test_an_interrupted_plan_begins_no_restart() -> None:
    play(
        [
            *UP,
            Send.command(Interrupt("recovery")),
            Send.command(restart("node-0")),
            Send.time(1.0, cycles=5),
            Expect.step("node-0", Status.PENDING, "INTERRUPTED", "recovery"),
            Expect.launched(),
            Send.command(Proceed("recovery")),
            until_settled(),
            Expect.launched("node-0"),
        ]
    )


def test_it_goes_on_after_a_restart_of_the_scheduler_and_of_the_master() -> None:
    play(
        [
            *UP,
            Send.command(restart(*ALL)),
            Send.scheduler_restart(),
            Send.time(1.0, cycles=2),
            Send.master_restart(),
            *[Send.agent_back(f"127.0.0.{number}") for number in (2, 3, 4)],
            until_settled(),
            Expect.launched(*ALL),
        ]
    )


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("when", range(12))
def test_a_crash_between_any_two_effects_only_delays_it(when: int, after: int) -> None:
    world = play([*UP, Send.command(restart(*ALL))])
    go_on_crashing(world, 200, after=after, when=when)
    assert settled(world)
    assert sorted(name.partition("__")[0] for name in world.mesos.launches[3:]) == sorted(ALL)
