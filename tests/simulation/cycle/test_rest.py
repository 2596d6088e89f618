"""Level-triggered: what is not told is found out; and once all is as wanted, nothing more is done."""

from __future__ import annotations

import itertools

import pytest

from scheduler.core.cycle.decision import Decision
from scheduler.core.plans.plan import Status
from tests.simulation.engine.rest import assert_at_rest
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.script import Expect, Send, World, play


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(("STATUS",), id="agents"),
        pytest.param(("STATUS", "WORD", "OPERATION"), id="agents-and-master"),
        pytest.param(("STATUS", "WORD", "OPERATION", "REPLY"), id="all-but-answers", marks=[]),
    ],
)
def test_without_events_the_timer_finds_out(lost: tuple[str, ...]) -> None:
    """Explicit questions to Mesos, and to executors where they still answer, are enough."""
    world = World()
    silent_executors = "REPLY" in lost
    channels = tuple(name for name in lost if name != "REPLY")
    play(
        [Send.silence(*channels), Send.until_complete(cycles=400), Expect.launched("node-0", "node-1", "node-2")], world
    )
    if silent_executors:
        play([Send.silence(*lost)], world)
    play(
        [
            Send.failure("node-1"),
            Send.time(10.0, cycles=30),
            Expect.launched("node-1"),
            Send.silence(*channels),
            Send.until_complete("recovery", cycles=200),
        ],
        world,
    )


def test_nothing_is_done_for_ever_once_all_is_well() -> None:
    world = play([Send.until_complete()])
    assert_at_rest(world.mesos, world.scheduler, cycles=2000)
    assert world.scheduler.plans()["deploy"].status is Status.COMPLETE


def test_at_rest_every_node_is_asked_about_every_half_minute_and_mesos_every_hour() -> None:
    world = play([Send.until_complete(), Send.time(5.0, cycles=20)])
    before = len(world.scheduler.decisions)
    play([Send.time(5.0, cycles=1440)], world)
    decisions = world.scheduler.decisions[before:]
    asked = sum(len(decision.asks) for decision in decisions)
    assert 3 * 7200 / 40 <= asked <= 3 * 7200 / 30
    assert [item.reconcile.tasks for item in decisions if item.reconcile is not None] == [(), ()]


def test_an_unanswered_revive_is_repeated_less_and_less_often() -> None:
    world = World(spec(1), agents(0))
    play([Send.time(5.0, cycles=720)], world)
    revived = [index * 5 for index, decision in enumerate(world.scheduler.decisions) if decision.revive]
    pauses = [later - earlier for earlier, later in itertools.pairwise(revived)]
    assert pauses[:5] == [30, 60, 120, 240, 480]
    assert set(pauses[5:]) == {600}


def test_offers_that_come_while_idle_are_given_back_for_long() -> None:
    world = play([Send.until_complete(), Send.time(5.0, cycles=20)])
    world.mesos.revive()  # another scheduler of the role, or a suppress that was lost
    play([Send.time()], world)
    decision: Decision = world.scheduler.decisions[-1]
    assert len(decision.declines) == 3
    assert {item.seconds for item in decision.declines} == {3600.0}
    assert all(item.reason.startswith("NO_WORK") for item in decision.declines)
