"""What the scheduler does by itself, where it was told that it may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.commands.command import CancelIntent, RefusalKind, ReplaceNode
from scheduler.core.plans.plan import Status
from scheduler.core.state.operation import OperationState
from scheduler.core.state.spec import Policy
from tests.simulation.engine.samples import agents, begin
from tests.simulation.engine.script import Expect, Line, Send, World, play
from tests.simulation.nodes.test_restarts import UP, until_settled

AWAY = 600.0


def policy(**changes: Any) -> Line:
    def run(world: World) -> None:
        world.scheduler.state = replace(world.scheduler.state, policy=replace(Policy(), **changes))

    return Line(f"policy({changes})", run)


def four() -> World:
    return World(machines=agents(4))


def replaced(world: World) -> bool:
    """node-1 lives on the fourth agent."""
    agent = world.scheduler.state.nodes["node-1"].agent
    return agent is not None and agent.hostname == "127.0.0.5"


def test_a_member_that_is_away_for_long_is_replaced_if_that_was_asked_for() -> None:
    play(
        [
            *UP,
            policy(replace_after_seconds=AWAY),
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(30.0, cycles=15),
            Expect.launched(),
            Expect.step("node-1", Status.WAITING, plan="recovery"),
            Send.time(30.0, cycles=10),
            until_settled(),
            Expect.launched("node-1"),
            Expect.state("it lives elsewhere", replaced),
        ],
        four(),
    )


def test_nobody_is_replaced_unless_that_was_asked_for() -> None:
    play(
        [
            *UP,
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(3600.0, cycles=48),
            Expect.launched(),
            Expect.state("nothing is intended", lambda world: world.scheduler.state.nodes["node-1"].intent is None),
        ],
        four(),
    )


def test_one_that_comes_back_in_time_is_left_alone() -> None:
    play(
        [
            *UP,
            policy(replace_after_seconds=AWAY),
            Send.agent_lost("127.0.0.3"),
            Send.time(30.0, cycles=10),
            Send.agent_back("127.0.0.3"),
            Send.time(60.0, cycles=30),
            Expect.launched(),
            Expect.state("all are there", lambda world: world.scheduler.healthy()),
        ],
        four(),
    )


def test_one_that_only_mesos_cannot_see_is_left_alone_when_it_comes_back() -> None:
    play(
        [
            *UP,
            policy(replace_after_seconds=AWAY),
            Send.agent_lost("127.0.0.3"),
            Send.time(30.0, cycles=30),
            Expect.step("node-1", Status.STARTED, "PEER_VIEW", "recovery", says="still sees node-1 (127.0.0.3) as up"),
            Send.agent_back("127.0.0.3"),
            Send.time(30.0, cycles=20),
            Expect.launched(),
            Expect.state("nothing was ended", lambda world: world.mesos.kills == []),
            Expect.state("all are there", lambda world: world.scheduler.healthy()),
        ],
        four(),
    )


def test_a_clock_that_jumps_ahead_does_not_make_a_member_be_away_for_longer() -> None:
    play(
        [
            *UP,
            policy(replace_after_seconds=AWAY),
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(10.0, cycles=3),
            Send.clock(24 * 3600.0),
            Send.time(10.0, cycles=30),
            Expect.launched(),
            Send.time(30.0, cycles=20),
            until_settled(),
            Expect.launched("node-1"),
        ],
        four(),
    )


BEGINS_AGAIN = "the replacement of node-1 would begin again at once: it was not seen for "


def test_never_while_another_member_is_down() -> None:
    play(
        [
            *UP,
            policy(replace_after_seconds=AWAY),
            Send.agent_lost("127.0.0.3", cut=True),
            Send.agent_lost("127.0.0.4"),
            Send.time(60.0, cycles=30),
            Expect.launched(),
            Expect.step("node-1", Status.PENDING, "NODE_DOWN", "recovery", says="node-2 is down"),
            Expect.refused(CancelIntent("node-1", "operator"), RefusalKind.CONFLICT, BEGINS_AGAIN),
            Send.agent_back("127.0.0.4"),
            until_settled(),
            Expect.launched("node-1"),
        ],
        four(),
    )


def to_clean(world: World) -> set[int]:
    """The nodes whose steps say that they keep data of others."""
    steps = [step for phase in world.scheduler.plans()["deploy"].phases for step in phase.steps]
    return {int(step.name[-1]) for step in steps if "needs a cleanup" in step.message}


@pytest.mark.parametrize("wanted", [True, False])
def test_a_cleanup_follows_when_nodes_were_added(wanted: bool) -> None:
    play(
        [
            *UP,
            Expect.state("none at first", lambda world: "cleanup" not in world.scheduler.state.operations),
            Send.scheduler_restart(nodes=4),
            policy(cleanup_after_scale=wanted),
            Send.until_complete(),
            Expect.launched("node-3"),
            Send.time(1.0, cycles=40),
            Expect.state("as asked", lambda world: ("cleanup" in world.scheduler.state.operations) is wanted),
            *(
                [
                    Expect.operation("cleanup", OperationState.COMPLETE),
                    Expect.launched(*[f"cleanup-node-{index}" for index in range(3)]),
                    Send.time(60.0, cycles=10),
                    Expect.launched(),
                ]
                if wanted
                else [
                    Expect.step("node-0", Status.COMPLETE, says="needs a cleanup because nodes were added"),
                    Expect.state("of the older ones alone", lambda world: to_clean(world) == {0, 1, 2}),
                    Send.command(begin("cleanup", nodes=2)),
                    Send.until_complete("cleanup"),
                    Expect.state("one is left", lambda world: to_clean(world) == {2}),
                    Send.scheduler_restart(nodes=3),
                    Send.time(1.0, cycles=60),
                    Send.scheduler_restart(nodes=4),
                    Send.until_complete(),
                    Expect.state("and all, after another one", lambda world: to_clean(world) == {0, 1, 2}),
                ]
            ),
        ],
        four(),
    )


def test_a_replaced_node_needs_no_cleanup() -> None:
    """Its volume is a new one, which has never held data of others."""
    play(
        [
            *UP,
            Send.scheduler_restart(nodes=4),
            Send.until_complete(),
            Expect.state("the older ones", lambda world: to_clean(world) == {0, 1, 2}),
            Send.command(ReplaceNode("node-1", "operator")),
            until_settled(),
            Expect.state("without the new one", lambda world: to_clean(world) == {0, 2}),
            Send.command(begin("cleanup", nodes=1)),
            Send.until_complete("cleanup"),
            Send.command(ReplaceNode("node-2", "operator")),
            until_settled(),
            Expect.state("none is left", lambda world: to_clean(world) == set()),
        ],
        World(machines=agents(6)),
    )
