"""A node leaves the ring, which takes force where keyspaces have three replicas, and is had again: no row is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.world import World
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(400)]
ROWS = 500


def reserved(world: World, hostname: str) -> dict[str, Any]:
    """What is reserved on an agent, as the master tells."""
    found = world.master("/slaves")["slaves"]
    reservations: dict[str, Any] = next(item["reserved_resources"] for item in found if item["hostname"] == hostname)
    return reservations


def step(world: World, plan: str, name: str) -> dict[str, str]:
    phases = world.read(f"/v1/plans/{plan}")["phases"]
    (found,) = [item for phase in phases for item in phase["steps"] if item["name"] == name]
    return dict(found)


def _fewer_and_more_and_fewer(world: World) -> None:
    """What is refused is asked for again, and holds up nothing but itself."""
    for _ in range(2):
        code, answer = world.put("/v1/config", {"NODES": 2})
        assert (code, answer["leaves"]) == (200, ["node-2"])
        wait_for("it is refused", lambda: step(world, "deploy", "node-2")["reason"] == "OTHER_FAILED", 90.0)
        assert "kept has 3 replicas" in step(world, "deploy", "node-2")["message"]
        world.begin("flush", {"nodes": ["*"]})
        wait_for("another kind runs", lambda: world.read("/v1/flush/status")["state"] == "COMPLETE", 90.0)
        assert world.read("/v1/decommission/status")["state"] == "ERROR"
        code, answer = world.put("/v1/decommission/start", {"nodes": ["node-2"]})
        assert code == 409
        assert "kept has 3 replicas" in answer["message"]
        assert "restart that step, or stop the decommission" in answer["message"]
        assert world.put("/v1/config", {"NODES": 3})[0] == 200
        wait_for("it is stopped", lambda: world.read("/v1/decommission/status")["state"] == "STOPPED", 60.0)
        world.wait_deployed()


def test_a_node_leaves_and_comes_back(world: World) -> None:
    with world.cql() as session:
        session.execute(
            "CREATE KEYSPACE IF NOT EXISTS kept WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}"
        )
        session.execute("CREATE TABLE IF NOT EXISTS kept.rows (id int PRIMARY KEY, text text)")
        insert = session.prepare("INSERT INTO kept.rows (id, text) VALUES (?, ?)")
        for number in range(ROWS):
            session.execute(insert, (number, f"row {number}"))
    _fewer_and_more_and_fewer(world)
    hostname = world.read("/v1/nodes/node-2/info")["hostname"]
    before = world.read("/v1/nodes/node-2/status")["host_id"]

    assert world.put("/v1/nodes/node-2/decommission")[0] == 202
    wait_for("it is refused", lambda: step(world, "decommission", "node-2")["status"] == "ERROR", 60.0)
    said = step(world, "decommission", "node-2")["message"]
    assert "2 nodes would be left, but" in said
    assert "kept has 3 replicas" in said
    assert world.read("/v1/nodes/node-2/status")["mode"] == "NORMAL"
    assert world.put("/v1/decommission/stop")[0] == 202
    wait_for("it is stopped", lambda: world.read("/v1/decommission/status")["state"] == "STOPPED", 60.0)

    assert world.put("/v1/nodes/node-2/replace?decommission=true&force=true")[0] == 202
    wait_for("it has left", lambda: world.read("/v1/nodes/list") == ["node-0", "node-1"], 120.0)
    wait_for("nothing is reserved for it", lambda: not reserved(world, hostname), 60.0)
    # It is to join elsewhere, but there is no other agent; an operator may have it where it was.
    wait_for("it waits", lambda: "node-2 leaves this agent" in step(world, "deploy", "node-2")["message"], 60.0)
    assert len(world.cassandras()) == 2

    assert world.put("/v1/plans/deploy/restart?step=node-2")[0] == 200
    world.wait_deployed()
    assert world.read("/v1/nodes/node-2/status")["host_id"] != before
    with world.cql() as session:
        assert {row.id for row in session.execute("SELECT id FROM kept.rows")} == set(range(ROWS))
