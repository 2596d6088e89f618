"""Data written at QUORUM is read back after every process around Cassandra has died; no Cassandra is started again."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import pytest

from tests.cluster.world import World
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

ROWS = 500


@pytest.fixture(scope="module", autouse=True)
def data(world: World) -> None:
    with world.cql() as session:
        session.execute(
            "CREATE KEYSPACE IF NOT EXISTS kept WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}"
        )
        session.execute("CREATE TABLE IF NOT EXISTS kept.rows (id int PRIMARY KEY, text text)")
        insert = session.prepare("INSERT INTO kept.rows (id, text) VALUES (?, ?)")
        for index in range(ROWS):
            session.execute(insert, (index, f"row {index}"))


def read_back(world: World) -> int:
    with world.cql() as session:
        return len(list(session.execute("SELECT id, text FROM kept.rows")))


def is_normal(world: World, name: str) -> bool:
    answer = world.get(f"/v1/nodes/{name}/status")
    assert answer.status in (200, 503), answer
    return answer.status == 200 and answer.json()["mode"] == "NORMAL"


@pytest.mark.parametrize("process", ["scheduler", "zookeeper", "master", "agent-2"])
def test_no_cassandra_is_restarted_and_no_data_lost(world: World, process: str) -> None:
    pids, tasks = world.cassandras(), world.task_ids()
    assert len(pids) == 3

    world.crash(process)
    began = time.monotonic()
    wait_for("the cluster is whole again", lambda: bool(world.start() or True) and world.is_whole(), 120.0)
    print(f"{process} crashed: whole again after {time.monotonic() - began:.1f} s")

    # Its executor cannot be reached while its agent starts: a question has no answer then, which says so.
    for name in tasks:
        wait_for(f"{name} answers", partial(is_normal, world, name), 60.0)
    assert world.cassandras() == pids
    assert world.task_ids() == tasks
    assert read_back(world) == ROWS


def test_a_killed_cassandra_is_relaunched_in_place_with_its_data(world: World) -> None:
    pids, tasks = world.cassandras(), world.task_ids()
    before = {name: world.read(f"/v1/nodes/{name}/status") for name in tasks}
    victim = next(pid for pid in pids)
    os.kill(victim, signal.SIGKILL)
    wait_for("another Cassandra took its place", lambda: len(world.cassandras() - pids) == 1, 60.0)
    wait_for("the cluster is whole again", lambda: world.is_whole(), 180.0)
    after = {name: world.read(f"/v1/nodes/{name}/status") for name in tasks}
    changed = [name for name, task in world.task_ids().items() if tasks[name] != task]
    assert len(changed) == 1
    assert {name: status["host_id"] for name, status in after.items()} == {
        name: status["host_id"] for name, status in before.items()
    }
    assert read_back(world) == ROWS


def test_a_machine_that_dies_is_not_listed_long_before_mesos_gives_it_up(world: World) -> None:
    """Its peers know it; the master gives its agent up after 75 seconds."""
    tasks = world.task_ids()
    lost = world.read("/v1/nodes/node-2/info")["address"]
    since = max(event["sequence"] for event in world.read("/v1/events")["events"])
    began = time.monotonic()
    world.lose_machine(world.agent_of("node-2"))
    wait_for("it is not listed", lambda: f"{lost}:9042" not in world.read("/v1/connection")["address"], 15.0)
    print(f"not listed after {time.monotonic() - began:.1f} s")

    words = "node-0 and node-1 do not see it; its agent has not answered since"
    plan = world.read("/v1/plans/recovery")
    (step,) = [step for phase in plan["phases"] for step in phase["steps"]]
    assert (step["name"], step["status"]) == ("node-2", "WAITING"), plan
    assert words in step["message"]
    events = world.read(f"/v1/events?since={since}")["events"]
    assert [event["node"] for event in events if words in event["message"]] == ["node-2"], events
    answer = world.get("/v1/nodes/node-2/status")
    assert answer.status == 503
    assert words in answer.json()["message"], answer.json()
    assert world.put("/v1/nodes/node-0/restart")[0] == 409
    assert world.task_ids() == tasks, "nothing is launched on that word alone"

    world.start()
    wait_for("the cluster is whole again", world.is_whole, 180.0)
    assert {name for name, task in world.task_ids().items() if tasks[name] != task} == {"node-2"}
    assert read_back(world) == ROWS


def test_down_and_up_again_finds_the_same_nodes_with_their_data(world: World) -> None:
    hosts = {name: world.read(f"/v1/nodes/{name}/status")["host_id"] for name in world.task_ids()}
    assert world.stop(), "something had to be killed"
    assert world.cassandras() == set()
    world.start()
    world.wait_deployed()
    assert {name: world.read(f"/v1/nodes/{name}/status")["host_id"] for name in hosts} == hosts
    assert read_back(world) == ROWS
