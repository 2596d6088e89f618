"""A node whose machine is lost is replaced on another agent, and every row is there; what it held is released later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cassandra import ConsistencyLevel
from cassandra.query import SimpleStatement

from tests.cluster.world import World, deployed, make_layout
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

ROWS = 1000


@pytest.fixture
def spacious(tmp_path: Path) -> Iterator[World]:
    """Three nodes, and a fourth agent."""
    layout = make_layout(tmp_path / "spacious", nodes=3, network="127.0.21")
    with deployed(replace(layout, spare_agents=1)) as world:
        yield world


def reserved(world: World, hostname: str) -> dict[str, object]:
    """What is reserved on an agent, as the master tells."""
    found = world.master("/slaves")["slaves"]
    reservations: dict[str, object] = next(item["reserved_resources"] for item in found if item["hostname"] == hostname)
    return reservations


def test_replace(spacious: World) -> None:
    world = spacious
    with world.cql() as session:
        session.execute(
            "CREATE KEYSPACE moved WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 2}"
        )
        session.execute("CREATE TABLE moved.rows (id int PRIMARY KEY, body text)")
        insert = session.prepare("INSERT INTO moved.rows (id, body) VALUES (?, ?)")
        for number in range(ROWS):
            session.execute(insert, (number, f"body {number}"))
    before = {name: world.read(f"/v1/nodes/{name}/info") for name in world.task_ids()}
    lost = before["node-2"]
    world.lose_machine(world.layout.agents[2])
    down = {"node-2"}
    wait_for(
        "the peers see node-2 as down",
        lambda: {step["name"] for step in world.read("/v1/plans/recovery")["phases"][0]["steps"]} == down,
        120.0,
    )

    assert world.put("/v1/nodes/replace?node=node-2") == (200, [lost["id"]])
    code, answer = world.put("/v1/nodes/replace?node=node-1")
    assert code == 409, answer
    assert answer["message"].startswith("The replacement of node-2 is under way"), answer
    wait_for(
        "node-2 is replaced",
        lambda: (
            world.read("/v1/plans/recovery")["status"] == "COMPLETE" and world.read("/v1/plan")["status"] == "COMPLETE"
        ),
        240.0,
    )
    after = world.read("/v1/nodes/node-2/info")
    assert (after["hostname"], after["mode"]) == ("127.0.21.5", "NORMAL")
    assert after["host_id"] != lost["host_id"]
    assert after["failures"] == 0
    with world.cql() as session:
        # Each replica has its rows: with the rack of the new agent, other nodes would own ranges that they never got. A
        # read at QUORUM would repair them.
        alone = SimpleStatement("SELECT id FROM moved.rows", consistency_level=ConsistencyLevel.ONE)
        for _ in range(6):
            assert {row.id for row in session.execute(alone)} == set(range(ROWS))
        assert {row.id for row in session.execute("SELECT id FROM moved.rows")} == set(range(ROWS))
    assert (lost["rack"], world.read("/v1/nodes/node-2/status")["rack"]) == ("r3", "r3")
    (words,) = world.read("/v1/health")["warnings"]
    assert words.startswith("For Cassandra, node-2 is in rack r3, and its agent is in r1: if r1 fails, "), words

    world.start()
    wait_for("nothing is reserved where it was", lambda: not reserved(world, lost["hostname"]), 120.0)
    volumes = world.layout.directory / "agents" / "3" / "volumes" / "roles"
    wait_for("the volume is removed", lambda: not list(volumes.glob("*/*")), 30.0)
    assert world.read("/v1/nodes/node-2/info")["id"] == after["id"]
