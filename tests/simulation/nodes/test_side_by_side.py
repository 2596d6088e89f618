"""The second and the third node join at once, on a model of Cassandra that checks whether they may."""

from __future__ import annotations

import pytest

from scheduler.core.nodes.side_by_side import JVM_OPTIONS
from scheduler.core.plans.plan import Status
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.script import Expect, Line, Send, World, go_on_crashing, play


def told(world: World) -> set[str]:
    """Return the nodes whose Cassandra does not refuse to join beside another one."""
    processes = world.mesos.ring.processes.values()
    return {item.launch.node for item in processes if set(JVM_OPTIONS) <= set(item.launch.jvm_options)}


def test_two_join_at_once_and_all_others_alone() -> None:
    world = play(
        [
            Send.until_step("node-1", Status.STARTED),
            Expect.launched("node-0", "node-1", "node-2"),
            Expect.step("node-3", Status.PENDING, "EARLIER_NODE", says="waits for node-1"),
            Send.until_step("node-3", Status.STARTED),
            Expect.launched("node-3"),
            Expect.step("node-2", Status.COMPLETE),
            Expect.step("node-4", Status.PENDING, "EARLIER_NODE", says="waits for node-3"),
            Send.until_complete(),
            Expect.launched("node-4"),
        ],
        World(spec(5), agents(5)),
    )
    assert told(world) == {"node-1", "node-2"}


@pytest.mark.parametrize(("fails", "stays"), [("node-1", "node-2"), ("node-2", "node-1")])
def test_one_that_fails_joins_again_after_the_other_one(fails: str, stays: str) -> None:
    world = play(
        [
            Send.until_step("node-1", Status.STARTED),
            Expect.launched("node-0", "node-1", "node-2"),
            Send.failure(fails),
            Send.until_step(stays, Status.COMPLETE),
            Send.until_complete(),
            Expect.launched(fails),
        ]
    )
    assert told(world) == {stays}


def test_without_an_offer_the_third_one_waits_for_one() -> None:
    play(
        [
            Send.until_step("node-1", Status.STARTED),
            Expect.launched("node-0", "node-1"),
            Expect.step("node-2", Status.PENDING, "NO_OFFER_FITS"),
        ],
        World(machines=agents(2)),
    )


def test_a_node_alone_is_told_nothing() -> None:
    assert told(play([Send.until_complete()], World(spec(2), agents(2)))) == set()


@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize("when", range(12))
def test_a_crash_between_any_two_writes(after: int, when: int) -> None:
    world = World(spec(4), agents(4))
    play([Line("crashes", lambda found: go_on_crashing(found, 40, after, when)), Send.until_complete()], world)
    assert len(world.mesos.ring.members) == 4
