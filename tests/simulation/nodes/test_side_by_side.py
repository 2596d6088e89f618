"""The first deployment: nodes start side by side, and join the ring one after another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.commands.command import ForceComplete, Interrupt, Proceed, ReplaceNode
from scheduler.core.nodes.side_by_side import CONTACT_SECONDS, START_SECONDS
from scheduler.core.plans.plan import Status
from scheduler.core.state.node import NodeRecord
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.script import Expect, Line, Send, World, play
from tests.simulation.nodes.test_departures import decommission


def record(world: World, name: str) -> NodeRecord:
    return world.scheduler.state.nodes[name]


def modes(**wanted: str) -> Line:
    """Expect these modes, by name with an underscore."""
    text = ", ".join(f"{name} {mode}" for name, mode in wanted.items())
    names = {name.replace("_", "-"): mode for name, mode in wanted.items()}
    return Expect.state(text, lambda world: all(record(world, name).mode == mode for name, mode in names.items()))


def test_a_group_starts_at_once_and_joins_in_order() -> None:
    world = World(spec(7), agents(7))
    joined: list[str] = []
    for _ in range(300):
        world.go_on(1.0)
        state = world.scheduler.state
        joined += [name for name, node in state.nodes.items() if node.deployed is not None and name not in joined]
        if len(joined) == 7:
            break
    assert joined == [f"node-{index}" for index in range(7)]
    order = [task.partition("__")[0] for task in world.mesos.launches]
    assert order == joined, "each once, in order"
    launched = {name: record(world, name).known_task.launched_at for name in joined}
    assert launched["node-1"] == launched["node-2"]
    assert launched["node-3"] == launched["node-4"] == launched["node-5"], "the next group, once node-2 is a member"
    assert launched["node-3"] > launched["node-2"]
    assert [record(world, name).known_task.standby for name in joined] == [False, True, True, True, True, True, False]


def test_nothing_starts_beside_others_once_the_first_deployment_is_over() -> None:
    world = play([Send.until_complete()], World(spec(2), agents(5)))
    before = len(world.mesos.launches)
    play([Send.scheduler_restart(nodes=5), Send.until_step("node-2", Status.STARTED)], world)
    assert len(world.mesos.launches) == before + 1
    play([Send.until_complete()], world)
    assert not any(record(world, f"node-{index}").known_task.standby for index in (2, 3, 4))


def test_an_interrupted_plan_lets_no_node_join() -> None:
    play(
        [
            Send.until_mode("node-0", "JOINING"),
            Send.time(),
            Send.command(Interrupt("deploy")),
            Send.time(5.0, cycles=20),
            modes(node_0="NORMAL", node_1="STANDBY", node_2="STANDBY"),
            Expect.step("node-1", Status.WAITING, "INTERRUPTED"),
            Expect.step("node-2", Status.PENDING, "EARLIER_NODE", says="after node-1"),
            Expect.plan(Status.WAITING),
            Send.command(Proceed("deploy")),
            Send.until_complete(),
        ]
    )


def test_a_lost_order_is_sent_again() -> None:
    play(
        [
            Send.silence("JOIN"),
            Send.until_mode("node-1", "STANDBY"),
            Send.time(1.0, cycles=20),
            modes(node_1="STANDBY", node_2="STANDBY"),
            Send.silence(),
            Send.until_complete(),
        ]
    )


def test_a_scheduler_that_starts_again_sends_the_order_that_it_has_stored() -> None:
    world = World()
    play([Send.silence("JOIN"), Send.until_mode("node-1", "STANDBY"), Send.time(1.0, cycles=5)], world)
    assert record(world, "node-1").known_task.join_at is not None
    play([Send.scheduler_restart(), Send.silence(), Send.until_complete()], world)
    assert len(world.mesos.launches) == 3


def test_a_member_that_is_down_lets_no_node_join() -> None:
    play(
        [
            Send.until_mode("node-0", "JOINING"),
            Send.time(),
            Send.command(Interrupt("deploy")),
            Send.until_mode("node-1", "STANDBY"),
            Send.agent_lost("127.0.0.2"),
            Send.command(Proceed("deploy")),
            Send.time(1.0, cycles=5),
            modes(node_1="STANDBY"),
            Expect.step("node-1", Status.WAITING, "NODE_DOWN", says="node-0"),
            Send.agent_back("127.0.0.2"),
            Send.until_complete(),
        ]
    )


@pytest.mark.parametrize("node", ["node-1", "node-2"])
def test_a_node_that_fails_in_standby_is_launched_again_when_it_is_its_turn(node: str) -> None:
    world = play(
        [
            Send.until_mode(node, "STANDBY"),
            Send.failure(node),
            Send.until_complete(),
        ]
    )
    again = record(world, node).known_task
    assert not again.standby, "what failed once starts alone"
    assert [task.partition("__")[0] for task in world.mesos.launches].count(node) == 2


def test_a_first_node_that_fails_on_its_way_starts_again_on_its_own_volume() -> None:
    world = play(
        [
            Send.until_mode("node-0", "JOINING"),
            Send.time(),
            Expect.launched("node-0", "node-1", "node-2"),
            Send.failure("node-0"),
            Send.until_complete(),
            Expect.launched("node-0"),
        ]
    )
    assert len(world.mesos.ring.members) == 3


def test_fewer_nodes_end_what_only_stands_by() -> None:
    world = World(spec(3), agents(3))
    play(
        [
            Send.until_mode("node-0", "JOINING"),
            Send.time(),
            Send.command(Interrupt("deploy")),
            Send.until_mode("node-1", "STANDBY"),
            Send.scheduler_restart(nodes=1, seeds=1),
            Send.time(5.0, cycles=40),
        ],
        world,
    )
    assert set(world.scheduler.state.nodes) == {"node-0"}
    assert not [task for task in world.mesos.live_tasks() if task.node != "node-0"]


def never_meets_a_seed(node: str) -> Line:
    """Make the node's Cassandra start for ever."""

    def run(world: World) -> None:
        process = world.mesos.ring.processes[world.task_of(node)]
        process.launch = replace(process.launch, seeds=("10.0.0.9",))

    return Line(f"{node} never meets a seed", run)


def test_a_start_that_takes_long_holds_up_the_others_for_a_minute_only() -> None:
    play(
        [
            Send.until_mode("node-0", "JOINING"),
            Send.time(),
            never_meets_a_seed("node-2"),
            Send.until_mode("node-1", "STANDBY"),
            Send.time(1.0, cycles=5),
            Expect.step("node-1", Status.STARTED, "OTHER_JOINS", says="while node-2 starts"),
            Send.time(START_SECONDS),
            Send.time(1.0, cycles=20),
            Expect.step("node-1", Status.COMPLETE),
            Expect.step("node-2", Status.STARTED, "MODE"),
        ]
    )


def test_a_forced_node_in_standby_joins_at_the_end() -> None:
    world = play(
        [
            Send.until_mode("node-1", "STANDBY"),
            Send.command(ForceComplete("deploy", "Deploy", "node-1")),
            Send.until_step("node-2", Status.COMPLETE),
            Send.time(1.0, cycles=20),
            modes(node_0="NORMAL", node_1="NORMAL", node_2="NORMAL"),
            Send.until_complete(),
        ]
    )
    assert not record(world, "node-1").forced, "it is a member now"


def test_a_standby_with_older_settings_starts_again_before_it_joins() -> None:
    """Members restart while a node stands by: it would let in clients that all others refuse."""
    on = replace(spec().cassandra, authentication="on")
    world = play(
        [
            Send.until_mode("node-0", "JOINING"),
            Send.time(),
            Send.command(Interrupt("deploy")),
            Send.until_mode("node-1", "STANDBY"),
            Send.until_mode("node-2", "STANDBY"),
            Send.agent_lost("127.0.0.3"),
            Send.scheduler_restart(cassandra=on),
            Send.command(Proceed("deploy")),
            Send.until_step("node-0", Status.STARTED),
            Send.time(1.0, cycles=60),
            Expect.step("node-0", Status.COMPLETE),
            modes(node_1="STANDBY", node_2="STANDBY"),
            Send.agent_back("127.0.0.3"),
        ]
    )
    assert record(world, "node-0").known_task.authentication == "on"
    for _ in range(60):
        world.go_on(1.0)
        joins = [node for node in world.scheduler.state.nodes.values() if node.mode in ("JOINING", "NORMAL")]
        assert {node.known_task.authentication for node in joins} == {"on"}
    play([Send.until_complete()], world)


def test_a_standby_with_the_same_settings_joins_as_it_is() -> None:
    world = play(
        [
            Send.until_mode("node-0", "JOINING"),
            Send.time(),
            Send.command(Interrupt("deploy")),
            Send.until_mode("node-1", "STANDBY"),
            Send.scheduler_restart(placement="hostname:UNIQUE"),
            Send.command(Proceed("deploy")),
            Send.until_complete(),
        ]
    )
    assert len(world.mesos.launches) == 3


def test_a_node_that_was_to_join_and_lost_its_seed_holds_up_no_replacement() -> None:
    """Nothing orders it any more, since it could not join; the replacement of its seed waits for its join."""
    world = World(spec(3, seeds=1), agents(4))
    play(
        [
            Send.until_mode("node-1", "JOINING"),
            Send.silence("JOIN"),
            Send.until_step("node-1", Status.COMPLETE),
            Send.time(1.0, cycles=5),
            Expect.state("it is to join", lambda found: record(found, "node-2").known_task.join_at is not None),
            Send.agent_lost("127.0.0.2", cut=True),
            Send.silence(),
            Send.command(ReplaceNode("node-0", "operator", forced=True)),
            Send.time(5.0, cycles=20),
            Expect.step("node-0", Status.PENDING, "OTHER_JOINS", "recovery", says="waits for node-2 to join the ring"),
            Send.time(CONTACT_SECONDS),
            Send.until_complete(),
            Send.until_complete("recovery"),
        ],
        world,
    )
    assert record(world, "node-0").address == "127.0.0.5"


def test_a_standby_that_has_not_reported_since_a_join_is_not_let_in() -> None:
    """What it said before shows the member as up: that one was in its gossip as a standby."""
    play(
        [
            Send.until_mode("node-1", "STANDBY"),
            modes(node_2="STANDBY"),
            partition("127.0.0.4"),
            Send.until_step("node-1", Status.COMPLETE),
            Send.time(1.0, cycles=10),
            Expect.state("it is not let in", lambda world: record(world, "node-2").known_task.join_at is None),
            Send.agent_back("127.0.0.4"),
            Send.until_complete(),
        ]
    )


def test_a_standby_whose_agent_does_not_answer_is_not_let_in() -> None:
    """Everything else would wait for its join."""
    play(
        [
            Send.until_mode("node-0", "JOINING"),
            Send.time(),
            Send.command(Interrupt("deploy")),
            Send.until_mode("node-1", "STANDBY"),
            partition("127.0.0.3"),
            Send.time(1.0, cycles=20),
            Send.command(Proceed("deploy")),
            Send.time(1.0, cycles=10),
            Expect.state("it is not let in", lambda world: record(world, "node-1").known_task.join_at is None),
            Expect.step("node-1", Status.WAITING, "NO_STATUS", says="node-1 does not answer"),
            Send.agent_back("127.0.0.3"),
            Send.until_complete(),
        ]
    )


def test_no_node_is_let_in_while_another_begins_to_leave() -> None:
    """Its mode is NORMAL until its job has asked Cassandra."""
    play(
        [
            Send.until_mode("node-1", "JOINING"),
            Send.time(),
            Send.command(Interrupt("deploy")),
            Send.until_step("node-1", Status.COMPLETE),
            Send.until_mode("node-2", "STANDBY"),
            Send.hold("decommission-node-1"),
            Send.command(decommission("node-1")),
            Send.until_running("decommission-node-1"),
            Send.command(Proceed("deploy")),
            Send.time(1.0, cycles=10),
            modes(node_1="NORMAL", node_2="STANDBY"),
            Expect.step("node-2", Status.WAITING, "OTHER_JOB", says="node-2 does not join while node-1 leaves"),
            Send.hold(),
            Send.until_ended("decommission"),
            Send.until_step("node-2", Status.COMPLETE),
        ]
    )


def partition(hostname: str) -> Line:
    """Lose the connection between the master and an agent, which nobody has noticed yet."""
    return Line(f"partition({hostname!r})", lambda world: world.mesos.partition(world.agent(hostname)))
