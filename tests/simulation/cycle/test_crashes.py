"""A scheduler that dies between any two of its effects, at any moment, is followed by one that finishes the work."""

from __future__ import annotations

import pytest

from scheduler.core.plans.plan import Status
from tests.simulation.engine.invariants import invariants
from tests.simulation.engine.rest import assert_at_rest
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.scheduler import CrashError
from tests.simulation.engine.script import World


def finish(world: World) -> None:
    """Run on until all is well; nothing forbidden may have happened on the way."""
    for _ in range(200):
        world.go_on(1.0)
        plans = world.scheduler.plans().values()
        if world.scheduler.healthy() and all(plan.status is Status.COMPLETE for plan in plans):
            break
    wrong = [*world.mesos.illegal, *world.mesos.ring.violations, *world.scheduler.violations]
    assert not wrong, wrong
    assert invariants(world.scheduler.state) == ()
    assert world.mesos.kills == []
    assert len(world.mesos.ring.members) == len(world.scheduler.state.nodes) == 3
    assert_at_rest(world.mesos, world.scheduler, cycles=3)


def run_with_crash(world: World, cycle: int, effects: int) -> bool:
    """Run `cycle` cycles, then one that dies after so many effects; says whether it had that many."""
    world.go_on(1.0, cycle)
    world.mesos.step(1.0)
    try:
        world.scheduler.cycle(crash_after=effects)
    except CrashError:
        world.scheduler.start()
        return True
    return False


def count_effects(world: World, cycle: int) -> int:
    """How many effects that cycle has when nothing goes wrong."""
    world.go_on(1.0, cycle)
    world.go_on(1.0)
    return world.scheduler.effects


@pytest.mark.parametrize("cycle", range(18))
def test_crash_while_deploying(cycle: int) -> None:
    for effects in range(count_effects(World(), cycle) + 1):
        world = World()
        assert run_with_crash(world, cycle, effects)
        finish(world)
        assert len(world.mesos.launches) == 3, "a node was launched twice"


def all_failed() -> World:
    """A cluster whose three nodes have just died."""
    world = World()
    finish(world)
    for node in ("node-0", "node-1", "node-2"):
        world.mesos.fail_task(world.task_of(node))
    return world


@pytest.mark.parametrize("cycle", range(5))
def test_crash_while_recovering_all_nodes(cycle: int) -> None:
    for effects in range(count_effects(all_failed(), cycle) + 1):
        world = all_failed()
        assert run_with_crash(world, cycle, effects)
        finish(world)
        assert len(world.mesos.launches) == 6, "a node was launched twice"


def test_crash_in_every_cycle() -> None:
    """Never more than one effect beyond storing at a time, and still it gets there."""
    world = World(spec(3), agents(4))
    for count in range(150):
        world.mesos.step(1.0)
        try:
            world.scheduler.cycle(crash_after=1 + count % 4)
        except CrashError:
            world.scheduler.start()
    finish(world)
