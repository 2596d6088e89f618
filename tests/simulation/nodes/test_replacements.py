"""Nodes that are replaced, told line by line. The model's ring knows who has whose tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.commands.command import CancelIntent, Interrupt, Proceed, RefusalKind, ReplaceNode, RestartNodes
from scheduler.core.plans.plan import Status
from scheduler.core.ring.racks import foreign_racks
from tests.simulation.engine.samples import agents, begin, spec
from tests.simulation.engine.script import Expect, Line, Send, World, go_on_crashing, home, play
from tests.simulation.nodes.test_restarts import UP, relaunched_before_its_turn, settled, until_settled

REPLACE = ReplaceNode("node-1", "operator")


def world(machines: int = 5) -> World:
    return play(UP, World(spec(), agents(machines)))


def tasks(world: World, node: str = "node-1") -> list[str]:
    """The ids of the node's tasks that live anywhere."""
    return [task.id for task in world.mesos.live_tasks() if task.node == node]


def released(hostname: str) -> Line:
    return Expect.state(f"nothing is left on {hostname}", lambda world: not world.agent(hostname).volumes)


def place(world: World, node: str = "node-1") -> str:
    agent = world.scheduler.state.nodes[node].agent
    return "" if agent is None else agent.hostname


def test_a_healthy_node_is_replaced_on_another_agent() -> None:
    found = world()
    before = found.scheduler.state.nodes["node-1"]
    play(
        [
            Send.command(REPLACE),
            Send.time(),
            Expect.state("its task was told to end", lambda world: len(world.mesos.kills) == 1),
            Expect.refused(REPLACE, RefusalKind.CONFLICT, "the replacement of node-1 is under way already"),
            Expect.refused(ReplaceNode("node-0", "op"), RefusalKind.CONFLICT, "the replacement of node-1 is under way"),
            Send.time(1.0, cycles=2),
            Expect.refused(ReplaceNode("node-0", "op"), RefusalKind.CONFLICT, "the replacement of node-1 is under way"),
            until_settled(),
            Expect.launched("node-1"),
            Send.time(5.0, cycles=3),
            released("127.0.0.3"),
            Expect.plan(Status.COMPLETE),
            Expect.plan(Status.COMPLETE, "recovery"),
            Expect.state("all is forgotten", lambda world: not world.scheduler.state.nodes["node-1"].abandoned),
            Send.time(5.0, cycles=3),
            Expect.state("offers are suppressed", lambda world: world.mesos.suppressed),
        ],
        found,
    )
    after = found.scheduler.state.nodes["node-1"]
    assert before.agent is not None
    assert after.agent is not None
    assert after.agent.hostname not in ("127.0.0.2", "127.0.0.3", "127.0.0.4")
    assert after.host_id != before.host_id


def test_a_replacement_goes_to_its_own_rack() -> None:
    """Although another one has fewer nodes."""
    found = play([Send.until_complete(), Send.time(1.0, cycles=3)], World(spec(4), agents(7)))
    assert found.scheduler.state.nodes["node-0"].rack == found.scheduler.state.nodes["node-3"].rack == "r1"
    play([Send.command(ReplaceNode("node-0", "operator")), until_settled(), Send.time(5.0, cycles=3)], found)
    node = found.scheduler.state.nodes["node-0"]
    assert (place(found, "node-0"), node.rack) == ("127.0.0.8", "r1")
    assert not foreign_racks(found.scheduler.state)


def test_a_replacement_in_another_rack_keeps_its_own_for_cassandra() -> None:
    """Else ranges of other nodes would move, and no one would stream them."""
    found = world(4)
    assert (place(found), found.scheduler.state.nodes["node-1"].rack) == ("127.0.0.3", "r2")
    says = "the agent is in rack r1, and an agent in r2 is waited for, 20 s at most"
    waits = Expect.step("node-1", Status.PENDING, "NO_OFFER_FITS", "recovery", says)
    play(
        [
            Send.command(REPLACE),
            Send.time(1.0, cycles=10),
            waits,
            until_settled(),
            Send.time(5.0, cycles=3),
            released("127.0.0.3"),
            Expect.plan(Status.COMPLETE),
        ],
        found,
    )
    node = found.scheduler.state.nodes["node-1"]
    assert (place(found), node.rack) == ("127.0.0.5", "r2")
    assert node.task is not None
    assert {item.launch.rack for item in found.mesos.ring.processes.values() if item.address == "127.0.0.5"} == {"r2"}
    (words,) = foreign_racks(found.scheduler.state)
    assert words.startswith("for Cassandra, node-1 is in rack r2, and its agent is in r1: if r1 fails")
    play([Send.command(RestartNodes(("node-1",), "operator")), until_settled()], found)
    assert found.scheduler.state.nodes["node-1"].rack == "r2"


def test_twice_in_a_row() -> None:
    found = world()
    play([Send.command(REPLACE), until_settled(), Send.time(5.0, cycles=3)], found)
    first = place(found)
    play([Send.command(REPLACE), until_settled(), Send.time(5.0, cycles=3), released(first)], found)
    assert place(found) not in ("", first)


def test_a_node_on_an_agent_that_is_lost_and_comes_back_much_later() -> None:
    play(
        [
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=3),
            Send.command(REPLACE),
            until_settled(),
            Expect.launched("node-1"),
            Send.time(600.0, cycles=3),
            Send.agent_back("127.0.0.3"),
            Send.time(30.0, cycles=40),
            Expect.state(
                "one task of it", lambda world: len([t for t in world.mesos.live_tasks() if t.node == "node-1"]) == 1
            ),
            released("127.0.0.3"),
            Expect.plan(Status.COMPLETE),
        ],
        world(),
    )


def test_an_agent_that_comes_back_under_another_id_is_cleared_too() -> None:
    found = world()
    play(
        [
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=3),
            Send.command(REPLACE),
            until_settled(),
            Send.reboot("127.0.0.3", new_agent_id=True),
            Send.time(30.0, cycles=40),
            released("127.0.0.3"),
            Expect.state("all is forgotten", lambda world: not world.scheduler.state.nodes["node-1"].abandoned),
        ],
        found,
    )


def test_a_job_on_a_node_that_is_lost_does_not_hold_its_replacement_up() -> None:
    play(
        [
            Send.hold("cleanup-node-1"),
            Send.command(begin("cleanup")),
            Send.until_running("cleanup-node-1"),
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=3),
            Send.command(REPLACE),
            Send.hold(),
            until_settled(),
            Send.until_complete("cleanup"),
        ],
        world(),
    )


def test_a_node_that_its_peers_see_is_not_replaced_behind_their_backs() -> None:
    play(
        [
            Send.agent_lost("127.0.0.3"),
            Send.time(1.0, cycles=3),
            Send.command(REPLACE),
            Send.time(1.0, cycles=50),
            Expect.launched(),
            Expect.step("node-1", Status.STARTED, "PEER_VIEW", "recovery", says="still sees node-1 (127.0.0.3) as up"),
            Send.agent_back("127.0.0.3"),
            until_settled(),
            Expect.launched("node-1"),
        ],
        world(),
    )


def test_a_scheduler_that_starts_moves_no_node_before_a_peer_has_reported() -> None:
    play(
        [
            Send.agent_lost("127.0.0.3"),
            Send.time(1.0, cycles=3),
            Send.command(REPLACE),
            Send.time(1.0, cycles=10),
            Send.silence("REPLY", "STATUS"),
            Send.scheduler_restart(),
            Send.time(0.5, cycles=4),
            Expect.step("node-1", Status.STARTED, "PEER_VIEW", "recovery", says="waits for node-0 to report whether"),
            Send.time(5.0, cycles=10),
            Expect.step("node-1", Status.STARTED, "PEER_VIEW", "recovery", says="waits for a member that is up to"),
            Send.silence(),
            Send.time(1.0, cycles=60),
            Expect.step("node-1", Status.STARTED, "PEER_VIEW", "recovery", says="still sees node-1 (127.0.0.3) as up"),
            Expect.launched(),
            Send.command(CancelIntent("node-1", "operator")),
            Send.agent_back("127.0.0.3"),
            until_settled(),
        ],
        world(),
    )


def test_an_agent_that_comes_back_in_the_middle_keeps_nothing_running() -> None:
    play(
        [
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=3),
            Send.command(REPLACE),
            Send.time(),
            Send.agent_back("127.0.0.3"),
            until_settled(),
            Send.time(30.0, cycles=10),
            released("127.0.0.3"),
        ],
        world(),
    )


def test_without_another_agent_it_waits_and_can_be_taken_back() -> None:
    found = world(3)
    before = home(found)
    play(
        [
            Send.command(REPLACE),
            Send.time(1.0, cycles=8),
            Expect.launched(),
            Expect.step("node-1", Status.PENDING, "NO_OFFER_FITS", "recovery", says="leaves this agent"),
            Send.command(CancelIntent("node-1", "operator")),
            until_settled(),
            Expect.launched("node-1"),
        ],
        found,
    )
    assert home(found) == before


def test_what_the_ring_cannot_stand_is_refused_or_forced() -> None:
    play(
        [
            Send.agent_lost("127.0.0.2", cut=True),
            Send.time(1.0, cycles=3),
            Expect.refused(REPLACE, RefusalKind.CONFLICT, "node-0 is down; force=true"),
            Expect.refused(ReplaceNode("node-9", "op"), RefusalKind.UNKNOWN, "there is no node node-9"),
            Send.command(ReplaceNode("node-0", "operator")),
            until_settled(),
            Expect.launched("node-0"),
        ],
        world(),
    )
    alone = play([Send.until_complete(), Send.time(1.0, cycles=3)], World(spec(1), agents(3)))
    play([Expect.refused(ReplaceNode("node-0", "op"), RefusalKind.CONFLICT, "the only member")], alone)


def test_a_replacement_that_dies_is_tried_again_on_its_new_place() -> None:
    def kill_first(world: World) -> None:
        for _ in range(60):
            world.go_on(1.0)
            fresh = [
                task
                for task in world.mesos.live_tasks()
                if task.node == "node-1" and task.id in world.mesos.launches[3:]
            ]
            if fresh:
                world.mesos.fail_task(fresh[0].id, "out of memory")
                return
        raise AssertionError("never launched")

    play(
        [
            Send.command(REPLACE),
            Line("the replacement dies at once", kill_first),
            until_settled(),
            Expect.launched("node-1", "node-1"),
            Send.time(5.0, cycles=3),
            released("127.0.0.3"),
        ],
        world(),
    )


def test_a_replacement_whose_agent_is_lost_is_placed_again() -> None:
    found = world()
    play([Send.command(REPLACE)], found)
    while place(found) in ("", "127.0.0.3"):
        found.go_on(1.0)
    first = place(found)
    play(
        [
            Send.agent_lost(first, cut=True),
            Send.time(1.0, cycles=5),
            Expect.refused(REPLACE, RefusalKind.CONFLICT, "under way already"),
            Line("an operator knows that it is gone", lambda world: world.scheduler.given_up.update(tasks(world))),
            Send.command(replace(REPLACE, forced=True)),
            until_settled(),
            Send.agent_back(first),
            Send.time(30.0, cycles=40),
            released(first),
            released("127.0.0.3"),
        ],
        found,
    )


@pytest.mark.parametrize("at", range(20))
def test_a_crash_between_any_two_effects_ends_in_one_replacement(at: int) -> None:
    found = world()
    play([Send.command(REPLACE)], found)
    go_on_crashing(found, 200, after=at % 5, when=at // 5, period=4)
    assert settled(found)
    assert [name.partition("__")[0] for name in found.mesos.launches[3:]] == ["node-1"]
    assert not found.agent("127.0.0.3").volumes


@pytest.mark.parametrize(("cycles", "status"), [(0, Status.PENDING), (1, Status.WAITING)])
def test_two_machines_are_lost_one_after_the_other(cycles: int, status: Status) -> None:
    """Neither replacement waits for the other for ever: an operator says that the first one is not to wait."""
    forced = replace(REPLACE, forced=True)
    play(
        [
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=3),
            Send.command(REPLACE),
            Send.time(1.0, cycles=cycles),
            Send.agent_lost("127.0.0.4", cut=True),
            Send.time(1.0, cycles=20),
            Expect.launched(),
            Expect.step("node-1", status, "NODE_DOWN", "recovery", says="node-2 is down"),
            Send.command(forced),
            Expect.refused(forced, RefusalKind.CONFLICT, "the replacement of node-1 is under way already"),
            Send.time(1.0, cycles=40),
            Expect.launched("node-1"),
            Send.command(ReplaceNode("node-2", "operator")),
            until_settled(),
            Expect.launched("node-2"),
        ],
        world(6),
    )


def test_a_node_whose_machine_is_lost_during_its_restart() -> None:
    play(
        [
            Send.command(RestartNodes(("node-1",), "operator")),
            Expect.refused(REPLACE, RefusalKind.CONFLICT, "the restart of node-1 is under way already"),
            Send.time(),
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=20),
            Expect.launched(),
            Expect.refused(CancelIntent("node-1", "operator"), RefusalKind.CONFLICT, "has begun"),
            Send.command(REPLACE),
            until_settled(),
            Expect.launched("node-1"),
        ],
        world(),
    )


def test_a_node_that_is_lost_before_its_task_could_be_ended() -> None:
    """The plan said that the task was being ended, without an end."""
    canceled = CancelIntent("node-1", "operator")
    play(
        [
            Send.command(RestartNodes(("node-1",), "operator")),
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=20),
            Expect.step("node-1", Status.WAITING, "UNREACHABLE", "recovery", "the restart goes on once it is seen"),
            Expect.step("node-1", Status.WAITING, "UNREACHABLE", "recovery", "if its machine is lost, replace the"),
            Expect.refused(canceled, RefusalKind.CONFLICT, "its task cannot be seen; replace the node if its machine"),
            Send.command(REPLACE),
            until_settled(),
            Expect.launched("node-1"),
        ],
        world(),
    )


def test_a_node_whose_machine_is_lost_before_its_restart_has_begun() -> None:
    play(
        [
            Send.command(Interrupt("recovery")),
            Send.command(RestartNodes(("node-1",), "operator")),
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=20),
            Send.command(REPLACE),
            Send.command(Proceed("recovery")),
            until_settled(),
            Expect.launched("node-1"),
        ],
        world(),
    )


def test_a_node_that_recovers_in_place_before_its_replacement_begins() -> None:
    play(
        [
            *relaunched_before_its_turn(REPLACE),
            until_settled(),
            Expect.launched("node-1"),
            Send.time(5.0, cycles=3),
            released("127.0.0.3"),
        ],
        world(),
    )


@pytest.mark.parametrize("cycles", [1, 2])
def test_it_is_canceled_while_its_task_ends(cycles: int) -> None:
    found = world()
    before = home(found)
    play(
        [
            Send.command(REPLACE),
            Send.time(0.2, cycles=cycles),
            Send.command(CancelIntent("node-1", "operator")),
            Send.time(1.0, cycles=3),
            until_settled(),
            Expect.launched("node-1"),
        ],
        found,
    )
    assert home(found) == before


def test_it_is_canceled_while_peers_see_its_node() -> None:
    play(
        [
            Send.agent_lost("127.0.0.3"),
            Send.time(1.0, cycles=3),
            Send.command(REPLACE),
            Send.time(1.0, cycles=10),
            Expect.step("node-1", Status.STARTED, "PEER_VIEW", "recovery"),
            Send.command(CancelIntent("node-1", "operator")),
            Send.agent_back("127.0.0.3"),
            until_settled(),
            Expect.launched(),
            Expect.state("nothing was ended", lambda world: world.mesos.kills == []),
        ],
        world(),
    )


def test_a_replacement_that_joined_unheard_and_is_lost_is_replaced_itself() -> None:
    found = world(6)
    play([Send.command(REPLACE)], found)
    while place(found) in ("", "127.0.0.3"):
        found.go_on(1.0)
    first = place(found)

    def join(world: World) -> None:
        processes = world.mesos.ring.processes
        for _ in range(60):
            world.go_on(1.0)
            if any(item.address == first and item.mode == "NORMAL" for item in processes.values()):
                return
        raise AssertionError("it never joins")

    def has_only_its_own_volume(world: World) -> bool:
        reservation = world.scheduler.state.nodes["node-1"].reservation
        return reservation is not None and list(world.agent("127.0.0.3").volumes) == [reservation.volume_id]

    play(
        [
            Send.silence("REPLY"),
            Line("the replacement joins", join),
            Send.agent_lost(first, cut=True),
            Send.silence(),
            Send.time(1.0, cycles=10),
            Line("an operator knows that it is gone", lambda world: world.scheduler.given_up.update(tasks(world))),
            Send.command(replace(REPLACE, forced=True)),
            until_settled(),
            Send.agent_back(first),
            Send.time(30.0, cycles=40),
            released(first),
            Expect.state("on its first agent, in its own rack, is only its new volume", has_only_its_own_volume),
        ],
        found,
    )


def test_a_replacement_that_waits_for_another_member_says_that_force_helps() -> None:
    """The other one may be lost too, and then each would wait for the other."""
    force = "node-1 does not join while node-0 is down; with force=true its replacement goes on nevertheless"
    world = play(UP, World(spec(3), agents(3)))
    play(
        [
            Send.agent_lost("127.0.0.3", cut=True),
            Send.time(1.0, cycles=3),
            Send.command(ReplaceNode("node-1", "operator")),
            Send.time(1.0, cycles=10),
            Expect.step("node-1", Status.PENDING, "NO_OFFER_FITS", "recovery"),
            Send.agent_lost("127.0.0.2", cut=True),
            Send.time(1.0, cycles=3),
            Expect.step("node-1", Status.WAITING, "NODE_DOWN", "recovery", force),
            Send.command(ReplaceNode("node-1", "operator", forced=True)),
            Send.time(1.0, cycles=3),
            Expect.step("node-1", Status.PENDING, "NO_OFFER_FITS", "recovery"),
        ],
        world,
    )
