"""A machine dies, and its peers know it long before Mesos does."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import RefusalKind, RestartNodes
from scheduler.core.plans.plan import Status
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.script import Expect, Line, Send, World, play
from tests.simulation.nodes.test_restarts import UP
from tests.simulation.reservations.test_garbage import told


def machine_dies(hostname: str) -> Line:
    """Agent, executor and Cassandra at once; Mesos has not noticed yet."""

    def run(world: World) -> None:
        world.mesos.partition(world.agent(hostname))
        world.cut(hostname, True)
        for task in list(world.agent(hostname).tasks.values()):
            world.mesos.ring.stop(task.id)

    return Line(f"machine_dies({hostname!r})", run)


def cut(hostname: str, off: bool = True) -> Line:
    """Its peers do not hear of it, while its agent is well."""
    return Line(f"cut({hostname!r}, {off})", lambda world: world.cut(hostname, off))


def is_missing(world: World, *names: str) -> bool:
    nodes = world.scheduler.state.nodes.values()
    found = {node.name for node in nodes if node.missing is not None}
    assert all((node.mode == "NORMAL") == (node.missing is None) for node in nodes if node.deployed)
    return found == set(names)


def missing(*names: str) -> Line:
    return Expect.state(f"missing: {names}", lambda world: is_missing(world, *names))


def test_a_machine_that_dies_is_down_by_the_word_of_its_peers() -> None:
    world = play(
        [
            *UP,
            machine_dies("127.0.0.4"),
            Send.time(1.0, cycles=10),
            missing("node-2"),
            Expect.step(
                "node-2",
                Status.WAITING,
                "PEER_VIEW",
                "recovery",
                "node-2 is down: node-0 and node-1 do not see it; its agent has not answered since",
            ),
            Expect.refused(RestartNodes(("node-0",), "operator"), RefusalKind.CONFLICT, "node-2 is down"),
            Send.time(1.0, cycles=60),
            Expect.launched(),
        ]
    )
    (down,) = told(world, "DOWN")
    assert down.startswith("node-2: it is down: node-0 and node-1 do not see it; its agent has not answered since 19")
    assert not world.mesos.kills


def test_it_is_taken_back_when_it_is_heard_of() -> None:
    world = play([*UP, Line("away", lambda world: world.mesos.partition(world.agent("127.0.0.4"))), cut("127.0.0.4")])
    play(
        [
            Send.time(1.0, cycles=15),
            missing("node-2"),
            Send.agent_back("127.0.0.4"),
            Send.time(1.0, cycles=60),
            missing(),
            Expect.plan(Status.COMPLETE, "recovery"),
            Expect.launched(),
        ],
        world,
    )
    assert "node-2: it is up again: Cassandra is NORMAL" in told(world, "UP")


def test_it_is_taken_back_when_its_peers_see_it_though_its_agent_is_away() -> None:
    world = play([*UP, Line("away", lambda world: world.mesos.partition(world.agent("127.0.0.4"))), cut("127.0.0.4")])
    play([Send.time(1.0, cycles=15), missing("node-2"), cut("127.0.0.4", off=False)], world)
    play([Send.time(1.0, cycles=15), missing(), Expect.launched()], world)


def test_an_agent_that_is_away_is_not_enough() -> None:
    world = play([*UP, Line("away", lambda world: world.mesos.partition(world.agent("127.0.0.4")))])
    play([Send.time(1.0, cycles=60), missing()], world)


@pytest.mark.parametrize("hostname", ["127.0.0.2", "127.0.0.4"])
def test_a_peer_that_is_cut_off_blames_all_others_and_is_not_believed(hostname: str) -> None:
    play([*UP, cut(hostname), Send.time(1.0, cycles=60), missing(), Expect.launched()])


def test_two_of_five_machines_die_at_once() -> None:
    world = play([Send.until_complete(), Send.time(1.0, cycles=3)], World(spec(5), agents(5)))
    play(
        [
            machine_dies("127.0.0.4"),
            machine_dies("127.0.0.5"),
            Send.time(1.0, cycles=13),
            missing("node-2", "node-3"),
        ],
        world,
    )


def test_the_next_scheduler_knows_it_too() -> None:
    world = play([*UP, machine_dies("127.0.0.4"), Send.time(1.0, cycles=10), missing("node-2")])
    play([Send.scheduler_restart(), missing("node-2"), Send.time(1.0, cycles=10), missing("node-2")], world)


def test_mesos_word_comes_later_and_the_node_lives_on_in_place() -> None:
    """The machine restarts: nothing was replaced, and the node is launched where its volume is."""
    play(
        [
            *UP,
            machine_dies("127.0.0.4"),
            Send.time(1.0, cycles=20),
            Send.agent_lost("127.0.0.4"),
            Send.time(1.0, cycles=20),
            Expect.launched(),
            Send.reboot("127.0.0.4"),
            Send.time(5.0, cycles=40),
            Expect.launched("node-2"),
            missing(),
            Expect.plan(Status.COMPLETE, "recovery"),
        ]
    )
