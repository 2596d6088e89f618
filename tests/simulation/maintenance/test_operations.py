"""Maintenance operations from their start to their end, told line by line."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import StopOperation
from scheduler.core.plans.plan import Status
from scheduler.core.state.operation import OperationState
from scheduler.core.state.operation_kinds import KINDS
from tests.simulation.engine.samples import agents, begin, spec
from tests.simulation.engine.script import Expect, Send, World, play

UP = [Send.until_complete(), Expect.launched("node-0", "node-1", "node-2")]
RUN_ON = [Send.time(5.0, cycles=10)]
UPLOADS = [*UP, Send.hold("upload"), Send.command(begin("backup")), Send.until_running("upload-node-0")]
NODES = ("node-0", "node-1", "node-2")


def of(job: str, *nodes: str) -> tuple[str, ...]:
    """The names of a job's tasks."""
    return tuple(f"{job}-{node}" for node in nodes or NODES)


# A decommission leaves no node alone: see test_departures.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("decommission", "rotation")])
def test_every_kind_runs_to_its_end_and_leaves_the_nodes_alone(kind: str) -> None:
    world = play(UP)
    play([Send.command(begin(kind)), Send.until_complete(kind), *RUN_ON], world)
    expected = [
        name
        for phase in KINDS[kind].phases
        if phase.needs is None
        for name in of(phase.job, *(("node-0",) if phase.once else ()))
    ]
    assert world.mesos.jobs.begun == expected
    operation = world.scheduler.state.operations[kind]
    assert operation.state is OperationState.COMPLETE
    assert operation.finished_at is not None
    assert [record.operation for record in world.scheduler.state.history.values()] == [operation]
    assert world.mesos.kills == []
    play([Expect.launched(*expected), Expect.plan(Status.COMPLETE), Expect.plan(Status.COMPLETE, "recovery")], world)


def test_nodes_are_worked_on_one_after_another_unless_more_may_be() -> None:
    play(
        [
            *UP,
            Send.hold("cleanup"),
            Send.command(begin("cleanup")),
            Send.until_running(*of("cleanup", "node-0")),
            *RUN_ON,
            Expect.running(*of("cleanup", "node-0")),
            Expect.step("node-0", Status.IN_PROGRESS, "RUNNING", "cleanup", "10 %, cleanup"),
            Expect.step("node-1", Status.PENDING, "EARLIER_NODE", "cleanup", "waits for node-0"),
            Send.hold("cleanup-node-1"),
            Send.until_running(*of("cleanup", "node-1")),
            Expect.launched(*of("cleanup", "node-0", "node-1")),
            Send.hold(),
            Send.until_complete("cleanup"),
            Expect.launched(*of("cleanup", "node-2")),
            Send.hold("cleanup"),
            Send.command(begin("cleanup", "second", parallelism=2)),
            Send.until_running(*of("cleanup", "node-0", "node-1")),
            *RUN_ON,
            Expect.running(*of("cleanup", "node-0", "node-1")),
        ]
    )


def test_a_backup_takes_all_snapshots_at_once_and_uploads_as_many_as_may_be() -> None:
    world = World(spec(4), agents(4))
    nodes = tuple(f"node-{index}" for index in range(4))
    play(
        [
            Send.until_complete(cycles=200),
            Expect.launched(*nodes),
            Send.hold("snapshot", "describe", "upload", "complete", "clear"),
            Send.command(begin("backup", nodes=4, upload_parallelism=2)),
            Send.until_running(*of("snapshot", *nodes)),
            Expect.step("cluster", Status.PENDING, "EARLIER_PHASE", "backup", "waits for the phase Snapshot"),
            Send.hold("describe", "upload", "complete", "clear"),
            Send.until_running("describe-node-0"),
            Expect.snapshots(*(f"127.0.0.{index + 2}" for index in range(4))),
            Send.hold("upload", "complete", "clear"),
            Send.until_running(*of("upload", "node-0", "node-1")),
            *RUN_ON,
            Expect.running(*of("upload", "node-0", "node-1")),
            Send.hold("upload-node-1", "upload-node-2", "complete", "clear"),
            Send.until_running(*of("upload", "node-1", "node-2")),
            Send.hold("complete", "clear"),
            Send.until_running("complete-node-0"),
            Expect.state("the backup does not exist yet", lambda world: not world.mesos.jobs.backups),
            Send.hold("clear"),
            Send.until_running(*of("clear", *nodes)),
            Expect.state("it exists now", lambda world: world.mesos.jobs.backups == ["monday"]),
            Send.hold(),
            Send.until_complete("backup"),
            Expect.snapshots(),
        ],
        world,
    )


@pytest.mark.parametrize(
    ("same_as", "loaded"),
    [
        pytest.param(
            {"node-0": "node-2", "node-1": "node-0", "node-2": "node-1"},
            {"node-0": ("import", "node-2"), "node-1": ("import", "node-0"), "node-2": ("import", "node-1")},
            id="the same tokens",
        ),
        pytest.param(
            {"node-1": "node-0"},
            {"node-0": ("stream", "node-1"), "node-1": ("stream", "node-0"), "node-2": ("stream", "node-2")},
            id="other tokens",
        ),
    ],
)
def test_a_restore_loads_as_its_checks_found(same_as: dict[str, str], loaded: dict[str, tuple[str, str]]) -> None:
    world = play(UP)
    world.mesos.jobs.same_as = same_as
    play([Send.command(begin("restore", parallelism=2)), Send.until_complete("restore")], world)
    assert world.mesos.jobs.loaded == {name: (mode, (source,)) for name, (mode, source) in loaded.items()}


def test_views_are_built_once_they_are_empty_everywhere() -> None:
    world = play(UP)
    play([Send.command(begin("restore")), Send.until_complete("restore")], world)
    assert not [name for name in world.mesos.jobs.begun if "views" in name]
    world.mesos.jobs.views = ["shop.by_name"]
    play([Send.command(begin("restore")), Send.until_complete("restore")], world)
    begun = [name for name in world.mesos.jobs.begun if "views" in name]
    assert sorted(begun[:3]) == [f"restore-empty-views-node-{index}" for index in range(3)]
    assert sorted(begun[3:]) == [f"restore-build-views-node-{index}" for index in range(3)]
    assert world.mesos.jobs.violations == []


def test_a_restore_that_is_stopped_builds_what_it_has_emptied() -> None:
    world = play(UP)
    world.mesos.jobs.views = ["shop.by_name"]
    world.mesos.jobs.held.add("restore-build-views-node-1")
    play([Send.command(begin("restore")), Send.until_running("restore-build-views-node-1")], world)
    world.mesos.jobs.held.clear()
    play([Send.command(StopOperation("restore")), Send.until_ended("restore")], world)
    built = {name for name in world.mesos.jobs.begun if name.startswith("restore-build-views")}
    assert built == {f"restore-build-views-node-{index}" for index in range(3)}
    assert not [name for name in world.mesos.jobs.begun if "compare" in name]


@pytest.mark.parametrize("known", [[], ["shop.by_name"]])
def test_views_that_are_made_while_a_node_loads_are_built_too(known: list[str]) -> None:
    world = play(UP)
    world.mesos.jobs.views = known
    world.mesos.jobs.new_views = {"node-1": ["shop.by_age"], "node-2": ["shop.by_place"]}
    play([Send.command(begin("restore")), Send.until_complete("restore")], world)
    begun = [name for name in world.mesos.jobs.begun if "views" in name]
    assert (len(begun), len(world.mesos.jobs.emptied)) == (6, 3)
    assert world.mesos.jobs.violations == []


@pytest.mark.parametrize(
    ("held", "views"),
    [
        pytest.param("restore-load-node-1", 6, id="rows can be loaded"),
        pytest.param("restore-schema-node-0", 0, id="nothing is loaded"),
    ],
)
def test_a_restore_that_is_stopped_builds_views_of_what_it_has_loaded(held: str, views: int) -> None:
    world = play(UP)
    world.mesos.jobs.views = ["shop.by_name"]
    world.mesos.jobs.held.add(held)
    play([Send.command(begin("restore")), Send.until_running(held)], world)
    world.mesos.jobs.held.clear()
    play([Send.command(StopOperation("restore")), Send.until_ended("restore")], world)
    assert len([name for name in world.mesos.jobs.begun if "views" in name]) == views
    assert world.mesos.jobs.violations == []


def test_a_restore_that_differs_is_done_and_holds_nothing_up() -> None:
    world = play(UP)
    world.mesos.jobs.verdict = "different"
    play([Send.command(begin("restore")), Send.until_ended("restore")], world)
    operation = world.scheduler.state.operations["restore"]
    assert (operation.state, operation.message) == (OperationState.DIFFERENT, "different: users.t")
    assert world.mesos.jobs.violations == []
    play([Send.command(begin("flush")), Send.until_complete("flush")], world)
    assert world.scheduler.state.operations["restore"] == operation


def test_a_restore_that_a_check_forbids_changes_nothing() -> None:
    play(
        [
            *UP,
            Send.job_failures("restore-check-node-2", "3 GB are needed, 1 GB is free", hopeless=True),
            Send.command(begin("restore")),
            Send.until_step("node-2", Status.ERROR, "restore"),
            Expect.step("node-2", Status.ERROR, "FAILED", "restore", "the last message: 3 GB are needed, 1 GB is free"),
            *RUN_ON,
            Expect.launched(*of("restore-check")),
            Expect.plan(Status.ERROR, "restore"),
            Send.command(StopOperation("restore")),
            Send.until_ended("restore"),
            Expect.operation("restore", OperationState.STOPPED),
            Expect.launched(),
        ]
    )
