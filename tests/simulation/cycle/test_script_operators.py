"""What operators and their settings do to a cluster, told line by line."""

from __future__ import annotations

import pytest

from executor.protocol import parse_launch
from scheduler.core.commands.command import ForceComplete, RestartStep
from scheduler.core.fold import fold_updates
from scheduler.core.mesos.updates import TaskUpdate
from scheduler.core.plans.plan import Status
from scheduler.core.state.node import TaskState
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.script import Expect, Send, World, play

UP = [Send.until_complete(), Expect.launched("node-0", "node-1", "node-2")]
RUN_ON = [Send.time(5.0, cycles=10)]


def test_a_forced_step_lets_the_next_node_start_but_not_two_at_once() -> None:
    play(
        [
            Send.until_step("node-3", Status.STARTED),
            Expect.launched("node-0", "node-1", "node-2", "node-3"),
            Send.command(ForceComplete("deploy", "Deploy", "node-3")),
            Expect.step("node-3", Status.COMPLETE, "FORCED"),
            Expect.step("node-4", Status.WAITING, "OTHER_JOINS"),
            Send.until_complete(),
            Expect.launched("node-4"),
        ],
        World(spec(5), agents(5)),
    )


def test_a_launch_on_an_agent_that_an_operator_marked_as_gone_goes_elsewhere_once_its_step_is_restarted() -> None:
    world = World(spec(1), agents(2))
    play([Send.silence("STATUS"), Send.time(), Send.agent_lost("127.0.0.2"), Send.time()], world)
    task = world.scheduler.state.nodes["node-0"].task
    assert task is not None
    world.scheduler.given_up.add(task.id)
    world.mesos.ring.stop(task.id)
    world.scheduler.state = fold_updates(
        world.scheduler.state, [TaskUpdate(task.id, TaskState.GONE_BY_OPERATOR)], world.scheduler.now
    )
    play(
        [
            Send.silence(),
            Send.time(60.0, cycles=5),
            Expect.launched("node-0"),
            Expect.step("node-0", Status.WAITING, "AGENT_GONE"),
            Send.command(RestartStep("deploy", None, "node-0")),
            Send.until_complete(),
            Expect.launched("node-0"),
        ],
        world,
    )


def test_more_nodes_in_the_settings_are_deployed_and_other_changes_wait_for_a_relaunch() -> None:
    world = World(machines=agents(4))
    play(
        [
            *UP,
            Send.scheduler_restart(nodes=4),
            Send.until_complete(),
            Expect.launched("node-3"),
            Expect.step("node-0", Status.COMPLETE, says="until it is relaunched"),
        ],
        world,
    )


def test_settings_that_the_cluster_cannot_follow_are_refused_and_the_old_ones_stay() -> None:
    play(
        [
            *UP,
            Send.scheduler_restart(nodes=2, disk_mb=2048),
            *RUN_ON,
            Expect.launched(),
            Expect.plan(Status.ERROR),
            Expect.state("says why", lambda world: "disk size" in world.scheduler.plans()["deploy"].errors[0]),
            Expect.state("all run", lambda world: len(world.mesos.live_tasks()) == 3),
        ]
    )


def test_a_placement_that_nothing_satisfies_is_explained() -> None:
    play(
        [
            Send.time(10.0, cycles=5),
            Expect.launched(),
            Expect.step("node-0", Status.PENDING, "NO_OFFER_FITS", says="r1 does not match"),
            Expect.plan(Status.IN_PROGRESS),
        ],
        World(spec(placement="rack:LIKE:r9")),
    )


def test_members_learn_of_each_other_as_seeds() -> None:
    world = play([Send.until_complete()], World(spec(4), agents(4)))
    seeds = {}
    for process in world.mesos.ring.processes.values():
        seeds[process.launch.node] = (process.launch.seeds, process.launch.self_seed)
    assert seeds == {
        "node-0": ((), True),
        "node-1": (("127.0.0.2",), False),
        "node-2": (("127.0.0.2",), False),  # it joined beside node-1
        "node-3": (("127.0.0.2", "127.0.0.3"), False),
    }


def test_launch_data_is_what_the_executor_reads() -> None:
    world = play([Send.time()])
    accept = world.scheduler.decisions[0].accepts[0]
    task = accept.operations[-1]["launch"]["task_infos"][0]
    assert parse_launch(task["data"]) == world.mesos.ring.processes[task["task_id"]["value"]].launch


def test_an_old_task_that_still_runs_is_ended_once_its_node_was_launched_anew() -> None:
    """An operator gave up a launch of which nothing was heard; it had happened all the same."""
    world = World(spec(1), agents(2))
    play(
        [
            Send.time(),
            Expect.launched("node-0"),
            Send.silence("STATUS", "WORD", "ANSWER", "REPLY"),
            Send.agent_lost("127.0.0.2"),
            Send.time(),
            Send.silence(),
            Send.time(40.0, cycles=2),
            Expect.step("node-0", Status.WAITING, "UNREACHABLE"),
            Send.command(RestartStep("deploy", None, "node-0")),
        ],
        world,
    )
    world.mesos.ring.stop(world.task_of("node-0"))  # it hangs, and has not begun a cluster of its own
    world.mesos.ring.members.clear()
    world.mesos.ring.owners.clear()
    world.scheduler.given_up.add(world.task_of("node-0"))
    play([Send.time(1.0, cycles=8), Expect.launched("node-0"), Send.agent_back("127.0.0.2")], world)
    play([Send.time(10.0, cycles=4)], world)
    assert [name.partition("__")[0] for name in world.mesos.kills] == ["node-0"]
    assert {task.agent.hostname for task in world.mesos.live_tasks()} == {"127.0.0.3"}
    assert world.scheduler.plans()["deploy"].status is Status.COMPLETE


def test_a_failing_script_is_printed_with_marks() -> None:
    with pytest.raises(AssertionError) as caught:
        play([Send.time(), Expect.launched("node-0"), Expect.launched("node-7"), Send.time()])
    lines = str(caught.value).splitlines()[-4:]
    assert [line[:4].strip() for line in lines] == ["ok", "ok", "FAIL", ""]
