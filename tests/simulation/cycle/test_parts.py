"""What Mesos says in parts, twice, late or never: one line for each place that waits for "the" offer or update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from scheduler.core.commands.command import RestartNodes
from scheduler.core.fold import fold_updates
from scheduler.core.mesos.offer_operations import UNRESERVE, release_id
from scheduler.core.mesos.updates import OperationUpdate
from scheduler.core.plans.plan import Status
from scheduler.core.state.cluster import Stray
from scheduler.core.state.node import TaskState
from scheduler.core.state.spec import Policy
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.script import Expect, Line, Send, World, play
from tests.simulation.nodes.test_departures import until
from tests.simulation.nodes.test_restarts import ALL, UP, settled, until_settled
from tests.simulation.nodes.test_rollouts import held, more
from tests.simulation.reservations.test_garbage import is_there, orphan
from tests.simulation.reservations.test_uninstalls import NOTHING_LEFT

BIGGER = more(cpus=1.0, mem=700)


def linger(rounds: int) -> Line:
    return Line(f"executors linger for {rounds}", lambda world: setattr(world.mesos, "linger", rounds))


def executor_first(node: str) -> Line:
    """FAILURE, and what the executor held, before the end of its task is told."""
    return Line(f"executor_first({node})", lambda world: world.mesos.fail_executor(world.task_of(node)))


def test_an_executor_whose_share_is_offered_before_its_tasks_end_is_told() -> None:
    play(
        [
            *UP,
            executor_first("node-1"),
            until_settled(),
            Expect.launched("node-1"),
            Expect.plan(Status.COMPLETE, "recovery"),
        ]
    )


@pytest.mark.parametrize("rounds", [0, 1, 2, 7])
def test_a_restart_while_the_former_executor_is_still_there(rounds: int) -> None:
    play([*UP, linger(rounds), Send.command(RestartNodes(ALL, "operator")), until_settled(), Expect.launched(*ALL)])


@pytest.mark.parametrize("rounds", [0, 1, 2, 7])
def test_growth_reserves_no_more_than_is_missing(rounds: int) -> None:
    world = play([*UP, linger(rounds), Send.scheduler_restart(**BIGGER)])
    play([until("it is rolled out", lambda world: settled(world) and _is_rolled_out(world))], world)
    play([Send.time(1.0, cycles=rounds + 2)], world)
    world.mesos.rescind()
    assert {held(agent) for agent in world.mesos.agents.values()} == {(1200, 828_000)}


def _is_rolled_out(world: World) -> bool:
    state = world.scheduler.state
    return all(node.task and node.task.configuration == state.target.id for node in state.nodes.values())


def _part_of_the_share(world: World) -> None:
    """Another offer, on its way back, has the rest."""
    for agent in world.mesos.agents.values():
        for name, bundle in agent.available.items():
            if name:
                bundle.cpus, bundle.mem = bundle.cpus // 2, bundle.mem // 2


def _stray_job(world: World) -> None:
    """A job that no step waits for any more, and that has not ended."""
    memory = world.scheduler.state.memory
    strays = {f"cleanup-{node}__old": Stray("S", TaskState.RUNNING, world.scheduler.now) for node in ALL}
    world.scheduler.state = replace(world.scheduler.state, memory=replace(memory, strays=strays))


@pytest.mark.parametrize("hide", [_part_of_the_share, _stray_job])
def test_growth_waits_for_what_is_on_its_way_back(hide: Callable[[World], None]) -> None:
    world = play([*UP, Send.scheduler_restart(**BIGGER)])
    for _ in range(3):
        world.mesos.rescind()
        hide(world)
        world.mesos.step(1.0)
        decision = world.scheduler.cycle()
        reserved = [operation for accept in decision.accepts for operation in accept.operations]
        assert not [operation for operation in reserved if operation["type"] == "RESERVE"]


def test_a_share_is_offered_before_its_volume() -> None:
    """Garbage: what an executor held first, the volume and the rest later; listed, and released, with all of it."""

    def hide(world: World) -> None:
        world.mesos.rescind()
        world.mesos.revive()
        world.mesos.allocate(partial=True)
        world.scheduler.cycle()

    play(
        [
            *UP,
            orphan("127.0.0.3"),
            Line("only its share is offered", hide),
            Expect.state("its share is known", lambda world: world.scheduler.state.garbage["orphan"].volumes == ()),
            Line("offers are called for", lambda world: world.mesos.revive()),
            Send.time(2.0, cycles=10),
            Expect.state(
                "so is its volume",
                lambda world: world.scheduler.state.garbage["orphan"].volumes == ("volume-orphan",),
            ),
            Line("the time of grace is over", _end_grace),
            Send.time(10.0, cycles=20),
            Expect.state("it is gone", lambda world: not is_there(world)),
            Expect.state("so is its volume there", lambda world: "volume-orphan" not in _volumes(world)),
        ]
    )


def _end_grace(world: World) -> None:
    world.scheduler.state = replace(world.scheduler.state, policy=Policy(garbage_grace_seconds=1.0))


def _volumes(world: World) -> list[str]:
    return list(world.agent("127.0.0.3").volumes)


def test_an_update_that_comes_again_under_another_uuid_changes_nothing_and_is_acknowledged() -> None:
    world = play([*UP])
    before = world.scheduler.state.nodes
    task = world.mesos.task(world.task_of("node-1"))
    assert task is not None
    world.mesos._queue(task, "TASK_RUNNING", "", "", None)
    play([Send.time(1.0, cycles=3), Expect.launched(), Expect.plan(Status.COMPLETE)], world)
    assert not task.outbox
    assert world.scheduler.state.nodes == before


@pytest.mark.parametrize("state", ["OPERATION_FINISHED", "OPERATION_ERROR", "OPERATION_DROPPED"])
def test_word_of_a_release_that_comes_when_nothing_is_left_of_it(state: str) -> None:
    world = play(UP)
    late = OperationUpdate(release_id(UNRESERVE, "long-since", "x"), state, "words")
    world.scheduler.state = fold_updates(world.scheduler.state, [late], world.scheduler.now)
    play([Send.time(1.0, cycles=3), Expect.launched(), Expect.plan(Status.COMPLETE)], world)


def test_no_word_of_any_operation_ever() -> None:
    world = World(spec(3), agents(4))
    world.scheduler.lose = lambda kind: kind == "OPERATION"
    play([*UP, Send.uninstall(), *NOTHING_LEFT], world)


def test_an_uninstall_whose_volumes_could_not_be_destroyed_at_first() -> None:
    """The share is given back, the volume stays, and is offered alone."""

    def refuse(world: World) -> None:
        world.mesos.refuse_next = {"DESTROY"}

    play([*UP, linger(5), Send.uninstall(), Line("one DESTROY fails", refuse), *NOTHING_LEFT])
