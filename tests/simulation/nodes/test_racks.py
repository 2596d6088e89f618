"""Restarts of all nodes, one rack after another, where that takes no more than one replica of any range away."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from executor.jmx.replication import Replication
from scheduler.core.commands.command import CancelIntent, PauseNode, RefusalKind, RestartNodes, ResumeNode
from scheduler.core.plans.plan import Status
from tests.simulation.engine.invariants import invariants
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.scheduler import CrashError
from tests.simulation.engine.script import Expect, Line, Send, World, go_on_crashing, play, wrongs
from tests.simulation.nodes.test_restarts import settled, until_settled

NAMES = tuple(f"node-{index}" for index in range(6))
# Racks fill evenly: r1 has node-0 and node-3, r2 node-1 and node-4, r3 node-2 and node-5.
RACKS = (("node-0", "node-3"), ("node-1", "node-4"), ("node-2", "node-5"))


def up(nodes: int = 6, racks: int = 3) -> World:
    """A cluster that rests."""
    world = World(spec(nodes), agents(nodes, racks))
    play([Send.until_complete(), Send.time(31.0, cycles=3)], world)
    world.seen_launches = len(world.mesos.launches)
    return world


def by_rack(*names: str, forced: bool = False) -> RestartNodes:
    return RestartNodes(names or NAMES, "operator", forced, by_rack=True)


def begun(world: World) -> tuple[str, ...]:
    nodes = world.scheduler.state.nodes.values()
    return tuple(sorted(node.name for node in nodes if node.intent and node.intent.begun_at is not None))


def replicated(most: int, *disregarding: str) -> Line:
    """The schema is changed, and every node says so."""

    def run(world: World) -> None:
        world.mesos.ring.replication = Replication(most, disregarding)

    return Line("replicated", run)


def turns(world: World) -> list[tuple[str, ...]]:
    """Which intents were carried out at the same time, one group after another, until none is left."""
    found: list[tuple[str, ...]] = []
    for _ in range(300):
        world.go_on(1.0)
        now = begun(world)
        if found and set(now) >= set(found[-1]):  # more of the same rack
            found[-1] = now
        elif now and (not found or not set(now) <= set(found[-1])):
            found.append(now)
        if settled(world):
            break
    assert settled(world), world.scheduler.plans()["recovery"]
    assert not (wrong := wrongs(world.mesos, world.scheduler)), wrong
    return found


def test_a_rack_at_a_time() -> None:
    world = play([Send.command(by_rack())], up())
    assert turns(world) == list(RACKS)
    assert len(world.mesos.launches) == 12


def test_without_asking_for_it_a_node_at_a_time() -> None:
    world = play([Send.command(RestartNodes(NAMES, "operator"))], up())
    assert turns(world) == [(name,) for name in NAMES]


@pytest.mark.parametrize(
    ("most", "disregarding", "words"),
    [
        (4, (), "a keyspace has 4 replicas, but there are only 3 racks"),
        (1, ("shop",), "the replicas of the keyspace shop are placed without regard to racks"),
    ],
)
def test_what_would_take_two_replicas_away_is_refused(most: int, disregarding: tuple[str, ...], words: str) -> None:
    lines = [
        replicated(most, *disregarding),
        Send.time(31.0, cycles=4),
        Expect.refused(by_rack(), RefusalKind.CONFLICT, f"no rack can be restarted as a whole: {words}"),
        Expect.refused(by_rack(forced=True), RefusalKind.CONFLICT, words),
    ]
    play(lines, up())


def test_two_racks_are_too_few() -> None:
    play(
        [Expect.refused(by_rack(), RefusalKind.CONFLICT, "the members are in 2 racks, at least 3 are needed")],
        up(racks=2),
    )


def test_what_is_not_known_is_not_assumed() -> None:
    """After a restart of the scheduler nobody has said anything yet: what was to be done at once waits for it."""
    world = play([Send.command(by_rack())], up())
    world.scheduler.start()
    assert begun(world) == ()
    assert turns(world) == list(RACKS)


def test_when_it_becomes_unsafe_meanwhile_a_node_at_a_time() -> None:
    world = up()
    play([Send.command(by_rack()), Send.time(1.0, cycles=2), replicated(3, "shop")], world)
    found = turns(world)
    assert found[0] == RACKS[0]
    assert found[1:] == [("node-1",), ("node-2",), ("node-4",), ("node-5",)]


def test_one_that_does_not_come_back_stops_the_other_racks() -> None:
    world = up()
    before = len(world.mesos.launches)

    def fail(world: World) -> None:
        for _ in range(600):
            for task in world.mesos.live_tasks():
                if task.node == "node-0" and task.id in world.mesos.launches[before:]:
                    world.mesos.fail_task(task.id, "Invalid yaml")
            world.go_on(5.0)

    play(
        [
            Send.command(by_rack()),
            Line("node-0 fails whenever it is launched", fail),
            Expect.step("node-0", Status.ERROR, "FAILED", "recovery", says="Invalid yaml"),
            Expect.step("node-1", Status.PENDING, "OTHER_INTENT", "recovery", says="waits for the restart of node-0"),
        ],
        world,
    )
    assert begun(world) == ("node-0",)
    nodes = world.scheduler.state.nodes
    assert [name for name in NAMES if nodes[name].intent is None] == ["node-3"]


def test_a_node_of_another_rack_that_dies_is_waited_for() -> None:
    """Its end counts as its restart."""
    world = play([Send.command(by_rack()), Send.time(1.0, cycles=2), Send.failure("node-1")], up())
    assert sorted(turns(world)) == [RACKS[0], RACKS[2], ("node-4",)]
    assert len(world.mesos.launches) == 12


def test_one_whose_rack_has_begun_can_be_paused() -> None:
    world = play([Send.command(by_rack()), Send.time(1.0, cycles=2)], up())
    play(
        [
            Send.command(PauseNode("node-3", "operator", forced=True)),
            Send.time(1.0, cycles=60),
            Expect.step("node-1", Status.PENDING, "OTHER_INTENT", "recovery", says="waits for the pause of node-3"),
            Send.command(ResumeNode("node-3", "operator")),
            until_settled(),
        ],
        world,
    )
    assert invariants(world.scheduler.state) == ()


@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("when", range(12))
def test_a_crash_between_any_two_effects_only_delays_it(when: int, after: int) -> None:
    world = play([Send.command(by_rack())], up())
    before = len(world.mesos.launches)
    go_on_crashing(world, 300, after=after, when=when)
    assert settled(world)
    assert sorted(name.partition("__")[0] for name in world.mesos.launches[before:]) == sorted(NAMES)


NODE = st.sampled_from(NAMES)


class Restarts(RuleBasedStateMachine):
    """Restarts, pauses, deaths and changes of the schema, in any order."""

    @initialize()
    def begin(self) -> None:
        self.world = up()

    @rule(cycles=st.integers(min_value=1, max_value=8), seconds=st.sampled_from((0.5, 2.0, 31.0)))
    def go_on(self, cycles: int, seconds: float) -> None:
        self.world.go_on(seconds, cycles)

    @rule(after=st.integers(min_value=0, max_value=8))
    def crash(self, after: int) -> None:
        self.world.mesos.step(1.0)
        try:
            self.world.scheduler.cycle(crash_after=after)
        except CrashError:
            self.world.scheduler.start()

    @rule(names=st.sets(NODE, min_size=1), rack=st.booleans(), forced=st.booleans())
    def restart(self, names: set[str], rack: bool, forced: bool) -> None:
        self.world.scheduler.command(RestartNodes(tuple(sorted(names)), "operator", forced, rack))

    @rule(name=NODE)
    def pause(self, name: str) -> None:
        self.world.scheduler.command(PauseNode(name, "operator"))

    @rule(name=NODE)
    def resume(self, name: str) -> None:
        self.world.scheduler.command(ResumeNode(name, "operator"))

    @rule(name=NODE)
    def cancel(self, name: str) -> None:
        self.world.scheduler.command(CancelIntent(name, "operator"))

    @rule(most=st.sampled_from((3, 4)), disregarding=st.sampled_from(((), ("shop",))))
    def alter(self, most: int, disregarding: tuple[str, ...]) -> None:
        self.world.mesos.ring.replication = Replication(most, disregarding)

    @rule(pick=st.integers(min_value=0, max_value=5))
    def die(self, pick: int) -> None:
        if live := self.world.mesos.live_tasks():
            self.world.mesos.fail_task(live[pick % len(live)].id)

    @invariant()
    def nothing_forbidden_was_done(self) -> None:
        if hasattr(self, "world"):
            assert wrongs(self.world.mesos, self.world.scheduler) == []

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for name in NAMES:
            self.world.scheduler.command(ResumeNode(name, "operator"))
        for _ in range(400):
            self.world.go_on(10.0)
            if settled(self.world):
                return
        raise AssertionError(f"not settled: {self.world.scheduler.plans()['recovery']}")


RestartsTest = Restarts.TestCase
RestartsTest.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
