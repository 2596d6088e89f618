"""Launches that were given up, and that run all the same, before another agent has room for their node."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import ForceComplete, RefusalKind, ReplaceNode, RestartStep
from scheduler.core.plans.plan import Status
from scheduler.core.state.node import NodeRecord
from tests.simulation.engine.model import Mesos
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.script import Expect, Line, Send, World, play
from tests.simulation.nodes.test_restarts import UP, until_settled

HOME = "127.0.0.5"  # the one agent without a node


def is_placed(world: World, name: str, hostname: str) -> bool:
    node: NodeRecord = world.scheduler.state.nodes[name]
    return node.agent is not None and node.agent.hostname == hostname and node.reservation is not None


def given_up(name: str) -> Line:
    """Say to the model that this task's end was promised by an operator."""
    return Line(f"given_up({name})", lambda world: world.scheduler.given_up.add(world.task_of(name)))


def relaunched_in_place(name: str, hostname: str) -> list[Line]:
    """It keeps its volume: it dies, and comes back with its data."""
    return [
        Send.time(5.0, cycles=20),
        Expect.state("it has its place", lambda world: is_placed(world, name, hostname)),
        Expect.state("nothing is to be released", lambda world: not world.scheduler.state.nodes[name].abandoned),
        Send.failure(name),
        Send.time(1.0, cycles=3),
        Send.until_complete("recovery"),
        Expect.launched(name),
        Expect.plan(Status.COMPLETE),
        Expect.state("on its agent", lambda world: is_placed(world, name, hostname)),
    ]


def test_a_replacement_that_was_placed_again_comes_back_before_another_is_launched() -> None:
    """Else it became a member without a place, and its volume was to be destroyed."""
    world = play(UP, World(spec(), agents(4)))
    play(
        [
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=3),
            Send.command(ReplaceNode("node-1", "operator")),
            Line("until it joins", until_joining),
            Expect.launched("node-1"),
            Send.agent_lost(HOME, cut=True),
            Send.time(1.0, cycles=3),
            given_up("node-1"),
            Send.command(ReplaceNode("node-1", "operator", forced=True)),
            Send.time(1.0, cycles=3),
            Expect.step("node-1", Status.PENDING, "NO_OFFER_FITS"),
            Send.scheduler_restart(),
            Send.agent_back(HOME),
            until_settled(),
            Send.agent_back("127.0.0.3"),
            *relaunched_in_place("node-1", HOME),
        ],
        world,
    )


def until_joining(world: World) -> None:
    for _ in range(60):
        world.go_on(1.0)
        if world.scheduler.state.nodes["node-1"].mode == "JOINING":
            return
    raise AssertionError(world.scheduler.state.nodes["node-1"])


def test_a_first_launch_whose_step_was_restarted_comes_back_before_another_one() -> None:
    play(
        [
            Send.silence("STATUS", "WORD", "ANSWER", "REPLY"),
            Send.time(),
            Send.agent_lost("127.0.0.2"),
            Send.time(),
            Send.silence(),
            Send.time(40.0, cycles=2),
            Expect.launched("node-0"),
            Expect.step("node-0", Status.WAITING, "UNREACHABLE"),
            given_up("node-0"),
            Send.command(RestartStep("deploy", None, "node-0")),
            Send.time(1.0, cycles=3),
            Expect.step("node-0", Status.PENDING, "NO_OFFER"),
            Send.scheduler_restart(),
            Send.agent_back("127.0.0.2"),
            Send.until_complete(),
            *relaunched_in_place("node-0", "127.0.0.2"),
        ],
        World(spec(1), agents(1)),
    )


def kills_arrive(arrive: bool) -> Line:
    def run(world: World) -> None:
        world.mesos.kill = Mesos.kill.__get__(world.mesos) if arrive else lambda task_id: None  # type: ignore[method-assign]

    return Line(f"kills_arrive({arrive})", run)


def moved_away_and_back(machines: int = 3) -> World:
    """Return a world where node-1 was moved away from its agent, finds no other one, and is seen again."""
    return play(
        [
            *UP,
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=3),
            Send.command(ReplaceNode("node-1", "operator")),
            Send.time(1.0, cycles=10),
            Expect.step("node-1", Status.PENDING, "NO_OFFER_FITS", "recovery"),
            kills_arrive(False),
            Send.agent_back("127.0.0.3"),
            Send.time(0.0),
            Expect.step("node-1", Status.STARTED, "STOPPING_TASK", "recovery"),
            Expect.step("node-1", Status.STARTED, "STOPPING_TASK"),
            Expect.refused(ForceComplete("deploy", "Deploy", "node-1"), RefusalKind.CONFLICT, "it is being replaced"),
        ],
        World(spec(), agents(machines)),
    )


def test_an_uninstall_ends_the_task_of_a_node_that_was_moved_away_from_it() -> None:
    """Its KILL got lost, and the uninstall sent none: it never ended, and could not be forced."""
    world = moved_away_and_back()
    play([Send.uninstall(by_command=True), Send.time(0.5), kills_arrive(True), Send.time(10.0, cycles=12)], world)
    assert world.scheduler.over, world.scheduler.plans()["uninstall"]


def test_the_task_of_a_node_that_was_moved_away_from_it_is_reconciled_with_its_agent() -> None:
    """No query named an agent, so that Mesos never answered, and nothing was done for any node."""
    play(
        [
            Send.agent_lost("127.0.0.3", cut=True),
            Send.scheduler_restart(),
            Send.time(1.0, cycles=3),
            Expect.step("Reconciliation", Status.COMPLETE),
        ],
        moved_away_and_back(),
    )


def test_the_names_of_agents_that_a_reconciliation_waits_for_include_that_of_a_place_before() -> None:
    play(
        [
            Send.agent_lost("127.0.0.3", cut=True),
            Send.master_restart(),
            Send.time(1.0, cycles=2),
            Expect.step("Reconciliation", Status.IN_PROGRESS, "RECONCILING", says="node-1 (agent 127.0.0.3)"),
        ],
        moved_away_and_back(),
    )


def test_a_node_that_is_lost_again_before_its_replacement_has_room_is_replaced() -> None:
    """It waited until its agent came back."""
    world = play(
        [
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=10),
            Expect.step("node-1", Status.PENDING, "NO_OFFER_FITS", "recovery"),
            kills_arrive(True),
        ],
        moved_away_and_back(),
    )
    world.mesos.agents["S9"] = agents(9)[8]
    play([until_settled(), Send.agent_back("127.0.0.3"), Send.time(5.0, cycles=10)], world)
    assert not world.agent("127.0.0.3").volumes
    assert world.scheduler.plans()["recovery"].status is Status.COMPLETE


def switched_off(hostname: str) -> Line:
    """Lose a machine for good, with what runs there."""

    def run(world: World) -> None:
        for task_id in list(world.agent(hostname).tasks):
            world.mesos.ring.stop(task_id)
            del world.agent(hostname).tasks[task_id]

    return Line(f"switched_off({hostname})", run)


def test_a_launch_that_is_given_up_while_mesos_has_not_reported_it_holds_nothing_up() -> None:
    """Only its agent could have reported it; without the launch in a record, Mesos is not asked any more."""
    play(
        [
            Send.silence("STATUS", "WORD", "ANSWER", "REPLY"),
            Send.time(),
            Send.agent_lost("127.0.0.2"),
            switched_off("127.0.0.2"),
            Send.silence(),
            Send.time(40.0, cycles=2),
            Expect.launched("node-0"),
            Expect.step("node-0", Status.WAITING, "UNREACHABLE"),
            Send.master_restart(),
            Send.agent_back("127.0.0.3"),
            Send.time(),
            Expect.step("Reconciliation", Status.IN_PROGRESS, "RECONCILING"),
            Send.command(RestartStep("deploy", "Deploy", "node-0")),
            Send.until_complete(cycles=60),
            Expect.step("Reconciliation", Status.COMPLETE),
            Expect.state("on the other agent", lambda world: is_placed(world, "node-0", "127.0.0.3")),
        ],
        World(spec(1), agents(2)),
    )


def marked_gone(hostname: str) -> Line:
    """An operator marks the agent of a machine that is lost as gone at the master."""
    return Line(f"marked_gone({hostname})", lambda world: world.mesos.mark_gone(world.agent(hostname)))


JOINS = [Send.until_step("node-1", Status.STARTED), Expect.launched("node-0", "node-1", "node-2")]
ELSEWHERE = "restart this step to launch it on another agent"
AGAIN = RestartStep("deploy", "Deploy", "node-1")
LAUNCHED_ELSEWHERE = [Send.command(AGAIN), Send.until_complete(), Expect.launched("node-1")]


def test_a_node_whose_machine_is_lost_while_it_joins_is_launched_elsewhere_by_an_operator() -> None:
    """Its agent alone could have gone on with it, and all other changes of the ring wait for a node that joins."""
    play(
        [
            *JOINS,
            given_up("node-1"),
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0),
            Expect.step("node-1", Status.WAITING, "UNREACHABLE", says=ELSEWHERE),
            Expect.refused(AGAIN, RefusalKind.CONFLICT, "cannot begin again on another agent yet: waits for node-0"),
            switched_off("127.0.0.3"),
            Send.time(5.0, cycles=10),
            *LAUNCHED_ELSEWHERE,
        ],
        World(spec(3), agents(4)),
    )


def test_a_node_whose_agent_is_marked_as_gone_while_it_joins_is_launched_elsewhere_by_an_operator() -> None:
    play(
        [
            *JOINS,
            given_up("node-1"),
            Send.agent_lost("127.0.0.3", cut=True),
            marked_gone("127.0.0.3"),
            Send.time(5.0, cycles=10),
            Expect.step("node-1", Status.WAITING, "AGENT_GONE", says=ELSEWHERE),
            *LAUNCHED_ELSEWHERE,
        ],
        World(spec(3), agents(4)),
    )


def launched_twice(name: str) -> Line:
    return Expect.state("launched twice", lambda world: sum(name in item for item in world.mesos.launches) == 2)


@pytest.mark.parametrize("name", ["node-1", "node-2"])
def test_a_join_that_hangs_begins_again_by_an_operator(name: str) -> None:
    """Nothing else ends it: only members can be restarted, and its executor runs."""
    again = Send.command(RestartStep("deploy", "Deploy", name))
    world = World(spec(3), agents(3))
    play([Send.until_step(name, Status.STARTED), again, Send.until_complete(), launched_twice(name)], world)


def test_a_first_start_that_hangs_is_ended_although_a_kill_is_lost() -> None:
    play(
        [
            Send.until_step("node-0", Status.STARTED),
            kills_arrive(False),
            Send.command(RestartStep("deploy", "Deploy", "node-0")),
            Send.time(0.1),
            Expect.step("node-0", Status.STARTED, "STOPPING_TASK", says="an operator began its step again"),
            Send.scheduler_restart(),
            kills_arrive(True),
            Send.until_complete(),
            launched_twice("node-0"),
        ],
        World(spec(1), agents(1)),
    )


def test_a_node_that_fails_while_it_joins_and_whose_machine_is_lost_then_is_launched_elsewhere() -> None:
    """Mesos reports nothing more of a task that has ended."""
    again = "node-1 (127.0.0.3) to offer its reservation and volume again"
    play(
        [
            *JOINS,
            Send.failure("node-1"),
            Send.agent_lost("127.0.0.3", cut=True),
            switched_off("127.0.0.3"),
            Send.time(5.0, cycles=4),
            Expect.step("node-1", Status.PENDING, "OWN_AGENT", says=again),
            Send.time(5.0, cycles=10),
            Expect.step("node-1", Status.PENDING, "OWN_AGENT", says=f"again; if its machine is lost, {ELSEWHERE}"),
            *LAUNCHED_ELSEWHERE,
        ],
        World(spec(3), agents(4)),
    )


def test_a_node_that_has_joined_unseen_is_not_launched_elsewhere() -> None:
    """Its peers know it: another one would be a second node with its name, and the first would be ended."""
    play(
        [
            *JOINS,
            Send.agent_lost("127.0.0.3"),
            Send.time(5.0, cycles=10),
            Expect.step("node-1", Status.WAITING, "UNREACHABLE"),
            Expect.refused(AGAIN, RefusalKind.CONFLICT, "node-0 still knows 127.0.0.3 in the ring: if it has joined"),
            Send.agent_back("127.0.0.3"),
            Send.until_complete(),
            Expect.launched(),
        ],
        World(spec(3), agents(4)),
    )


def test_a_node_that_is_to_leave_and_whose_machine_is_lost_while_it_joins_can_be_given_up() -> None:
    """It leaves once it has joined, which it never does."""
    world = play([Send.until_complete()], World(spec(2), agents(4)))
    play(
        [
            Send.scheduler_restart(nodes=3),
            Send.until_step("node-2", Status.STARTED),
            given_up("node-2"),
            Send.agent_lost("127.0.0.4", cut=True),
            switched_off("127.0.0.4"),
            Send.scheduler_restart(nodes=2),
            Send.time(5.0, cycles=20),
            Expect.step("node-2", Status.WAITING, "UNREACHABLE", says="restart this step to give it up"),
            Send.command(RestartStep("deploy", "Deploy", "node-2")),
            Send.until_complete(),
            Expect.state("two nodes", lambda world: set(world.scheduler.state.nodes) == {"node-0", "node-1"}),
        ],
        world,
    )


def test_a_member_that_ended_before_its_agent_was_marked_as_gone_is_replaced() -> None:
    """Mesos reports nothing of a task that has ended, unless it is asked."""
    play(
        [
            *UP,
            given_up("node-1"),
            Send.failure("node-1"),
            Send.time(0.0),
            marked_gone("127.0.0.3"),
            Send.time(10.0, cycles=6),
            Send.until_complete("recovery"),
            Expect.launched("node-1"),
            Expect.plan(Status.COMPLETE),
        ],
        World(spec(3), agents(5)),
    )
