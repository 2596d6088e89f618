"""Nodes whose Cassandra an operator keeps off, told line by line."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import CancelIntent, PauseNode, RefusalKind, ReplaceNode, ResumeNode
from scheduler.core.plans.plan import Status
from scheduler.core.state.node import IntentKind
from tests.simulation.engine.samples import agents, begin, spec
from tests.simulation.engine.script import Expect, Line, Send, World, go_on_crashing, play
from tests.simulation.nodes.test_restarts import UP, relaunched_before_its_turn, restart, settled, until_settled

PAUSE, RESUME = PauseNode("node-1", "op"), ResumeNode("node-1", "op")


def until_paused(node: str = "node-1", cycles: int = 60) -> Line:
    def run(world: World) -> None:
        for _ in range(cycles):
            world.go_on(1.0)
            if world.scheduler.state.nodes[node].mode == "PAUSED":
                return
        raise AssertionError(f"not paused: {world.scheduler.plans()['recovery']}")

    return Line(f"until_paused({node!r})", run)


def test_cassandra_stays_off_until_it_is_resumed() -> None:
    play(
        [
            *UP,
            Send.command(PAUSE),
            until_paused(),
            Expect.launched("node-1"),
            Expect.step("node-1", Status.WAITING, "PAUSED", "recovery", says="until it is resumed"),
            Send.time(60.0, cycles=20),
            Expect.launched(),
            Expect.step("node-1", Status.WAITING, "PAUSED", "recovery"),
            Send.command(RESUME),
            until_settled(),
            Expect.launched("node-1"),
            Expect.plan(Status.COMPLETE, "recovery"),
        ]
    )


def test_plans_wait_for_it() -> None:
    play(
        [
            *UP,
            Send.command(PAUSE),
            until_paused(),
            Expect.launched("node-1"),
            Send.scheduler_restart(nodes=4),
            Send.time(1.0, cycles=10),
            Expect.step("node-3", Status.WAITING, "OTHER_INTENT", says="the pause of node-1"),
            Send.command(begin("cleanup")),
            Expect.refused(
                restart("node-0"), RefusalKind.CONFLICT, "the pause of node-1 is under way; with force=true"
            ),
            Expect.refused(restart("node-0"), RefusalKind.CONFLICT, "the restart of node-0 waits for that"),
            Send.time(1.0, cycles=20),
            Expect.step("node-1", Status.WAITING, "NODE_DOWN", plan="cleanup", says="its mode is PAUSED"),
            Expect.launched("cleanup-node-0", "cleanup-node-2"),
            Send.command(RESUME),
            Send.until_complete("cleanup"),
            Expect.step("node-3", Status.PENDING, "NO_OFFER_FITS"),
        ]
    )


def test_one_that_is_paused_and_dies_is_paused_again() -> None:
    play(
        [
            *UP,
            Send.command(PAUSE),
            until_paused(),
            Send.failure("node-1"),
            Send.time(1.0),
            until_paused(),
            Expect.launched("node-1", "node-1"),
            Send.scheduler_restart(),
            Send.time(1.0, cycles=10),
            Expect.step("node-1", Status.WAITING, "PAUSED", "recovery"),
            Send.command(RESUME),
            until_settled(),
        ]
    )


def test_what_is_refused() -> None:
    play(
        [
            *UP,
            Expect.refused(RESUME, RefusalKind.CONFLICT, "node-1 is not paused"),
            Expect.refused(PauseNode("node-9", "op"), RefusalKind.UNKNOWN, "there is no node node-9"),
            Send.failure("node-0"),
            Send.time(),
            Expect.refused(PAUSE, RefusalKind.CONFLICT, "node-0 is down; force=true pauses node-1 nevertheless"),
            Send.command(PauseNode("node-1", "op", forced=True)),
            Expect.refused(PAUSE, RefusalKind.CONFLICT, "the pause of node-1 is under way already"),
            until_paused(),
            Expect.refused(CancelIntent("node-1", "op"), RefusalKind.CONFLICT, "has begun: resume the node"),
            Expect.refused(restart("node-1"), RefusalKind.CONFLICT, "; resume the node first"),
            Expect.refused(ReplaceNode("node-1", "op", forced=True), RefusalKind.CONFLICT, "; resume the node first"),
        ]
    )


def test_resumed_before_its_turn_it_runs_on() -> None:
    play(
        [
            *UP,
            Send.command(PAUSE),
            Send.command(RESUME),
            Send.time(1.0, cycles=5),
            Expect.launched(),
            Expect.state("nothing is intended", settled),
        ]
    )


def test_a_node_that_does_not_come_back_can_be_paused() -> None:
    def fail(world: World) -> None:
        for _ in range(600):
            for task in world.mesos.live_tasks():
                if task.node == "node-1" and task.id in world.mesos.launches[3:]:
                    world.mesos.fail_task(task.id, "corrupt commit log")
            world.go_on(5.0)

    play(
        [
            *UP,
            Send.command(restart("node-1")),
            Line("node-1 fails whenever it is launched", fail),
            Expect.step("node-1", Status.ERROR, "FAILED", "recovery", says="corrupt commit log"),
            Send.command(PAUSE),
            until_paused(),
            Send.command(RESUME),
            until_settled(),
        ]
    )


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("when", range(12))
def test_a_crash_between_any_two_effects_only_delays_it(when: int, after: int) -> None:
    world = play([*UP, Send.command(PAUSE)])

    def resume(world: World) -> None:
        node = world.scheduler.state.nodes["node-1"]
        if node.mode == "PAUSED" and node.intent and node.intent.kind is IntentKind.PAUSE:
            assert world.scheduler.command(RESUME) is None

    go_on_crashing(world, 200, after=after, when=when, each=resume)
    assert settled(world)
    assert [name.partition("__")[0] for name in world.mesos.launches[3:]] == ["node-1"] * 2


def test_a_node_that_recovers_before_its_pause_begins() -> None:
    play(
        [
            *UP,
            *relaunched_before_its_turn(PAUSE),
            until_paused(),
            Expect.launched("node-1"),
            Send.command(RESUME),
            until_settled(),
        ]
    )


def test_one_whose_agent_is_lost_says_so_and_can_be_replaced() -> None:
    """The plan said that its volume is mounted, and a replacement was refused."""
    play(
        [
            *UP,
            Send.command(PAUSE),
            until_paused(),
            Expect.launched("node-1"),
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=3),
            Expect.step("node-1", Status.WAITING, "UNREACHABLE", "recovery", says="agent cannot be reached"),
            Send.command(ReplaceNode("node-1", "op")),
            until_settled(),
            Expect.launched("node-1"),
            Expect.plan(Status.COMPLETE, "recovery"),
        ],
        World(spec(), agents(5)),
    )
