"""Snapshots that do not fit together, and nodes that are absent, told line by line."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import Interrupt, Proceed, ReplaceNode
from scheduler.core.maintenance.snapshots import MEANWHILE, ROUNDS
from scheduler.core.plans.plan import Status
from scheduler.core.state.operation import OperationState
from tests.simulation.engine.jobs import SCHEMA
from tests.simulation.engine.samples import agents, begin
from tests.simulation.engine.script import Expect, Send, World, play
from tests.simulation.maintenance.test_operations import RUN_ON, UP, of

OTHER = {**SCHEMA, "users.t": "i1.c2"}
SNAPSHOTS = list(of("snapshot"))
# Its Cassandra ends, and nobody relaunches it.
NODE_1_DOWN = [Send.command(Interrupt("recovery")), Send.failure("node-1"), Send.time()]


def taken(world: World) -> list[str]:
    """The names of the snapshots' jobs, in their order."""
    return [name for name in world.mesos.jobs.begun if name.startswith("snapshot")]


def test_snapshots_that_lie_too_far_apart_are_taken_anew() -> None:
    words = "waits for node-1 to be NORMAL"
    world = play(
        [
            *UP,
            *NODE_1_DOWN,
            Send.command(begin("backup")),
            *RUN_ON,
            Send.time(10.0, cycles=12),
            Expect.step("node-1", Status.WAITING, "NODE_DOWN", "backup", words, phase="Snapshot"),
            Expect.step("node-0", Status.COMPLETE, "DONE", "backup", phase="Snapshot"),
            Send.command(Proceed("recovery")),
            Send.until_complete("backup"),
        ]
    )
    assert taken(world) == [f"snapshot-node-{index}" for index in (0, 2, 1, 0, 2)]
    assert world.mesos.jobs.violations == []
    (described,) = world.mesos.jobs.described
    assert "spread_s" not in described
    assert list(world.mesos.jobs.completed[0]["nodes"]) == ["node-0", "node-1", "node-2"]


def test_a_wider_spread_may_be_allowed() -> None:
    lines = [Send.command(begin("backup", max_snapshot_spread_s=3600)), Send.time(10.0, cycles=12)]
    world = play([*UP, *NODE_1_DOWN, *lines, Send.command(Proceed("recovery")), Send.until_complete("backup")])
    assert sorted(taken(world)) == SNAPSHOTS


def test_snapshots_of_another_schema_than_the_newest_are_taken_anew() -> None:
    world = play(UP)
    jobs = world.mesos.jobs
    jobs.schemas = {"node-2": OTHER}
    lines = [
        Send.hold("snapshot-node-0"),
        Send.command(begin("backup")),
        Send.until_running("snapshot-node-0"),
        *RUN_ON,
    ]
    play(lines, world)
    # The change has reached node-0 before its snapshot, and node-1 by now.
    jobs.schemas = dict.fromkeys(("node-0", "node-1", "node-2"), OTHER)
    play([Send.hold(), Send.until_complete("backup")], world)
    assert taken(world) == [*SNAPSHOTS, "snapshot-node-1"]
    assert jobs.described[0]["schema"] == {"agreed": OTHER, "left_out": {}, "differs": {}, "rules": 1}
    assert jobs.violations == []


def test_snapshots_of_executors_of_two_versions_are_compared_by_cassandras_version() -> None:
    """During an update of the executors their digests have two meanings."""
    world = play(UP)
    jobs = world.mesos.jobs
    jobs.rules, jobs.schemas, jobs.versions = {"node-2": 2}, {"node-2": OTHER}, {"node-1": "v0"}
    lines = [
        Send.hold("snapshot-node-2"),
        Send.command(begin("backup")),
        Send.until_running("snapshot-node-2"),
        *RUN_ON,
    ]
    play(lines, world)
    jobs.versions = {}
    play([Send.hold(), Send.until_complete("backup")], world)
    assert taken(world) == [*SNAPSHOTS, "snapshot-node-1"]
    assert jobs.violations == []


def test_a_schema_that_never_rests_ends_the_rounds() -> None:
    """The job that describes it fails then, and names who has what."""
    world = play(UP)
    world.mesos.jobs.schemas = {"node-2": OTHER}
    play([Send.command(begin("backup")), Send.until_complete("backup", cycles=300)], world)
    assert ROUNDS < len(taken(world)) - 2 <= 3 * ROUNDS
    (told,) = world.mesos.jobs.described
    assert told["last_round"] is True
    assert told["schema"]["differs"] == {"users.t": {"i1.c1": ["node-0", "node-1"], "i1.c2": ["node-2"]}}


def test_a_change_that_is_found_while_it_is_described_takes_all_anew() -> None:
    world = play(UP)
    world.mesos.jobs.changes = [["users.t"], ["users.t"]]
    play([Send.command(begin("backup")), Send.until_complete("backup")], world)
    assert taken(world) == SNAPSHOTS * 3
    assert world.scheduler.state.operations["backup"].state is OperationState.COMPLETE


def test_a_table_that_only_some_snapshots_have_is_left_out() -> None:
    world = play(UP)
    world.mesos.jobs.schemas = {"node-2": {**SCHEMA, "users.new": "i9"}}
    play([Send.command(begin("backup")), Send.until_complete("backup")], world)
    assert taken(world) == SNAPSHOTS
    assert world.mesos.jobs.completed[0]["describe"]["left_out"] == {"users.new": MEANWHILE}


def test_a_node_that_is_down_is_left_out_if_that_is_wanted() -> None:
    world = play([*UP, *NODE_1_DOWN, Send.command(begin("backup", absent="skip")), Send.until_complete("backup")])
    assert taken(world) == ["snapshot-node-0", "snapshot-node-2"]
    (told,) = world.mesos.jobs.completed
    assert list(told["nodes"]) == ["node-0", "node-2"]
    assert list(told["absent"]) == ["node-1"]
    assert told["absent"]["node-1"]["address"] == "127.0.0.3"
    assert told["absent"]["node-1"]["why"].startswith("it was not NORMAL")
    words = "node-1 is left out: it was not"
    play([Expect.step("node-1", Status.COMPLETE, "DONE", "backup", words, phase="Upload")], world)
    assert "node-1 is left out" in world.scheduler.state.operations["backup"].message


def test_a_node_that_goes_down_before_its_upload_is_left_out() -> None:
    world = play(
        [
            *UP,
            Send.hold("upload-node-0"),
            Send.command(begin("backup", absent="skip")),
            Send.until_running("upload-node-0"),
            *NODE_1_DOWN,
            Send.hold(),
            Send.until_complete("backup"),
        ]
    )
    (told,) = world.mesos.jobs.completed
    assert (list(told["nodes"]), list(told["absent"])) == (["node-0", "node-2"], ["node-1"])


@pytest.mark.parametrize("job", ["describe", "upload-node-0"])
@pytest.mark.parametrize("absent", ["wait", "skip"])
def test_the_snapshot_of_a_node_that_is_replaced_is_taken_anew(absent: str, job: str) -> None:
    """It went with the volume: an upload would fail for good."""
    world = play([*UP, Send.hold(job), Send.command(begin("backup", absent=absent))], World(machines=agents(4)))
    lost = [Send.agent_lost("127.0.0.3", cut=True), Send.command(ReplaceNode("node-1", "operator"))]
    play([Send.time(1.0, cycles=15), *lost, Send.time(1.0, cycles=60)], world)
    node = world.scheduler.state.nodes["node-1"]
    assert (node.mode, node.agent and node.agent.hostname) == ("NORMAL", "127.0.0.5")
    play([Send.hold(), Send.until_complete("backup")], world)
    assert world.mesos.jobs.violations == []
    (told,) = world.mesos.jobs.completed
    # It was down at the time of its upload.
    absent_nodes = ["node-1"] if (absent, job) == ("skip", "upload-node-0") else []
    assert [*told.get("absent", ())] == absent_nodes
    assert sorted([*told["nodes"], *absent_nodes]) == ["node-0", "node-1", "node-2"]


def test_no_node_is_left_out_while_none_is_up() -> None:
    down = [Send.command(Interrupt("recovery")), *(Send.failure(f"node-{index}") for index in range(3)), Send.time()]
    play(
        [
            *UP,
            *down,
            Send.command(begin("backup", absent="skip")),
            *RUN_ON,
            Expect.step("node-1", Status.WAITING, "NODE_DOWN", "backup", "waits for node-1", phase="Snapshot"),
        ]
    )
