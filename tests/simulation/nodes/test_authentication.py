"""Authentication that is switched on and off over a cluster, and the passwords of the service's users."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.commands.command import RefusalKind, StartOperation
from scheduler.core.plans.plan import Status
from scheduler.core.state.logins import LoginsRecord
from scheduler.core.state.operation_kinds import ROTATION
from tests.simulation.cycle.test_crashes import count_effects, run_with_crash
from tests.simulation.engine.invariants import invariants
from tests.simulation.engine.rest import assert_at_rest
from tests.simulation.engine.ring import stage_of
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.script import Expect, Line, Send, World, play, wrongs
from tests.simulation.nodes.test_restarts import UP


def cassandra(**changes: Any) -> dict[str, Any]:
    return {"cassandra": replace(spec().cassandra, **changes)}


ON, OFF = cassandra(authentication="on"), cassandra()


def launched_stages(world: World) -> list[str]:
    """The stages with which the running nodes were launched, in order."""
    launches = sorted((process.launch for process in world.mesos.ring.processes.values()), key=lambda it: it.node)
    return [stage_of(launch) for launch in launches]


def has_stages(*wanted: str) -> Line:
    return Expect.state(f"stages {wanted}", lambda world: launched_stages(world) == list(wanted))


def clients(silent: tuple[str, ...] = (), refused: tuple[str, ...] = ()) -> Line:
    def change(world: World) -> None:
        world.mesos.ring.silent, world.mesos.ring.refused = silent, refused

    return Line(f"clients {silent} {refused}", change)


def logins(world: World) -> LoginsRecord:
    found = world.scheduler.state.logins
    assert found is not None
    return found


def is_made(replicas: int) -> Line:
    def check(world: World) -> bool:
        found = logins(world)
        return (found.made, found.replicas) == (True, replicas)

    return Expect.state(f"superusers with {replicas} replicas", check)


def until(*stages: str) -> Line:
    def run(world: World) -> None:
        for _ in range(400):
            if launched_stages(world) == list(stages) and world.scheduler.healthy():
                return
            world.go_on(1.0)
        raise AssertionError(f"{launched_stages(world)} instead of {stages}")

    return Line(f"until {stages}", run)


def test_a_running_cluster_becomes_transitional_first() -> None:
    play(
        [
            *UP,
            Send.scheduler_restart(**ON),
            Send.until_step("node-0", Status.STARTED),
            Expect.step("node-0", Status.STARTED, says="authentication off -> transitional"),
            Send.hold("logins-superusers"),
            until("transitional", "transitional", "transitional"),
            Send.time(1.0, cycles=40),
            Expect.step("node-0", Status.WAITING, "LOGINS", says="waits for the plan authentication"),
            has_stages("transitional", "transitional", "transitional"),
            Send.hold(),
            until("on", "on", "on"),
            Send.until_complete(),
            is_made(3),
            Send.time(5.0, cycles=10),
            Expect.plan(Status.COMPLETE),
            Send.scheduler_restart(**OFF),
            until("off", "off", "off"),
            Send.until_complete(),
            Send.scheduler_restart(**ON),
            until("on", "on", "on"),
        ]
    )


def test_clients_that_would_be_refused_hold_up_the_last_step() -> None:
    play(
        [
            *UP,
            clients(refused=("10.0.0.9 as shop (wrong user or password)",)),
            Send.scheduler_restart(**ON),
            until("transitional", "transitional", "transitional"),
            Send.time(1.0, cycles=60),
            Expect.step(
                "node-0", Status.WAITING, "REFUSED_CLIENTS", says="10.0.0.9 as shop (wrong user or password) at node-0"
            ),
            has_stages("transitional", "transitional", "transitional"),
            clients(),
            until("on", "on", "on"),
        ]
    )


def test_a_client_without_credentials_holds_up_the_second_node_and_the_way_back_is_open() -> None:
    play(
        [
            *UP,
            clients(silent=("10.0.0.9 (driver)",)),
            Send.scheduler_restart(**ON),
            until("transitional", "off", "off"),
            Send.time(1.0, cycles=60),
            Expect.step(
                "node-1", Status.WAITING, "REFUSED_CLIENTS", says="clients without credentials: 10.0.0.9 (driver)"
            ),
            has_stages("transitional", "off", "off"),
            Send.scheduler_restart(**OFF),
            until("off", "off", "off"),
            Send.until_complete(),
        ]
    )


def test_a_new_cluster_has_it_from_its_first_node_on() -> None:
    given, at_once = spec(3, **ON), "-Dcassandra.superuser_setup_delay_ms=0"
    world = World(replace(given, cassandra=replace(given.cassandra, jvm_options=(at_once,))), agents(3))
    for _ in range(300):
        world.go_on(1.0)
        others = [node for node in world.scheduler.state.nodes.values() if node.index > 0 and node.task is not None]
        assert not others or logins(world).made, "another node was launched before the superusers were made"
        if world.scheduler.healthy() and logins(world).replicas == 3:
            break
    assert launched_stages(world) == ["on", "on", "on"]
    assert logins(world).replicas == 3
    launches = [process.launch for process in world.mesos.ring.processes.values()]
    # Of options that are given twice, Java takes the last one.
    last = {
        launch.node: next(word for word in reversed(launch.jvm_options) if "superuser_setup_delay" in word)
        for launch in launches
    }
    assert last.pop("node-0") == "-Dcassandra.superuser_setup_delay_ms=3600000"
    assert last == {"node-1": at_once, "node-2": at_once}
    finish(world)


def test_a_node_that_fails_comes_back_with_its_own_stage() -> None:
    play(
        [
            *UP,
            clients(refused=("10.0.0.9 as shop",)),
            Send.scheduler_restart(**ON),
            until("transitional", "transitional", "transitional"),
            Send.failure("node-1"),
            Send.time(1.0, cycles=40),
            has_stages("transitional", "transitional", "transitional"),
            clients(),
            until("on", "on", "on"),
            Send.failure("node-1"),
            Send.time(1.0, cycles=5),
            until("on", "on", "on"),
        ]
    )


def finish(world: World, stages: tuple[str, ...] = ("on", "on", "on")) -> None:
    """Until all is done; nothing forbidden may have happened on the way."""
    for _ in range(600):
        world.go_on(1.0)
        done = all(plan.status is Status.COMPLETE for plan in world.scheduler.plans().values())
        if done and launched_stages(world) == list(stages) and world.scheduler.healthy():
            break
    assert launched_stages(world) == list(stages)
    assert wrongs(world.mesos, world.scheduler) == []
    assert invariants(world.scheduler.state) == ()
    assert_at_rest(world.mesos, world.scheduler, cycles=3)


@pytest.mark.parametrize("settings", [ON, OFF], ids=["on", "off"])
def test_a_scheduler_that_dies_between_any_two_effects_goes_on(settings: dict[str, Any]) -> None:
    world = play([*UP, *([Send.scheduler_restart(**ON), until("on", "on", "on")] if settings is OFF else [])])
    world.scheduler.spec = replace(world.scheduler.spec, **settings)
    world.scheduler.start()
    for count in range(400):
        run_with_crash(world, 0, count % 5)
        if launched_stages(world) == ["on" if settings is ON else "off"] * 3:
            break
    finish(world, ("on",) * 3 if settings is ON else ("off",) * 3)
    assert logins(world).made


def rotation(user: str = "mesos_service_2") -> StartOperation:
    return StartOperation(
        ROTATION, "r-1", ("node-0", "node-1", "node-2"), {"user": user}, "operator", sealed="sealed-new"
    )


def secured() -> World:
    world = World(spec(3, **ON), agents(3))
    for _ in range(200):
        world.go_on(1.0)
        if world.scheduler.healthy() and logins(world).replicas == 3:
            break
    return world


def test_a_rotation_makes_the_other_user_the_current_one() -> None:
    world = secured()
    play(
        [
            Send.hold("logins-check-node-1"),
            Send.command(rotation()),
            Send.time(1.0, cycles=30),
            Expect.state("the old one counts so far", lambda world: logins(world).current == "mesos_service_1"),
            Send.hold(),
            Send.time(1.0, cycles=30),
            Expect.state("the new one counts", lambda world: logins(world).current == "mesos_service_2"),
            Expect.refused(rotation(), RefusalKind.CONFLICT, "Another rotation has ended meanwhile"),
        ],
        world,
    )
    assert logins(world).login("mesos_service_2").sealed == "sealed-new"
    assert world.scheduler.state.operations[ROTATION].sealed == ""


def test_a_rotation_needs_the_superusers() -> None:
    play([*UP, Expect.refused(rotation(), RefusalKind.CONFLICT, "The service has no users of its own")])


@pytest.mark.parametrize("cycle", range(14))
def test_a_crash_while_a_password_changes(cycle: int) -> None:
    def begun() -> World:
        world = secured()
        assert world.scheduler.command(rotation()) is None
        return world

    for effects in range(count_effects(begun(), cycle) + 1):
        world = begun()
        assert run_with_crash(world, cycle, effects)
        finish(world)
        found = logins(world)
        assert (found.current, found.login("mesos_service_2").sealed) == ("mesos_service_2", "sealed-new")
