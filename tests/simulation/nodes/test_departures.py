"""Nodes that leave the ring for good, told line by line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.commands.command import (
    CancelIntent,
    Command,
    ForceComplete,
    Interrupt,
    Proceed,
    RefusalKind,
    ReplaceNode,
    RestartStep,
    StartOperation,
    StopOperation,
)
from scheduler.core.plans.plan import Status
from scheduler.core.state.operation import OperationState
from tests.simulation.engine.machines import Agent
from tests.simulation.engine.samples import agents, begin, spec
from tests.simulation.engine.script import Expect, Line, Send, World, go_on_crashing, play
from tests.simulation.nodes.test_restarts import UP, settled

GIB = 1024 * 1024 * 1024


def decommission(node: str, force: bool = False) -> StartOperation:
    return StartOperation("decommission", f"leave-{node}", (node,), {"force": force}, "operator")


def released(world: World, hostname: str) -> bool:
    """Nothing is reserved on this agent any more, and no volume is left."""
    agent: Agent = world.agent(hostname)
    world.mesos.rescind()
    return not agent.volumes and not any(owner and not bundle.empty for owner, bundle in agent.available.items())


def until(text: str, holds: Any, cycles: int = 200) -> Line:
    def run(world: World) -> None:
        for _ in range(cycles):
            if holds(world):
                return
            world.go_on(1.0)
        raise AssertionError(f"{text}: not after {cycles} cycles: {world.scheduler.plans()}")

    return Line(f"until {text}", run)


def begun(world: World) -> bool:
    """The scheduler lets a node leave."""
    return "decommission" in world.scheduler.state.operations


# node-2 joins alone: only the second and the third node of a new cluster join at once.
GROWN = [Send.until_complete(), Send.scheduler_restart(nodes=3)]


def two_nodes() -> World:
    """Return two nodes and an agent for a third one."""
    return World(spec(2), agents(3))


def shrunk(world: World) -> bool:
    """The nodes of the target are all there are, and nothing is left to do."""
    wanted = {f"node-{index}" for index in range(world.scheduler.state.target.spec.nodes)}
    calm = all(plan.status is Status.COMPLETE for plan in world.scheduler.plans().values())
    return set(world.scheduler.state.nodes) == wanted and settled(world) and calm


def test_fewer_nodes_the_highest_leaves_first() -> None:
    play(
        [
            *UP,
            Send.hold("decommission-node-2"),
            Send.scheduler_restart(nodes=1, seeds=1),
            Send.until_running("decommission-node-2"),
            Expect.step("node-2", Status.IN_PROGRESS, "LEAVES", says="NODES is 1: it leaves, see the plan"),
            Expect.step("node-1", Status.PENDING, "EARLIER_NODE", says="it leaves after node-2"),
            Expect.running("decommission-node-2"),
            Send.hold(),
            until("one node is left", shrunk),
            Expect.launched("decommission-node-2", "decommission-node-1"),
            Expect.state(
                "nothing is held", lambda world: released(world, "127.0.0.3") and released(world, "127.0.0.4")
            ),
            Send.time(60.0, cycles=5),
            Expect.launched(),
            Expect.plan(Status.COMPLETE),
        ]
    )


def test_the_step_of_a_node_that_leaves_cannot_be_forced() -> None:
    """The answer was that it is complete, and nothing changed."""
    force = ForceComplete("deploy", "Deploy", "node-2")
    refused = "The step of node-2 cannot be forced: NODES is "
    play(
        [
            *UP,
            Send.hold("decommission-node-2"),
            Send.scheduler_restart(nodes=2),
            Send.until_running("decommission-node-2"),
            Expect.refused(force, RefusalKind.CONFLICT, f"{refused}2: it leaves, see the plan decommission"),
            Send.scheduler_restart(nodes=3),
            Send.time(1.0, cycles=2),
            Expect.refused(force, RefusalKind.CONFLICT, f"{refused}3 again: it leaves, because NODES was lower"),
            Send.hold(),
            Send.until_complete(),
        ]
    )


def test_a_node_that_is_to_leave_while_it_waits_for_its_replacement_says_so() -> None:
    """It said that its reservation is released."""
    play(
        [
            *UP,
            Send.command(ReplaceNode("node-2", "operator")),
            Send.time(1.0, cycles=10),
            Send.scheduler_restart(nodes=2),
            Send.time(1.0, cycles=10),
            Expect.step(
                "node-2", Status.IN_PROGRESS, "LEAVES", says="once it has been replaced, see the plan recovery"
            ),
            Expect.step("node-2", Status.PENDING, "NO_OFFER_FITS", "recovery"),
            Send.command(CancelIntent("node-2", "operator")),
            until("two nodes are left", shrunk),
        ]
    )


REPLACE = ReplaceNode("node-2", "operator")
FORCED = ReplaceNode("node-2", "operator", forced=True)
GONE = until("node-1 is gone", lambda found: found.scheduler.state.nodes["node-1"].left)
LEAVES = "decommission-node-1"


def another_agent(world: World) -> None:
    world.mesos.agents["S9"] = agents(9)[8]


@pytest.mark.parametrize("replace_it", [REPLACE, FORCED])
@pytest.mark.parametrize("other", [[], [Line("another agent", another_agent)]], ids=["no agent", "an agent"])
def test_a_decommission_waits_for_a_replacement(replace_it: ReplaceNode, other: list[Line]) -> None:
    """It streamed to a node that was not there, and failed."""
    waits = Expect.step("node-1", Status.WAITING, "OTHER_INTENT", "decommission", "waits for the replacement of node-2")
    asked = decommission("node-1")
    play(
        [
            *UP,
            *other,
            Send.command(asked),
            Send.command(Interrupt("decommission")),
            Send.command(replace_it),
            Send.time(1.0),
            Send.command(Proceed("decommission")),
            waits,
            Expect.running(),
            *([] if other else [Send.time(1.0, cycles=20), waits, Send.command(CancelIntent("node-2", "operator"))]),
            GONE,
            Send.until_complete(),
            Send.until_complete("recovery"),
        ]
    )


@pytest.mark.parametrize("other", [[], [Line("another agent", another_agent)]], ids=["no agent", "an agent"])
def test_a_replacement_waits_for_a_decommission(other: list[Line]) -> None:
    """It ended a node that was being streamed to. The agent of the node that leaves is free for it then."""
    waits = "waits for node-1 to leave the ring"
    play(
        [
            *UP,
            *other,
            Send.hold(LEAVES),
            Send.command(decommission("node-1")),
            Send.until_running(LEAVES),
            Expect.refused(REPLACE, RefusalKind.CONFLICT, "node-1 leaves the ring; with force=true the replacement of"),
            Send.command(FORCED),
            Send.time(1.0, cycles=10),
            Expect.step("node-2", Status.PENDING, "OTHER_INTENT", "recovery", says=waits),
            Expect.state("it runs", lambda world: world.scheduler.state.nodes["node-2"].mode == "NORMAL"),
            Send.hold(),
            GONE,
            Send.until_complete(),
            Send.until_complete("recovery"),
            Expect.launched(LEAVES, "node-2"),
        ]
    )


def test_a_replacement_of_an_earlier_version_beside_a_decommission() -> None:
    """The departure waited for the replacement, and the replacement for the node that had left."""

    def begin_it(world: World) -> None:
        state = world.scheduler.state
        node = state.nodes["node-2"]
        assert node.intent is not None
        begun = replace(node, intent=replace(node.intent, begun_at=world.mesos.now))
        world.scheduler.state = replace(state, nodes={**state.nodes, "node-2": begun})

    world = play(
        [
            *UP,
            Send.hold(LEAVES),
            Send.command(decommission("node-1")),
            Send.until_running(LEAVES),
            Send.command(FORCED),
            Line("it begins", begin_it),
            Send.time(1.0, cycles=10),
            Expect.step("node-2", Status.PENDING, "NO_OFFER_FITS", "recovery"),
            Send.hold(),
            Send.until_complete("decommission"),
            Expect.step("node-1", Status.PENDING, "OTHER_INTENT", "recovery", says="the replacement of node-2"),
            Line("another agent", another_agent),
        ]
    )
    play([GONE, Send.until_complete(), Send.until_complete("recovery")], world)


def test_more_nodes_after_fewer() -> None:
    play(
        [
            *UP,
            Send.scheduler_restart(nodes=2),
            until("two nodes are left", shrunk),
            Expect.launched("decommission-node-2"),
            Send.scheduler_restart(nodes=3),
            Send.until_complete(),
            Expect.launched("node-2"),
            Send.time(5.0, cycles=20),
            Expect.launched(),
            Expect.state("it is a member", lambda world: world.scheduler.healthy()),
        ]
    )


def test_turned_round_before_it_begins() -> None:
    play(
        [
            *UP,
            Send.command(Interrupt("deploy")),
            Send.scheduler_restart(nodes=2),
            Send.time(1.0, cycles=5),
            Expect.step("node-2", Status.WAITING, "INTERRUPTED"),
            Send.scheduler_restart(nodes=3),
            Send.command(Proceed("deploy")),
            Send.time(1.0, cycles=10),
            Expect.launched(),
            Expect.plan(Status.COMPLETE),
        ]
    )


def test_turned_round_while_it_waits_for_its_next_try() -> None:
    play(
        [
            *UP,
            Send.job_failures("decommission", "stream failed", "stream failed", "stream failed"),
            Send.scheduler_restart(nodes=2),
            until("it begins", begun),
            Send.until_step("node-2", Status.DELAYED, plan="decommission"),
            Send.scheduler_restart(nodes=3),
            Send.until_ended("decommission"),
            Expect.operation("decommission", OperationState.STOPPED),
            Send.time(1.0, cycles=10),
            Expect.plan(Status.COMPLETE),
            Expect.state("all are there", settled),
        ]
    )


def test_a_stop_restarts_the_node_and_is_respected() -> None:
    play(
        [
            *UP,
            Send.hold("decommission-node-2"),
            Send.scheduler_restart(nodes=2),
            Send.until_running("decommission-node-2"),
            Send.command(StopOperation("decommission")),
            until("all is well", settled),
            Expect.operation("decommission", OperationState.STOPPED),
            Expect.launched("decommission-node-2", "node-2"),
            Send.time(5.0, cycles=20),
            Expect.launched(),
            Expect.step("node-2", Status.WAITING, "STOPPED", says="set NODES to more than 2"),
            Send.command(decommission("node-2")),
            Send.hold(),
            until("two nodes are left", shrunk),
        ]
    )


def test_an_operator_lets_a_node_leave_and_has_it_again() -> None:
    play(
        [
            *UP,
            Send.command(decommission("node-1")),
            Send.until_complete("decommission"),
            until("it is cleared away", lambda world: released(world, "127.0.0.3")),
            Send.time(60.0, cycles=5),
            Expect.launched("decommission-node-1"),
            Expect.step("node-1", Status.COMPLETE, "LEFT", says="decommissioned by an operator"),
            Expect.plan(Status.COMPLETE),
            Send.command(RestartStep("deploy", None, "node-1")),
            Send.until_complete(),
            Expect.launched("node-1"),
            Expect.state("all are there", settled),
        ]
    )


def test_a_healthy_node_leaves_and_joins_on_another_host() -> None:
    rejoin = StartOperation("decommission", "leave", ("node-1",), {"force": False, "rejoin": True}, "operator")
    play(
        [
            *UP,
            Send.command(rejoin),
            until("it has left", lambda world: world.scheduler.state.nodes["node-1"].left_host == "127.0.0.3"),
            until("it is back", settled),
            Expect.launched("decommission-node-1", "node-1"),
            Expect.state("elsewhere", lambda world: host_of(world, "node-1") == "127.0.0.5"),
            Send.time(1.0, cycles=10),
            Expect.state("nothing is held", lambda world: released(world, "127.0.0.3")),
            Expect.state("it is forgotten", lambda world: not world.scheduler.state.nodes["node-1"].left_host),
            Expect.plan(Status.COMPLETE),
        ],
        World(machines=agents(4)),
    )


def test_a_node_that_is_not_wanted_does_not_join_again() -> None:
    rejoin = StartOperation("decommission", "leave", ("node-2",), {"force": False, "rejoin": True}, "operator")
    play(
        [
            *UP,
            Send.hold("decommission-node-2"),
            Send.command(rejoin),
            Send.until_running("decommission-node-2"),
            Send.scheduler_restart(nodes=2),
            Send.hold(),
            until("two nodes are left", shrunk),
            Send.time(5.0, cycles=20),
            Expect.launched("decommission-node-2"),
        ]
    )


def host_of(world: World, name: str) -> str:
    agent = world.scheduler.state.nodes[name].agent
    return "" if agent is None else agent.hostname


def too_full(world: World) -> None:
    """node-0 has little room left."""
    status = world.scheduler.state.sightings["node-0"]
    full = replace(status, status=replace(status.status, room_bytes=1024))
    world.scheduler.state = replace(
        world.scheduler.state, sightings={**world.scheduler.state.sightings, "node-0": full}
    )


@pytest.mark.parametrize(
    ("before", "command", "says"),
    [
        ([Send.failure("node-0"), Send.time()], decommission("node-2"), "node-0 is down"),
        (
            [Send.failure("node-2"), Send.time()],
            decommission("node-2", force=True),
            "node-2 is not a member of the ring",
        ),
        ([Send.command(begin("cleanup"))], decommission("node-2"), "Decommission cannot begin: Cleanup is in progress"),
        ([Line("too full", too_full)], decommission("node-2"), "node-0 has 0 MB of room, but needs 60 MB for its part"),
    ],
)
def test_what_is_refused(before: list[Line], command: Command, says: str) -> None:
    play([*UP, *before, Expect.refused(command, RefusalKind.CONFLICT, says)])


def test_the_only_member_stays() -> None:
    play(
        [
            *UP,
            Send.scheduler_restart(nodes=1, seeds=1),
            until("one node is left", shrunk),
            Expect.refused(decommission("node-0", force=True), RefusalKind.CONFLICT, "the only member of the ring"),
        ]
    )


def test_what_cassandra_refuses_is_shown_and_nothing_is_lost() -> None:
    play(
        [
            *UP,
            Send.job_failures("decommission", "check: 2 nodes would be left, but shop has 3 replicas", hopeless=True),
            Send.scheduler_restart(nodes=2),
            until("it begins", begun),
            Send.until_step("node-2", Status.ERROR, plan="decommission"),
            Expect.step("node-2", Status.ERROR, plan="decommission", says="shop has 3 replicas"),
            Send.time(60.0, cycles=10),
            Expect.state("all are there", settled),
            Send.command(RestartStep("decommission", None, "node-2")),
            until("two nodes are left", shrunk),
        ]
    )


def test_the_departure_of_a_node_above_the_target_cannot_be_forced() -> None:
    """It was complete, and began again at once, however often it failed."""
    force = ForceComplete("decommission", "Leave", "node-2")
    words = "check: 2 nodes would be left, but shop has 3 replicas"
    said = "The step of node-2 cannot be forced: NODES is 2, so its decommission would begin again; stop the decommi"
    play(
        [
            *UP,
            Send.job_failures("decommission", words, hopeless=True),
            Send.scheduler_restart(nodes=2),
            until("it begins", begun),
            Expect.refused(force, RefusalKind.CONFLICT, said),
            Send.until_step("node-2", Status.ERROR, plan="decommission"),
            Expect.refused(force, RefusalKind.CONFLICT, said),
            Send.command(StopOperation("decommission")),
            Send.time(5.0, cycles=20),
            Expect.launched("decommission-node-2"),
            # One that an operator asked for is over then, and the node stays.
            Send.scheduler_restart(nodes=3),
            Send.time(5.0, cycles=3),
            Send.job_failures("decommission", words, hopeless=True),
            Send.command(decommission("node-2")),
            Send.until_step("node-2", Status.ERROR, plan="decommission"),
            Send.command(force),
            Send.time(5.0, cycles=20),
            Expect.launched("decommission-node-2"),
            Expect.state("all are there", settled),
        ]
    )


def test_it_dies_right_after_it_has_left() -> None:
    """Its executor dies before anybody heard of it: Cassandra refuses to start again, and says why."""

    def left_unheard(world: World) -> None:
        for job in world.mesos.live_jobs():
            job.data.left = True
        world.mesos.fail_task(world.task_of("node-2"), "killed by a test")

    play(
        [
            *UP,
            Send.hold("decommission-node-2"),
            Send.scheduler_restart(nodes=2),
            Send.until_running("decommission-node-2"),
            Line("node-2 has left, and dies", left_unheard),
            Send.hold(),
            until("two nodes are left", lambda world: len(world.scheduler.state.nodes) == 2),
            Expect.state("nothing is held", lambda world: released(world, "127.0.0.4")),
        ]
    )


def test_a_node_that_never_joined_is_forgotten() -> None:
    def fail(world: World) -> None:
        for _ in range(60):
            for task in world.mesos.live_tasks():
                if task.node == "node-2":
                    world.mesos.fail_task(task.id, "Invalid yaml")
            world.go_on(10.0)

    play(
        [
            *GROWN,
            Line("node-2 fails whenever it is launched", fail),
            Send.scheduler_restart(nodes=2),
            until("two nodes are left", shrunk),
            Expect.state("nothing is held", lambda world: released(world, "127.0.0.4")),
        ],
        two_nodes(),
    )


@pytest.mark.parametrize("unheard", [("REPLY",), ("REPLY", "STATUS")])
def test_the_volume_of_a_node_that_joined_unheard_is_kept(unheard: tuple[str, ...]) -> None:
    def join(world: World) -> None:
        world.scheduler.lose = lambda kind: kind in unheard
        for _ in range(60):
            world.go_on(1.0)
            if any(
                item.launch.node == "node-2" and item.mode == "NORMAL" for item in world.mesos.ring.processes.values()
            ):
                break
        for name in ("127.0.0.2", "127.0.0.3"):
            Send.agent_lost(name).play(world)
        world.scheduler.lose = lambda kind: False
        Send.failure("node-2").play(world)

    play(
        [
            *GROWN,
            Line("node-2 joins, nobody hears of it, and all nodes are lost", join),
            Send.command(Interrupt("deploy")),
            Send.scheduler_restart(nodes=2),
            Send.time(5.0, cycles=30),
            Expect.state("its volume is kept", lambda world: not released(world, "127.0.0.4")),
            Expect.step("node-2", Status.WAITING, "PEER_VIEW", says="waits for a member that is up to report whether"),
            Send.agent_back("127.0.0.2"),
            Send.agent_back("127.0.0.3"),
            Send.time(5.0, cycles=30),
            Expect.state("its volume is kept", lambda world: not released(world, "127.0.0.4")),
            Expect.step("node-2", Status.WAITING, "PEER_VIEW", says="set NODES to more than 2 to start it again"),
            Send.command(Proceed("deploy")),
            Send.scheduler_restart(nodes=3),
            Send.until_complete(),
            Send.scheduler_restart(nodes=2),
            until("two nodes are left", shrunk),
        ],
        two_nodes(),
    )


def test_an_agent_that_comes_back_late_is_cleared() -> None:
    def vanish(world: World) -> None:
        world.mesos.partition(world.agent("127.0.0.4"))
        world.mesos.mark_unreachable(world.agent("127.0.0.4"))

    play(
        [
            *UP,
            Send.scheduler_restart(nodes=2),
            until("it begins", begun),
            Send.until_complete("decommission"),
            Line("its agent is away", vanish),
            Send.time(60.0, cycles=5),
            Expect.state("its record is kept", lambda world: "node-2" in world.scheduler.state.nodes),
            Send.agent_back("127.0.0.4"),
            until("two nodes are left", shrunk),
            Expect.state("nothing is held", lambda world: released(world, "127.0.0.4")),
        ]
    )


@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize("when", range(16))
def test_a_crash_between_any_two_effects_only_delays_it(when: int, after: int) -> None:
    world = play([*UP, Send.scheduler_restart(nodes=1, seeds=1)])
    go_on_crashing(world, 300, after=after, when=when, period=40)
    # That a job was stored, but never launched, shows after half a minute of silence.
    play([Send.time(1.0, cycles=90)], world)
    assert shrunk(world), world.scheduler.plans()
    assert released(world, "127.0.0.3")
    assert released(world, "127.0.0.4")


@pytest.mark.parametrize("linger", [0, 2, 9])
def test_an_executor_that_ends_later_than_its_task_leaves_nothing_behind(linger: int) -> None:
    """What it held is offered alone, long after the volume: neither is left, nor told of as somebody's."""
    world = play(UP)
    world.mesos.linger = linger
    play(
        [
            Send.scheduler_restart(nodes=2, seeds=2),
            until("two nodes are left", shrunk),
            Send.time(1.0, cycles=20),
            Expect.state("nothing is held", lambda world: released(world, "127.0.0.4")),
            Expect.state("no garbage is known", lambda world: not world.scheduler.state.garbage),
        ],
        world,
    )


def fewer_refused() -> list[Line]:
    return [
        Send.job_failures(
            "decommission", "check: 2 nodes would be left, but system_auth has 3 replicas", hopeless=True
        ),
        Send.scheduler_restart(nodes=2),
        until("it begins", begun),
        Send.until_step("node-2", Status.ERROR, plan="decommission"),
        Expect.step("node-2", Status.WAITING, "OTHER_FAILED", says="system_auth has 3 replicas; restart that step"),
    ]


def stopped_by_the_scheduler(world: World) -> bool:
    operation = world.scheduler.state.operations["decommission"]
    return operation.state is OperationState.STOPPED and operation.stopped_by == "the scheduler"


def test_what_the_scheduler_stopped_begins_again_once_fewer_are_asked_for() -> None:
    play(
        [
            *UP,
            *fewer_refused(),
            Send.scheduler_restart(nodes=3),
            until("it is stopped", stopped_by_the_scheduler),
            Expect.plan(Status.COMPLETE),
            Send.scheduler_restart(nodes=2),
            until("two nodes are left", shrunk),
            Send.scheduler_restart(nodes=3),
            until("three are there", lambda world: shrunk(world) and len(world.scheduler.state.nodes) == 3),
        ]
    )


@pytest.mark.parametrize("begin_again", [[], [Send.command(decommission("node-2"))]])
def test_more_nodes_while_one_leaves_has_it_join_anew(begin_again: list[Line]) -> None:
    """Whoever had it leave: NODES was less, and is not any more."""
    first = [*fewer_refused(), Send.command(StopOperation("decommission", "alice"))] if begin_again else []
    stopped = [
        Send.until_ended("decommission"),
        Expect.step("node-2", Status.WAITING, "STOPPED", says="its decommission was stopped by alice: start it again"),
    ]
    play(
        [
            *UP,
            *first,
            *(stopped if begin_again else []),
            Send.hold("decommission-node-2"),
            Send.scheduler_restart(nodes=2),
            *([Send.time(1.0, cycles=3)] if begin_again else []),
            *begin_again,
            Send.until_running("decommission-node-2"),
            Send.scheduler_restart(nodes=3),
            Send.time(1.0, cycles=5),
            Expect.step(
                "node-2", Status.WAITING, "LEAVES", says="NODES is 3 again: it leaves, because NODES was lower"
            ),
            Send.hold(),
            until("three are there", lambda world: shrunk(world) and len(world.scheduler.state.nodes) == 3),
            Expect.state("it is another", lambda world: world.scheduler.state.nodes["node-2"].host_id != "host-2"),
        ]
    )


@pytest.mark.parametrize(
    "before",
    [
        [Send.until_running("decommission-node-2")],
        [
            Send.hold(),
            until("it has left", lambda world: world.scheduler.state.nodes["node-2"].left),
            Expect.step("node-2", Status.COMPLETE, "LEFT", says="decommissioned by an operator"),
        ],
    ],
    ids=["it leaves", "it has left"],
)
def test_one_let_go_joins_anew_after_fewer_nodes_however_briefly(before: list[Line]) -> None:
    """Nothing is decided while NODES is less."""
    play(
        [
            *UP,
            Send.hold("decommission-node-2"),
            Send.command(decommission("node-2")),
            *before,
            Send.scheduler_restart(nodes=2),
            Send.scheduler_restart(nodes=3),
            Send.hold(),
            until("three are there", lambda world: shrunk(world) and len(world.scheduler.state.nodes) == 3),
            Expect.state("it is another", lambda world: world.scheduler.state.nodes["node-2"].host_id != "host-2"),
        ]
    )


def test_a_stop_of_an_operator_is_over_once_its_node_was_wanted() -> None:
    play(
        [
            *UP,
            Send.hold("decommission-node-2"),
            Send.scheduler_restart(nodes=2),
            Send.until_running("decommission-node-2"),
            Send.command(StopOperation("decommission")),
            until("all is well", settled),
            Send.scheduler_restart(nodes=3),
            Send.time(1.0, cycles=5),
            Expect.plan(Status.COMPLETE),
            Send.hold(),
            Send.scheduler_restart(nodes=2),
            until("two nodes are left", shrunk),
        ]
    )


def test_where_one_was_let_go_by_itself_no_other_leaves_for_it() -> None:
    play(
        [
            *UP,
            Send.command(decommission("node-1")),
            Send.until_complete("decommission"),
            until("it is cleared away", lambda world: released(world, "127.0.0.3")),
            Send.scheduler_restart(nodes=2),
            Send.time(5.0, cycles=20),
            Expect.launched("decommission-node-1"),
            Expect.step("node-2", Status.WAITING, "LEFT", says="there are 2 members, since node-1 was decommissioned"),
            Send.command(RestartStep("deploy", None, "node-1")),
            until("two nodes are left", shrunk),
        ]
    )


def test_a_node_whose_machine_is_lost_once_it_has_left_holds_nothing_up_for_ever() -> None:
    """Nothing can replace it, and its task may run until Mesos is told that it does not."""
    lost = "if its machine is lost, mark its agent as gone at the Mesos master"
    world = play(UP)
    world.mesos.kill = lambda task_id: None  # type: ignore[method-assign]
    play(
        [
            Send.command(decommission("node-2")),
            until("it has left", lambda world: world.scheduler.state.nodes["node-2"].mode == "DECOMMISSIONED"),
            Send.agent_lost("127.0.0.4", cut=True),
            Send.time(5.0, cycles=10),
            Expect.step("node-2", Status.WAITING, "LEAVES", "recovery", lost),
            Line("marked as gone", lambda world: world.mesos.mark_gone(world.agent("127.0.0.4"))),
            Send.time(5.0, cycles=10),
            Expect.plan(Status.COMPLETE, "recovery"),
            Expect.state("it is away", lambda world: world.scheduler.state.nodes["node-2"].intent is None),
        ],
        world,
    )
