"""A scheduler that dies between any two of its effects during an operation is followed by one that ends it well."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scheduler.core.commands.command import StopOperation
from scheduler.core.state.operation import OperationState, is_live
from scheduler.core.state.operation_kinds import KINDS
from tests.simulation.cycle.test_crashes import count_effects, run_with_crash
from tests.simulation.engine.rest import assert_at_rest
from tests.simulation.engine.samples import begin
from tests.simulation.engine.script import Expect, Send, World, play, wrongs
from tests.simulation.maintenance.test_operations import UP, of


def begun(kind: str) -> World:
    """A cluster that was just told to begin."""
    return play([*UP, Send.time(5.0, cycles=20), Send.command(begin(kind))])


def stopped() -> World:
    """A backup that was just told to stop, one of its uploads under way."""
    return play(
        [
            *UP,
            Send.hold("upload"),
            Send.command(begin("backup", upload_parallelism=2)),
            Send.until_running(*of("upload", "node-0", "node-1")),
            Send.time(5.0, cycles=4),
            Send.command(StopOperation("backup")),
        ]
    )


def finish(world: World, kind: str) -> None:
    """Until the operation is over; nothing forbidden may have happened on the way."""
    for _ in range(200):
        world.go_on(1.0)
        if not is_live(world.scheduler.state.operations[kind]):
            break
    assert wrongs(world.mesos, world.scheduler) == []
    assert world.mesos.kills == []
    assert world.mesos.live_jobs() == []
    play([Expect.snapshots()], world)
    assert_at_rest(world.mesos, world.scheduler, cycles=3)


def crash_everywhere(make: Callable[[], World], cycle: int, check: Callable[[World], None]) -> None:
    """In that cycle, before and after each of its effects."""
    for effects in range(count_effects(make(), cycle) + 1):
        world = make()
        assert run_with_crash(world, cycle, effects)
        check(world)


@pytest.mark.parametrize(
    ("kind", "cycle"),
    [(kind, cycle) for kind, cycles in (("cleanup", 14), ("backup", 30), ("restore", 18)) for cycle in range(cycles)],
)
def test_crash_while_an_operation_runs(kind: str, cycle: int) -> None:
    """Each job is launched once; only one that had been stored, and not sent, is waited for in vain for a while."""
    expected = [
        name
        for phase in KINDS[kind].phases
        if phase.needs is None
        for name in of(phase.job, *(("node-0",) if phase.once else ()))
    ]

    def check(world: World) -> None:
        finish(world, kind)
        assert sorted(world.mesos.jobs.begun) == sorted(expected)
        assert world.scheduler.state.operations[kind].state is OperationState.COMPLETE

    crash_everywhere(lambda: begun(kind), cycle, check)


@pytest.mark.parametrize("cycle", range(8))
def test_crash_while_an_operation_is_stopped(cycle: int) -> None:
    def check(world: World) -> None:
        finish(world, "backup")
        assert [name for name in world.mesos.jobs.begun if name.startswith("upload")] == list(
            of("upload", "node-0", "node-1")
        )
        assert world.scheduler.state.operations["backup"].state is OperationState.STOPPED

    crash_everywhere(stopped, cycle, check)


@pytest.mark.parametrize("kind", ["backup", "cleanup", "restore"])
def test_crash_in_every_cycle(kind: str) -> None:
    """Never more than three effects beyond storing at a time, and still it gets there."""
    world = begun(kind)
    for count in range(150):
        run_with_crash(world, 0, 1 + count % 4)
    finish(world, kind)
    assert world.scheduler.state.operations[kind].state is OperationState.COMPLETE
