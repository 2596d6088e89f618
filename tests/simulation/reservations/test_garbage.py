"""Reservations of this cluster that no record knows: told of, and given back after a time of grace."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from scheduler.core.mesos.offer_operations import disk, new_hold, shares, volume
from scheduler.core.mesos.resources import Share
from scheduler.core.plans.plan import Status
from scheduler.core.reservations.garbage import LIMIT
from scheduler.core.state.spec import Policy
from tests.simulation.engine.machines import create, reserve
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.scheduler import CrashError
from tests.simulation.engine.script import Expect, Line, Send, World, play, wrongs
from tests.simulation.nodes.test_restarts import UP

PRINCIPAL = "cassandra-principal"
GRACE = 3600.0


def grace(seconds: float | None) -> Line:
    def run(world: World) -> None:
        world.scheduler.state = replace(world.scheduler.state, policy=Policy(garbage_grace_seconds=seconds))

    return Line(f"grace {seconds}", run)


def orphan(hostname: str, name: str = "orphan", cluster: str = "cluster-1", made: bool = True) -> Line:
    """Somebody reserved this once, and nobody remembers."""

    def run(world: World) -> None:
        agent = world.agent(hostname)
        world.mesos.rescind()
        hold = new_hold("cassandra-role", PRINCIPAL, name, cluster)
        size = 1_024_000
        reserve(agent, agent.available, [*shares(hold, Share(100, 32_000)), disk(hold, size, None)])
        if made:
            create(agent, agent.available, [volume(hold, size, None, f"volume-{name}", PRINCIPAL)])

    return Line(f"orphan({hostname!r}, {name!r}, {cluster!r}, {made})", run)


def is_there(world: World, hostname: str = "127.0.0.3", name: str = "orphan") -> bool:
    world.mesos.rescind()
    bundle = world.agent(hostname).available.get(name)
    return bundle is not None and not bundle.empty


def is_gone(world: World, hostname: str) -> bool:
    return not is_there(world, hostname)


def told(world: World, kind: str) -> list[str]:
    records = world.scheduler.state.journal.values()
    return [entry.sentence for record in records for entry in record.entries if entry.kind.value == kind]


STILL_THERE = Expect.state("it is still there", is_there)
ALL_WELL: list[Line] = [Expect.launched(), Expect.plan(Status.COMPLETE), Expect.plan(Status.COMPLETE, "recovery")]


@pytest.mark.parametrize("made", [True, False], ids=["with its volume", "without a volume"])
def test_it_is_told_of_and_given_back_after_the_time_of_grace(made: bool) -> None:
    world = play(
        [
            *UP,
            grace(GRACE),
            orphan("127.0.0.3", made=made),
            Send.time(60.0, cycles=20),
            STILL_THERE,
            Expect.state("a record tells of it", lambda world: list(world.scheduler.state.garbage) == ["orphan"]),
            Send.time(60.0, cycles=70),
            Expect.state("it is gone", lambda world: not is_there(world)),
            Expect.state("so is its volume", lambda world: "volume-orphan" not in world.agent("127.0.0.3").volumes),
            Expect.state("its record too", lambda world: not world.scheduler.state.garbage),
            Expect.state("and from the store", lambda world: "garbage/orphan" not in world.scheduler.znodes),
            *ALL_WELL,
        ]
    )
    words = " and the volumes volume-orphan on 127.0.0.3 are" if made else " on 127.0.0.3 is"
    (found,) = told(world, "GARBAGE")
    assert found == f"the reservation orphan{words} in no node's record: to be released after {GRACE:.0f} s"
    doing = "DESTROY, UNRESERVE" if made else "UNRESERVE"
    assert told(world, "RELEASED") == [f"the reservation orphan, which no record knows, is released: {doing}"]


@pytest.mark.parametrize(
    ("seconds", "cluster"),
    [
        pytest.param(None, "cluster-1", id="where garbage is only reported"),
        pytest.param(GRACE, "cluster-2", id="of another cluster"),
        pytest.param(GRACE, "", id="without a cluster's label"),
    ],
)
def test_it_is_never_given_back(seconds: float | None, cluster: str) -> None:
    play(
        [
            *UP,
            grace(seconds),
            orphan("127.0.0.3", cluster=cluster),
            Send.time(3600.0, cycles=24 * 30),
            STILL_THERE,
            Expect.state(
                "told of if it is ours",
                lambda world: (cluster == "cluster-1") == ("orphan" in world.scheduler.state.garbage),
            ),
            *ALL_WELL,
        ]
    )


def test_offers_are_called_for_only_to_look_ten_minutes_after_a_start_and_then_every_six_hours() -> None:
    world = play(UP)
    before = len(world.scheduler.decisions)
    play([Send.time(5.0, cycles=13 * 720), *ALL_WELL], world)
    decisions = world.scheduler.decisions[before:]
    looks = [number * 5 // 60 for number, decision in enumerate(decisions) if decision.revive]
    assert [round(minute, -1) for minute in looks] == [10, 370, 730]
    assert sum(decision.suppress for decision in decisions) == 3
    assert sum(len(decision.declines) for decision in decisions) == 9


def test_a_clock_that_jumps_ahead_does_not_shorten_the_time_of_grace() -> None:
    play(
        [
            *UP,
            grace(GRACE),
            orphan("127.0.0.3"),
            Send.time(60.0, cycles=20),
            STILL_THERE,
            Send.clock(30 * 24 * 3600.0),
            Send.time(60.0, cycles=20),
            STILL_THERE,
            Send.time(60.0, cycles=50),
            Expect.state("it is gone", lambda world: not is_there(world)),
            *ALL_WELL,
        ]
    )


def test_a_restart_of_the_scheduler_does_not_begin_the_time_of_grace_anew() -> None:
    play(
        [
            *UP,
            grace(GRACE),
            orphan("127.0.0.3"),
            Send.time(60.0, cycles=50),
            Send.scheduler_restart(),
            grace(GRACE),
            STILL_THERE,
            Send.time(60.0, cycles=30),
            Expect.state("it is gone", lambda world: not is_there(world)),
        ]
    )


def test_a_task_that_no_record_knows_keeps_what_it_uses() -> None:
    """A node's record was lost: its task runs on, and its volume is never touched while it does."""

    def forget(world: World) -> None:
        del world.scheduler.znodes["nodes/node-2"]
        world.scheduler.start()

    def lives(world: World) -> bool:
        return "node-2" in {task.node for task in world.mesos.live_tasks()} and not world.mesos.kills

    volumes: list[Any] = []
    world = play([*UP, grace(GRACE)], World(spec(3), agents(3)))
    volumes += world.agent("127.0.0.4").volumes
    play(
        [
            Line("node-2's record is lost", forget),
            grace(GRACE),
            Send.time(60.0, cycles=200),
            Expect.state("its task lives", lives),
            Expect.state("its volume too", lambda world: list(world.agent("127.0.0.4").volumes) == volumes),
        ],
        world,
    )


def test_what_turns_out_to_be_known_is_no_garbage_any_more() -> None:
    world = play([*UP, grace(GRACE), orphan("127.0.0.3"), Send.time(60.0, cycles=20)])
    node = world.scheduler.state.nodes["node-1"]
    assert node.reservation is not None
    found = world.scheduler.state.garbage["orphan"]
    mine = replace(found, id=node.reservation.id)
    world.scheduler.state = replace(world.scheduler.state, garbage={**world.scheduler.state.garbage, mine.id: mine})
    world.go_on(1.0)
    assert list(world.scheduler.state.garbage) == ["orphan"]


def test_a_label_that_is_no_name_of_a_record_is_left_alone() -> None:
    play([*UP, orphan("127.0.0.3", name="../nodes/node-0"), Send.time(60.0, cycles=20), *ALL_WELL])


def test_so_many_are_recorded_at_a_time() -> None:
    world = play([*UP, grace(None), orphan("127.0.0.3")])
    state = world.scheduler.state
    many = {f"g{index}": index for index in range(LIMIT)}
    record = play([Send.time(60.0, cycles=20)], world).scheduler.state.garbage["orphan"]
    full = {name: replace(record, id=name) for name in many}
    world.scheduler.state = replace(state, garbage=full)
    world.scheduler.cycle()
    assert "orphan" not in world.scheduler.state.garbage


@pytest.mark.parametrize("seed", range(20))
def test_a_crash_between_any_two_effects(seed: int) -> None:
    chance = random.Random(seed)
    world = play([*UP, orphan("127.0.0.3"), orphan("127.0.0.4", name="other")])
    for _ in range(400):
        world.scheduler.state = replace(world.scheduler.state, policy=Policy(garbage_grace_seconds=60.0))
        if chance.random() < 0.1:
            world.mesos.refuse_next = {chance.choice(("DESTROY", "UNRESERVE"))}
        world.mesos.step(chance.choice((1.0, 5.0, 20.0)))
        try:
            world.scheduler.cycle(crash_after=chance.randint(0, 5) if chance.random() < 0.3 else None)
        except CrashError:
            world.scheduler.start()
        assert not wrongs(world.mesos, world.scheduler)
    world.mesos.refuse_next = set()
    play([grace(60.0), Send.time(10.0, cycles=30), *ALL_WELL], world)
    assert not is_there(world)
    assert not is_there(world, "127.0.0.4", "other")
    assert not world.scheduler.state.garbage


def rest(hostname: str, name: str = "orphan") -> Line:
    """What an executor held is offered when it has ended, with the reservation's labels and without a disk."""

    def run(world: World) -> None:
        agent = world.agent(hostname)
        world.mesos.rescind()
        hold = new_hold("cassandra-role", PRINCIPAL, name, "cluster-1")
        reserve(agent, agent.available, shares(hold, Share(100, 256_000)))

    return Line(f"rest({hostname!r}, {name!r})", run)


@pytest.mark.parametrize("restart", [False, True], ids=["the same scheduler", "the next scheduler"])
def test_the_rest_of_what_was_given_back_is_given_back_at_once_however_late_it_is_offered(restart: bool) -> None:
    world = play([*UP, grace(60.0), orphan("127.0.0.3"), Send.time(10.0, cycles=30), grace(None)])
    assert world.scheduler.state.released == ("orphan",)
    if restart:
        play([Send.scheduler_restart(), grace(None)], world)
    for host in ("127.0.0.3", "127.0.0.4", "127.0.0.3"):
        play(
            [
                rest(host),
                Line("offers are called for", lambda world: world.mesos.revive()),
                Send.time(2.0, cycles=20),
                Expect.state("it is gone", partial(is_gone, hostname=host)),
                Expect.state("so is its record", lambda world: not world.scheduler.state.garbage),
                *ALL_WELL,
            ],
            world,
        )
    assert "127.0.0.3 offers a remnant of the released reservation orphan" in told(world, "GARBAGE")


def test_a_rest_that_an_earlier_version_left_behind_is_given_back_where_no_executor_runs_that_may_use_it() -> None:
    """0.1.0 forgot that it had destroyed the volume: it told of a task that uses it, for ever."""
    play(
        [
            *UP,
            grace(60.0),
            rest("127.0.0.3"),
            Send.time(10.0, cycles=200),
            Expect.state("it is gone", lambda world: not is_there(world)),
            Expect.state("its record too", lambda world: not world.scheduler.state.garbage),
            *ALL_WELL,
        ]
    )
