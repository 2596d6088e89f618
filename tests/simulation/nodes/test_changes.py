"""Settings given through the API, a canary among the nodes, and the way back, told line by line."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import (
    CancelIntent,
    ForceComplete,
    Interrupt,
    Proceed,
    RefusalKind,
    ReplaceNode,
    SetTarget,
)
from scheduler.core.configuration.overrides import active_overrides, change_overrides, restore_overrides
from scheduler.core.plans.plan import Status
from scheduler.core.state.configuration import Override, Overrides
from tests.simulation.engine.samples import SETTINGS, agents, wanted
from tests.simulation.engine.script import Expect, Line, Send, World, go_on_crashing, play
from tests.simulation.nodes.test_departures import until
from tests.simulation.nodes.test_restarts import ALL, UP, restart, settled, until_settled
from tests.simulation.nodes.test_rollouts import fails, has_heaps

HEAP_MB = "CASSANDRA_HEAP_SIZE_MB"
CANARY = "waits for an operator: node-0 has the new settings"


def ask(world: World, overrides: Overrides, canary: bool = False, configuration: str = "") -> SetTarget:
    scheduler = world.scheduler
    state = scheduler.state
    found = wanted(scheduler.spec, overrides, scheduler.environment)
    return SetTarget(scheduler.new_id(), found, state.target.id, state.overrides, (), canary, configuration)


def put(canary: bool = False, **texts: str | None) -> Line:
    """As PUT /v1/config."""

    def run(world: World) -> None:
        scheduler = world.scheduler
        present = active_overrides(scheduler.state.overrides, scheduler.environment, SETTINGS)
        refusal = scheduler.command(ask(world, change_overrides(present, scheduler.environment, texts), canary))
        assert refusal is None, refusal

    return Line(f"put({texts}, canary={canary})", run)


def roll_back() -> Line:
    """As POST /v1/config/rollback."""

    def run(world: World) -> None:
        scheduler = world.scheduler
        state = scheduler.state
        aim = state.configurations[state.previous or ""]
        overrides = restore_overrides(state.overrides, scheduler.environment, SETTINGS, aim.settings or {})
        refusal = scheduler.command(ask(world, overrides, configuration=aim.id))
        assert refusal is None, refusal
        assert scheduler.state.target is aim

    return Line("roll_back", run)


def environment(**texts: str) -> Line:
    """The scheduler starts anew with these settings in its environment."""

    def run(world: World) -> None:
        world.scheduler.environment = texts
        world.scheduler.start()

    return Line(f"environment({texts})", run)


def until_canary(cycles: int = 100) -> Line:
    """Until the first node has the new settings and all others wait."""
    return Send.until_step("node-1", Status.WAITING, cycles=cycles)


def test_settings_of_the_api_are_rolled_out_and_outlive_the_scheduler() -> None:
    play(
        [
            *UP,
            put(CASSANDRA_HEAP_SIZE_MB="300"),
            Send.until_complete(cycles=200),
            until_settled(),
            Expect.launched(*ALL),
            has_heaps(300, 300, 300),
            Send.scheduler_restart(),
            Send.time(2.0, cycles=5),
            Expect.launched(),
            put(CASSANDRA_HEAP_SIZE_MB=None),
            Send.until_complete(cycles=200),
            until_settled(),
            has_heaps(256, 256, 256),
        ]
    )


def test_a_restart_of_the_roll_out_cannot_be_canceled_unless_it_is_interrupted() -> None:
    """The answer was that it is canceled, and the next cycle stored it again."""
    cancel = CancelIntent("node-0", "operator")
    why = "the restart of node-0 would begin again at once: its settings differ from the target"
    play(
        [
            *UP,
            Send.command(Interrupt("recovery")),
            put(CASSANDRA_HEAP_SIZE_MB="512"),
            Send.time(1.0, cycles=5),
            Expect.step("node-0", Status.PENDING, "INTERRUPTED", "recovery"),
            Expect.refused(cancel, RefusalKind.CONFLICT, why),
            Send.command(Interrupt("deploy")),
            Send.command(cancel),
            Send.time(1.0, cycles=5),
            Expect.state("nothing is intended", settled),
            Send.command(Proceed("deploy")),
            Send.command(Proceed("recovery")),
            Send.until_complete(),
            Expect.launched("node-0", "node-1", "node-2"),
        ]
    )


def test_the_environment_wins_once_it_is_changed() -> None:
    play(
        [
            *UP,
            put(CASSANDRA_HEAP_SIZE_MB="300"),
            Send.until_complete(cycles=200),
            until_settled(),
            environment(CASSANDRA_HEAP_SIZE_MB="350"),
            Send.until_complete(cycles=200),
            until_settled(),
            has_heaps(350, 350, 350),
            put(CASSANDRA_HEAP_SIZE_MB="400"),
            environment(CASSANDRA_HEAP_SIZE_MB="350"),
            Send.until_complete(cycles=200),
            until_settled(),
            has_heaps(400, 400, 400),
        ]
    )


def test_a_canary_gets_them_first_and_the_others_when_an_operator_says_so() -> None:
    play(
        [
            *UP,
            put(canary=True, CASSANDRA_HEAP_SIZE_MB="300"),
            Send.time(),
            Expect.step("node-1", Status.PENDING, "EARLIER_NODE", says="waits for node-0"),
            until_canary(),
            until_settled(),
            Expect.launched("node-0"),
            has_heaps(300, 256, 256),
            Send.scheduler_restart(),
            Send.time(5.0, cycles=20),
            Expect.launched(),
            Expect.step("node-0", Status.COMPLETE),
            Expect.step("node-1", Status.WAITING, "CANARY", says=CANARY),
            Expect.step("node-2", Status.WAITING, "CANARY", says=CANARY),
            Expect.plan(Status.WAITING),
            Send.failure("node-2"),
            until_settled(),
            Expect.launched("node-2"),
            Send.time(5.0, cycles=4),
            Send.command(restart("node-1")),
            until_settled(),
            Expect.launched("node-1"),
            has_heaps(300, 256, 256),
            Send.command(Proceed("deploy")),
            Send.until_complete(cycles=200),
            until_settled(),
            Expect.launched("node-1", "node-2"),
            has_heaps(300, 300, 300),
        ]
    )


def test_a_canary_is_rolled_back_and_forth() -> None:
    play(
        [
            *UP,
            put(canary=True, CASSANDRA_HEAP_SIZE_MB="300"),
            until_canary(),
            until_settled(),
            Expect.launched("node-0"),
            roll_back(),
            Send.until_complete(cycles=200),
            until_settled(),
            Expect.launched("node-0"),
            has_heaps(256, 256, 256),
            roll_back(),
            Send.until_complete(cycles=200),
            until_settled(),
            Expect.launched(*ALL),
            has_heaps(300, 300, 300),
        ]
    )


def test_a_canary_that_does_not_come_back_is_healed_by_the_way_back() -> None:
    play(
        [
            *UP,
            put(canary=True, CASSANDRA_HEAP_SIZE_MB="300"),
            fails("node-0"),
            Expect.launched(*["node-0"] * 5),
            Expect.step("node-0", Status.ERROR, "FAILED"),
            roll_back(),
            until_settled(),
            Expect.launched("node-0"),
            has_heaps(256, 256, 256),
            Expect.plan(Status.COMPLETE),
        ]
    )


def test_a_change_of_the_environment_is_rolled_back_too_and_stays_so() -> None:
    play(
        [
            *UP,
            environment(CASSANDRA_HEAP_SIZE_MB="300"),
            Send.until_complete(cycles=200),
            until_settled(),
            roll_back(),
            Send.until_complete(cycles=200),
            until_settled(),
            has_heaps(256, 256, 256),
            environment(CASSANDRA_HEAP_SIZE_MB="300"),
            Send.time(5.0, cycles=10),
            has_heaps(256, 256, 256),
            Expect.plan(Status.COMPLETE),
        ]
    )


def test_what_is_under_way_is_the_canary_of_newer_settings() -> None:
    play(
        [
            *UP,
            put(CASSANDRA_HEAP_SIZE_MB="300"),
            Send.time(1.0, cycles=4),
            put(canary=True, CASSANDRA_HEAP_SIZE_MB="350"),
            until_canary(),
            until_settled(),
            Send.time(5.0, cycles=20),
            has_heaps(350, 256, 256),
            Expect.step("node-1", Status.WAITING, "CANARY", says=CANARY),
        ]
    )


def test_newer_settings_without_a_canary_go_to_all() -> None:
    play(
        [
            *UP,
            put(canary=True, CASSANDRA_HEAP_SIZE_MB="300"),
            until_canary(),
            put(CASSANDRA_HEAP_SIZE_MB="350"),
            Send.until_complete(cycles=200),
            until_settled(),
            has_heaps(350, 350, 350),
        ]
    )


def test_no_node_joins_beside_a_canary() -> None:
    play(
        [
            *UP,
            put(canary=True, CASSANDRA_HEAP_SIZE_MB="300", NODES="4"),
            until_canary(),
            Send.time(5.0, cycles=20),
            Expect.launched("node-0"),
            Expect.step("node-3", Status.WAITING, "CANARY", says=CANARY),
            Send.command(Proceed("deploy")),
            Send.until_complete(cycles=200),
            has_heaps(300, 300, 300, 300),
        ],
        World(machines=agents(4)),
    )


def test_a_node_that_was_added_leaves_on_the_way_back() -> None:
    play(
        [
            *UP,
            put(NODES="4"),
            Send.until_complete(cycles=200),
            Expect.launched("node-3"),
            until_settled(),
            roll_back(),
            until("node-3 has left", lambda world: "node-3" not in world.scheduler.state.nodes),
            Expect.plan(Status.COMPLETE),
        ],
        World(machines=agents(4)),
    )


def test_what_was_computed_on_other_settings_is_refused() -> None:
    world = play(UP)
    late = ask(world, {HEAP_MB: Override("300", "")})
    play(
        [
            put(CASSANDRA_HEAP_SIZE_MB="350"),
            Expect.refused(late, RefusalKind.CONFLICT, "Other settings were stored meanwhile"),
        ],
        world,
    )


def through_crashes(world: World, when: int, after: int, cycles: int) -> None:
    go_on_crashing(world, cycles, after=after, when=when)
    world.go_on(1.0, cycles=3)
    assert settled(world)


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("when", range(12))
def test_a_crash_between_any_two_effects_only_delays_canary_and_way_back(when: int, after: int) -> None:
    world = play([*UP, put(canary=True, CASSANDRA_HEAP_SIZE_MB="300")])
    through_crashes(world, when, after, 100)
    play([Expect.launched("node-0"), has_heaps(300, 256, 256), roll_back()], world)
    through_crashes(world, when, after, 100)
    play([Expect.launched("node-0"), has_heaps(256, 256, 256), Expect.plan(Status.COMPLETE)], world)
    play([put(canary=True, CASSANDRA_HEAP_SIZE_MB="350")], world)
    through_crashes(world, when, after, 100)
    play([Send.command(Proceed("deploy"))], world)
    through_crashes(world, when, after, 150)
    play([Expect.launched(*ALL), has_heaps(350, 350, 350), Expect.plan(Status.COMPLETE)], world)


def test_a_replacement_goes_on_beside_a_canary() -> None:
    """It is no new node: nobody else has its tokens."""
    play(
        [
            *UP,
            put(canary=True, CASSANDRA_HEAP_SIZE_MB="300"),
            until_canary(),
            until_settled(),
            Expect.launched("node-0"),
            Send.command(ReplaceNode("node-2", "operator")),
            until_settled(),
            Expect.launched("node-2"),
            Send.time(5.0, cycles=10),
            Expect.step("node-1", Status.WAITING, "CANARY", says=CANARY),
        ],
        World(machines=agents(4)),
    )


def test_a_step_that_was_forced_counts_for_its_settings_alone() -> None:
    play(
        [
            *UP,
            Send.command(Interrupt("deploy")),
            put(False, **{HEAP_MB: "280"}),
            Send.command(ForceComplete("deploy", "Deploy", "node-1")),
            Send.command(Proceed("deploy")),
            Send.until_complete(),
            until_settled(),
            has_heaps(280, 256, 280),
            put(False, **{HEAP_MB: "300"}),
            Send.until_complete(),
            until_settled(),
            has_heaps(300, 300, 300),
        ]
    )


def test_a_step_that_was_forced_before_its_node_joined_is_over_when_it_has() -> None:
    play(
        [
            Send.until_step("node-1", Status.STARTED),
            Send.command(ForceComplete("deploy", "Deploy", "node-1")),
            Send.until_complete(),
            Send.time(1.0, cycles=5),
            put(False, **{HEAP_MB: "300"}),
            Send.until_complete(),
            until_settled(),
            has_heaps(300, 300, 300),
        ]
    )
