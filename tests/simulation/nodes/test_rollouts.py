"""Changed settings rolled out over a cluster, told line by line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.commands.command import Interrupt, Proceed
from scheduler.core.plans.plan import Status
from scheduler.core.state.spec import Resources, Uri
from tests.simulation.engine.machines import Agent
from tests.simulation.engine.samples import begin, spec
from tests.simulation.engine.script import Expect, Line, Send, World, go_on_crashing, play, wrongs
from tests.simulation.nodes.test_restarts import ALL, UP, restart, settled, until_settled


def cassandra(**changes: Any) -> dict[str, Any]:
    return {"cassandra": replace(spec().cassandra, **changes)}


HEAP = cassandra(heap_mb=300)


def heaps(world: World) -> list[int]:
    """What the live nodes were launched with, in order."""
    state = world.scheduler.state
    nodes = sorted(state.nodes.values(), key=lambda node: node.index)
    return [state.configurations[node.task.configuration].spec.cassandra.heap_mb for node in nodes if node.task]


def has_heaps(*wanted: int) -> Line:
    return Expect.state(f"heaps {wanted}", lambda world: heaps(world) == list(wanted))


def fails(node: str, cycles: int = 600) -> Line:
    """It dies whenever it is launched from here on."""

    def run(world: World) -> None:
        old = set(world.mesos.launches[:3])
        for _ in range(cycles):
            for task in world.mesos.live_tasks():
                if task.node == node and task.id not in old:
                    world.mesos.fail_task(task.id, "Invalid yaml")
            world.go_on(5.0)

    return Line(f"{node} fails", run)


def test_a_changed_setting_goes_from_node_to_node() -> None:
    play(
        [
            *UP,
            Send.scheduler_restart(**HEAP),
            Send.time(1.0, cycles=3),
            Expect.step("node-0", Status.STARTED, says="settings changed: heap_mb 256 -> 300"),
            Expect.step("node-1", Status.PENDING, "EARLIER_NODE", says="heap_mb 256 -> 300; waits for node-0"),
            Expect.plan(Status.IN_PROGRESS),
            Send.until_complete(),
            until_settled(),
            Expect.launched(*ALL),
            has_heaps(300, 300, 300),
            Send.time(5.0, cycles=10),
            Expect.launched(),
        ]
    )


def refuses(heap_mb: int, words: str) -> Line:
    """Cassandra's classes do not take this heap from here on."""
    return Line(f"{heap_mb} is refused", lambda world: world.mesos.refused.__setitem__(heap_mb, words))


def test_what_cassandra_refuses_stops_no_node() -> None:
    play(
        [
            *UP,
            refuses(300, "a heap of 300 MB is too small."),
            Send.scheduler_restart(**HEAP),
            Send.time(1.0, cycles=60),
            Expect.launched(),
            Expect.plan(Status.ERROR),
            Expect.step(
                "node-0",
                Status.WAITING,
                "SETTINGS_REFUSED",
                says="a heap of 300 MB is too small; correct them",
            ),
            Expect.step("node-1", Status.PENDING, "EARLIER_NODE", says="waits for node-0"),
            Send.scheduler_restart(**cassandra(heap_mb=256)),
            Send.time(1.0, cycles=20),
            Expect.launched(),
            Expect.plan(Status.COMPLETE),
            Send.scheduler_restart(**cassandra(heap_mb=310)),
            Send.until_complete(),
            until_settled(),
            Expect.launched(*ALL),
            has_heaps(310, 310, 310),
        ]
    )


@pytest.mark.parametrize("lost", [("TRIAL",), ("TRIAL", "REPLY")], ids=str)
def test_without_an_answer_the_roll_out_begins_after_a_time(lost: tuple[str, ...]) -> None:
    play(
        [
            *UP,
            refuses(300, "nobody will ever know"),
            Send.silence(*lost),
            Send.scheduler_restart(**HEAP),
            Send.time(1.0, cycles=10),
            Expect.step("node-0", Status.WAITING, "SETTINGS_TRIED", says="waits for node-0 to check the settings"),
            Send.time(1.0, cycles=40),
            Expect.launched(),
            Send.silence(),
            Send.time(1.0, cycles=40),
            Send.until_complete(),
            until_settled(),
            Expect.launched(*ALL),
        ]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": 1},
        {"placement": "hostname:UNIQUE"},
        {"executor": replace(spec().executor, command="./run --faster")},
        {"executor": replace(spec().executor, uris=(Uri("http://127.0.0.9:81/2.0/executor.tgz"),))},
        {"executor": replace(spec().executor, shutdown_grace_seconds=10.0)},
    ],
    ids=str,
)
def test_what_reaches_no_launch_restarts_nothing_and_comes_with_the_next_launch(changes: dict[str, Any]) -> None:
    def is_target(world: World) -> bool:
        task = world.scheduler.state.nodes["node-1"].task
        return task is not None and task.configuration == world.scheduler.state.target.id

    play(
        [
            *UP,
            Send.scheduler_restart(**changes),
            Send.time(2.0, cycles=10),
            Expect.plan(Status.COMPLETE),
            Expect.launched(),
            Send.failure("node-1"),
            until_settled(),
            Expect.launched("node-1"),
            Expect.state("it has the target", is_target),
        ]
    )


def test_settings_with_which_a_node_does_not_come_back_stop_there_and_the_old_ones_heal_it() -> None:
    play(
        [
            *UP,
            Send.scheduler_restart(**HEAP),
            fails("node-0"),
            Expect.launched(*["node-0"] * 5),
            Expect.step("node-0", Status.ERROR, "FAILED", says="settings changed: heap_mb 256 -> 300; node-0 failed 5"),
            Expect.step("node-0", Status.ERROR, "FAILED", says="Invalid yaml"),
            Expect.step("node-1", Status.PENDING, "EARLIER_NODE"),
            Expect.plan(Status.ERROR),
            Send.scheduler_restart(**cassandra()),
            until_settled(),
            Expect.launched("node-0"),
            has_heaps(256, 256, 256),
            Expect.plan(Status.COMPLETE),
        ]
    )


def test_a_node_that_hangs_with_new_settings_is_stopped_for_the_old_ones() -> None:
    play(
        [
            *UP,
            Send.scheduler_restart(**HEAP),
            Send.silence("REPLY", "STATUS"),
            Send.time(5.0, cycles=10),
            Expect.launched(),
            Send.silence(),
            Send.scheduler_restart(**cassandra()),
            until_settled(),
            has_heaps(256, 256, 256),
        ]
    )


def test_a_newer_target_meanwhile_is_taken_by_all() -> None:
    play(
        [
            *UP,
            Send.scheduler_restart(**HEAP),
            Send.time(1.0, cycles=4),
            Send.scheduler_restart(**cassandra(heap_mb=350)),
            until_settled(),
            Send.until_complete(),
            until_settled(),
            has_heaps(350, 350, 350),
        ]
    )


def test_a_change_that_is_taken_back_before_its_turn_restarts_nothing() -> None:
    play(
        [
            *UP,
            Send.agent_lost("127.0.0.4"),
            Send.scheduler_restart(**HEAP),
            Send.time(1.0, cycles=3),
            Expect.step("node-0", Status.WAITING, "NODE_DOWN"),
            Send.scheduler_restart(**cassandra()),
            Send.time(1.0, cycles=3),
            Send.agent_back("127.0.0.4"),
            until_settled(),
            Expect.launched(),
            has_heaps(256, 256, 256),
        ]
    )


def test_an_interrupted_plan_rolls_nothing_out() -> None:
    play(
        [
            *UP,
            Send.command(Interrupt("deploy")),
            Send.scheduler_restart(**HEAP),
            Send.time(1.0, cycles=5),
            Expect.step("node-0", Status.WAITING, "INTERRUPTED", says="settings changed"),
            Expect.plan(Status.WAITING),
            Expect.launched(),
            Send.command(Proceed("deploy")),
            Send.until_complete(),
            until_settled(),
            Expect.launched(*ALL),
        ]
    )


def test_a_member_that_crash_loops_comes_first_and_is_healed_by_new_settings() -> None:
    play(
        [
            *UP,
            Send.failure("node-1"),
            fails("node-1"),
            Expect.step("node-1", Status.ERROR, "FAILED", "recovery"),
            Expect.launched(*["node-1"] * 4),
            Send.scheduler_restart(**HEAP),
            Send.until_complete(cycles=200),
            until_settled(),
            Expect.launched("node-1", "node-0", "node-2"),
            has_heaps(300, 300, 300),
        ]
    )


def test_a_restart_that_was_asked_for_goes_first_and_with_the_nodes_own_settings() -> None:
    play(
        [
            *UP,
            Send.command(restart("node-2")),
            Send.time(),
            Send.scheduler_restart(**HEAP),
            Send.until_complete(cycles=200),
            until_settled(),
            Expect.launched("node-2", *ALL),
        ]
    )


def test_a_roll_out_waits_for_the_job_on_its_node() -> None:
    play(
        [
            *UP,
            Send.hold("cleanup-node-0"),
            Send.command(begin("cleanup")),
            Send.until_running("cleanup-node-0"),
            Send.scheduler_restart(**HEAP),
            Send.time(1.0, cycles=5),
            Expect.launched("cleanup-node-0"),
            Expect.step("node-0", Status.WAITING, "OTHER_JOB"),
            Send.hold(),
            Send.until_complete(),
            until_settled(),
            has_heaps(300, 300, 300),
            Send.until_complete("cleanup"),
        ]
    )


def more(cpus: float = 1.0, mem: float = 700) -> dict[str, Any]:
    return {"resources": Resources(cpus=cpus, mem=mem)}


def held(agent: Agent) -> tuple[int, int]:
    """What an agent holds for its node, in thousandths: free, offered to nobody, or used."""
    owned = [agent.available, *(task.used for task in agent.tasks.values() if not task.ended)]
    owned += [executor.used for executor in agent.executors.values()]
    bundles = [bundle for content in owned for label, bundle in content.items() if label]
    return sum(bundle.cpus for bundle in bundles), sum(bundle.mem for bundle in bundles)


@pytest.mark.parametrize("wanted", [more(), more(cpus=1.0, mem=512), more(cpus=0.5, mem=900)], ids=str)
def test_more_is_held_before_the_node_is_stopped(wanted: dict[str, Any]) -> None:
    world = play([*UP, Send.scheduler_restart(**wanted)])
    for _ in range(120):
        world.go_on(1.0)
        for node in world.scheduler.state.nodes.values():
            assert not (wrong := wrongs(world.mesos, world.scheduler)), wrong
            assert node.failures.count == 0
    assert settled(world)
    play([Expect.launched(*ALL), Expect.plan(Status.COMPLETE)], world)
    world.mesos.rescind()
    resources = wanted["resources"]
    needed = (round(1000 * resources.cpus) + 200, round(1000 * resources.mem) + 128_000)
    assert {held(agent) for agent in world.mesos.agents.values()} == {needed}


def test_more_than_the_agent_has_stops_nothing_and_says_so() -> None:
    play(
        [
            *UP,
            Send.scheduler_restart(**more(cpus=9.0)),
            Send.time(3.0, cycles=20),
            Expect.launched(),
            Expect.step("node-0", Status.WAITING, "NO_OFFER_FITS", says="needs 8.5 cpus and 188 MB of memory more"),
            Send.scheduler_restart(**more(cpus=0.5, mem=512)),
            Send.time(3.0, cycles=5),
            Expect.plan(Status.COMPLETE),
            Expect.launched(),
        ]
    )


def test_less_is_launched_with_less() -> None:
    play(
        [
            *UP,
            Send.scheduler_restart(**more(cpus=0.3, mem=400)),
            Send.until_complete(),
            until_settled(),
            Expect.launched(*ALL),
            Expect.plan(Status.COMPLETE),
        ]
    )


@pytest.mark.parametrize("wanted", [HEAP, more()], ids=("heap", "more"))
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("when", range(12))
def test_a_crash_between_any_two_effects_only_delays_it(when: int, after: int, wanted: dict[str, Any]) -> None:
    world = play([*UP, Send.scheduler_restart(**wanted)])
    go_on_crashing(world, 250, after=after, when=when)
    assert settled(world)
    assert sorted(name.partition("__")[0] for name in world.mesos.launches[3:]) == sorted(ALL)
