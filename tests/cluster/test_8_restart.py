"""All nodes are restarted one after another, while a client writes and reads at QUORUM and loses nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest
from cassandra.cluster import Session

from tests.cluster.traffic import Request, traffic
from tests.cluster.world import World
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]


def writing(world: World) -> AbstractContextManager[list[int]]:
    """The numbers that were written at QUORUM so far, while a client goes on writing."""

    def prepare(session: Session) -> Request:
        insert = session.prepare("INSERT INTO rolled.rows (id, text) VALUES (?, ?)")
        insert.is_idempotent = True
        return lambda number: session.execute(insert, (number, f"row {number}"))

    return traffic(world.cql, prepare)


def test_a_rolling_restart_keeps_every_row(world: World) -> None:
    with world.cql() as session:
        session.execute(
            "CREATE KEYSPACE IF NOT EXISTS rolled WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}"
        )
        session.execute("CREATE TABLE IF NOT EXISTS rolled.rows (id int PRIMARY KEY, text text)")
    tasks, pids = world.task_ids(), world.cassandras()
    hosts = {name: world.read(f"/v1/nodes/{name}/status")["host_id"] for name in tasks}

    with writing(world) as written:
        assert world.put("/v1/nodes/restart?node=*") == (200, [tasks[name] for name in sorted(tasks)])
        code, answer = world.put("/v1/nodes/node-0/restart")
        assert (code, answer["message"]) == (
            409,
            "The restart of node-0 is under way already: requested by an operator.",
        )
        seen: set[str] = set()

        def one_at_a_time() -> bool:
            infos = {name: world.read(f"/v1/nodes/{name}/info") for name in tasks}
            down = {name for name, info in infos.items() if info["state"] != "TASK_RUNNING"}
            seen.update(down)
            assert len(down) <= 1, down
            changed = all(info["id"] != tasks[name] for name, info in infos.items())
            return changed and world.read("/v1/plans/recovery")["status"] == "COMPLETE"

        wait_for("every node was restarted", one_at_a_time, 240.0)
    assert seen == set(tasks)
    assert not world.cassandras() & pids
    after = {name: world.read(f"/v1/nodes/{name}/status") for name in tasks}
    assert {name: status["host_id"] for name, status in after.items()} == hosts
    assert {status["mode"] for status in after.values()} == {"NORMAL"}
    with world.cql() as session:
        found = {row.id for row in session.execute("SELECT id FROM rolled.rows")}
    assert found >= set(range(len(written)))
