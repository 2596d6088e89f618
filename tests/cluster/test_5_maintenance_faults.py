"""Jobs that outlive the end of scheduler, ZooKeeper and agent, restart after that of their node, and can be stopped."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from devcluster import processes
from tests.cluster.test_4_maintenance import snapshots
from tests.cluster.world import World
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

KEYSPACE = "blobs"
ROWS = 60
BLOB = 100_000
# Slow enough that a node's upload takes some seconds: long enough to kill something in the middle of it.
THROTTLE = 1_000_000


@pytest.fixture(scope="module", autouse=True)
def data(world: World) -> Iterator[None]:
    """An empty table for what is written later."""
    with world.cql() as session:
        session.execute(
            f"CREATE KEYSPACE {KEYSPACE} WITH replication = "
            "{'class': 'NetworkTopologyStrategy', 'replication_factor': 3}"
        )
        session.execute(f"CREATE TABLE {KEYSPACE}.blobs (id uuid PRIMARY KEY, body blob)")
    yield
    with world.cql() as session:
        session.execute(f"DROP KEYSPACE {KEYSPACE}")


def add_rows(world: World) -> None:
    """More MB that do not compress, on every node: what a backup has sent already it does not send again."""
    with world.cql() as session:
        insert = session.prepare(f"INSERT INTO {KEYSPACE}.blobs (id, body) VALUES (uuid(), ?)")
        for _ in range(ROWS):
            session.execute(insert, (os.urandom(BLOB),))


def slow(world: World, name: str) -> dict[str, Any]:
    """A backup that takes a while."""
    add_rows(world)
    return {
        "backup_name": name,
        "external_location": world.location,
        "key_spaces": [KEYSPACE],
        "throttle": THROTTLE,
        "upload_parallelism": 3,
    }


def finish(world: World) -> dict[str, Any]:
    """Let the backup go on at full speed, if it has not ended yet, and return its status at its end."""
    # 503: the scheduler waits for ZooKeeper, which has just been started.
    wait_for("it is heard", lambda: world.put("/v1/backup/tune", {"throttle": 0})[0] in (200, 202, 409), 60.0)
    return world.wait_ended("backup", 300.0)


def uploading(world: World) -> set[str]:
    """The nodes that are in the middle of their upload."""
    nodes = world.read("/v1/backup/status")["nodes"]
    sent = {name: node["progress"].get("bytes_done") or 0 for name, node in nodes.items() if node["phase"] == "Upload"}
    return {name for name, count in sent.items() if count > 0}


def jobs(world: World) -> dict[str, str]:
    """The task id of every job that runs, by step."""
    steps = {path.rpartition("/")[2]: step for path, step in world.records().items() if "/steps/backup." in path}
    return {name: step["task"]["id"] for name, step in steps.items() if step["state"] == "RUNNING"}


@pytest.mark.parametrize("process", ["scheduler", "zookeeper", "agent-1"])
def test_a_job_outlives_what_is_around_it(world: World, process: str) -> None:
    """The jobs that ran go on, none is launched twice, and the backup is complete and sound."""
    name = f"outlives-{process}"
    identifier = world.begin("backup", slow(world, name))
    wait_for("all nodes upload", lambda: len(uploading(world)) == 3, 60.0)
    before = jobs(world)
    world.crash(process)
    wait_for(
        "the scheduler is back", lambda: bool(world.start() or True) and world.get("/v1/health").status == 200, 60.0
    )
    status = finish(world)
    assert (status["id"], status["state"]) == (identifier, "COMPLETE"), status
    records = world.records()
    root = f"/dcos-service-{world.layout.service_name}"
    for step, task in before.items():
        assert records[f"{root}/steps/{step}"]["task"]["id"] == task
    verify(world, name)


@pytest.mark.parametrize("victim", ["executor", "cassandra"])
def test_a_job_begins_again_when_its_node_is_back(world: World, victim: str) -> None:
    name = f"again-{victim}"
    world.begin("backup", slow(world, name))
    wait_for("all nodes upload", lambda: len(uploading(world)) == 3, 60.0)
    agent = world.layout.agents[0]
    for process in world.executors_on(agent) if victim == "executor" else world.cassandras_on(agent):
        processes.send(process, signal.SIGKILL)
    status = finish(world)
    assert status["state"] == "COMPLETE", status
    verify(world, name)
    wait_for("no snapshot is left", lambda: not snapshots(world))


def test_stop_cancels_the_jobs_and_leaves_nothing_behind(world: World) -> None:
    world.begin("backup", slow(world, "stopped"))
    wait_for("all nodes upload", lambda: len(uploading(world)) == 3, 60.0)
    began = time.monotonic()
    assert world.put("/v1/backup/stop")[0] == 202
    assert world.wait_ended("backup", 60.0)["state"] == "STOPPED"
    print(f"stopped after {time.monotonic() - began:.1f} s")
    assert jobs(world) == {}
    assert not snapshots(world)
    listed = world.read(f"/v1/backups?external_location={world.location}")["backups"]
    assert not [item for item in listed if item["backup_name"] == "stopped" and item["state"] == "complete"]
    code, answer = world.put("/v1/restore/start", {"backup_name": "stopped", "external_location": world.location})
    assert code == 400, answer
    # The next one begins by itself and finds what was sent already.
    after = {"backup_name": "after", "external_location": world.location, "key_spaces": [KEYSPACE], "throttle": 0}
    status = world.run("backup", after)
    for node in status["nodes"].values():
        assert node["result"]["sent_objects"] < node["result"]["objects"]
    verify(world, "after")
    # And its name is free.
    again = {"backup_name": "stopped", "external_location": world.location, "key_spaces": [KEYSPACE], "throttle": 0}
    status = world.run("backup", again)
    assert sum(node["result"]["sent_objects"] for node in status["nodes"].values()) == 0
    verify(world, "stopped")


def test_a_node_that_is_down_is_left_out_where_that_is_wanted(world: World) -> None:
    add_rows(world)
    assert world.put("/v1/nodes/node-1/pause?force=true")[0] == 200
    wait_for("node-1 is paused", lambda: len(world.read("/v1/connection")["nodes"]) == 2, 60.0)
    place = {"external_location": world.location, "throttle": 0}
    try:
        skip = {"backup_name": "without", **place, "key_spaces": [KEYSPACE], "absent": "skip"}
        world.begin("backup", skip)
        status = world.wait_ended("backup", 120.0)
        assert status["state"] == "COMPLETE", status
        assert "node-1 is not in it, so it has fewer replicas of blobs" in status["message"]
        found = world.read(f"/v1/backups/without?external_location={world.location}")
        assert sorted(found["nodes"]) == ["node-0", "node-2"]
        assert list(found["absent"]) == ["node-1"]
        assert found["coverage"]["blobs"]["none"] == 0 < found["coverage"]["blobs"]["fewer"]
    finally:
        assert world.put("/v1/nodes/node-1/resume")[0] == 200
    wait_for("the cluster is whole", world.is_whole, 120.0)
    verify(world, "without")


def test_one_at_a_time(world: World) -> None:
    """Two backups and a delete at once: the first goes on, the others are refused and say why."""
    world.begin("backup", slow(world, "alone"))
    second = {"backup_name": "second", "external_location": world.location}
    code, answer = world.put("/v1/backup/start", second)
    assert (code, "already in progress since" in answer["message"]) == (409, True), answer
    code, answer = world.put("/v1/backup/delete", {"backup_name": "after", "external_location": world.location})
    assert (code, "Backup is in progress since" in answer["message"]) == (409, True), answer
    assert finish(world)["state"] == "COMPLETE"
    verify(world, "alone")
    verify(world, "after")


def test_the_throttle_changes_while_it_runs(world: World) -> None:
    world.begin("backup", {**slow(world, "tuned"), "throttle": 50_000})
    wait_for("all nodes upload", lambda: len(uploading(world)) == 3, 60.0)
    assert world.put("/v1/backup/tune", {"throttle": 0})[0] in (200, 202)
    # At the first pace it would take two minutes.
    assert world.wait_ended("backup", 60.0)["state"] == "COMPLETE"


def verify(world: World, name: str) -> None:
    """Read all of a backup back."""
    code, answer = world.put("/v1/backup/verify", {"backup_name": name, "external_location": world.location})
    assert code == 202, answer
    status = world.wait_ended("backup/verify")
    assert status["state"] == "COMPLETE", status
    assert sum(node["result"]["bytes"] for node in status["nodes"].values()) > ROWS * BLOB * 3
