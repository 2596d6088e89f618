"""Four nodes in three racks are restarted rack by rack, while a client writes at QUORUM and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.test_8_restart import writing
from tests.cluster.world import World, deployed, make_layout
from tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.cassandra, pytest.mark.timeout(600)]

RACKS = {"node-0": "r1", "node-1": "r2", "node-2": "r3", "node-3": "r1"}
BY_RACK = "/v1/nodes/restart?node=*&by=rack"


@pytest.fixture
def four(tmp_path: Path) -> Iterator[World]:
    """Four nodes, two of them in one rack."""
    with deployed(make_layout(tmp_path / "four", nodes=4, network="127.0.24")) as world:
        yield world


def told(world: World, disregarding: str | None) -> bool:
    """Whether every node says that this key space disregards racks, or that none does."""
    statuses = [world.read(f"/v1/nodes/{name}/status") for name in RACKS]
    return {(status["disregards_racks"], status["most_replicas"]) for status in statuses} == {(disregarding, 3)}


def test_a_rack_at_a_time(four: World) -> None:
    world = four
    tasks = world.task_ids()
    assert {name: world.read(f"/v1/nodes/{name}/status")["rack"] for name in tasks} == RACKS
    with world.cql() as session:
        session.execute("CREATE KEYSPACE rolled WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}")
        session.execute("CREATE TABLE rolled.rows (id int PRIMARY KEY, text text)")
        session.execute(
            "CREATE KEYSPACE simple WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}"
        )
        wait_for("the nodes know of it", lambda: told(world, "simple"), 60.0)
        code, answer = world.put(BY_RACK)
        assert (code, answer["message"]) == (
            409,
            "No rack can be restarted as a whole: the replicas of the keyspace simple are placed without regard to "
            "racks.",
        )
        session.execute("DROP KEYSPACE simple")
    wait_for("the nodes know of that", lambda: told(world, None), 60.0)

    away: set[frozenset[str]] = set()

    def all_restarted() -> bool:
        infos = {name: world.read(f"/v1/nodes/{name}/info") for name in tasks}
        down = frozenset(name for name, info in infos.items() if info["mode"] != "NORMAL")
        away.add(down)
        assert len({RACKS[name] for name in down}) <= 1, down
        changed = all(info["id"] != tasks[name] for name, info in infos.items())
        return changed and world.read("/v1/plans/recovery")["status"] == "COMPLETE"

    with writing(world) as written:
        assert world.put(BY_RACK) == (200, [tasks[name] for name in sorted(tasks)])
        wait_for("every node was restarted", all_restarted, 240.0)
    assert frozenset({"node-0", "node-3"}) in away
    with world.cql() as session:
        found = {row.id for row in session.execute("SELECT id FROM rolled.rows")}
    assert found >= set(range(len(written)))
