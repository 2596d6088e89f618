"""A node is added, cleanup removes what the older one gave away, the new one leaves again: no row is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devcluster import processes
from tests.cluster.world import World, deployed, make_layout
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

ROWS = 2000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[World]:
    """One node."""
    with deployed(make_layout(tmp_path / "small", nodes=1, network="127.0.20")) as world:
        yield world


def size(world: World, node: int) -> int:
    """Bytes of the keyspace's data on one node's volume."""
    files = (world.layout.directory / "agents" / str(node)).glob("volumes/**/data/grown/*/*-Data.db")
    return sum(path.stat().st_size for path in files)


def reserved_agents(world: World) -> int:
    """The number of agents on which anything is reserved, as the master tells."""
    slaves = world.master("/slaves")["slaves"]
    return sum(1 for slave in slaves if slave["reserved_resources"])


def begin_again_when_it_hangs(world: World) -> None:
    """Cassandra hangs while node-1 joins, and an operator begins the step again: the only way to end it."""
    agent = world.layout.agents[1]
    (hung,) = wait_for("its Cassandra starts", lambda: world.cassandras_on(agent), 60.0)
    assert processes.send(hung, signal.SIGSTOP)
    wait_for("it runs", lambda: world.read("/v1/nodes/node-1/info")["state"] == "TASK_RUNNING", 60.0)
    launched = world.read("/v1/nodes/node-1/info")["id"]
    assert world.put("/v1/plan/restart?phase=Deploy&step=node-1") == (200, {"message": "Received cmd: restart"})
    wait_for("it is launched again", lambda: world.read("/v1/nodes/node-1/info")["id"] != launched, 120.0)


def test_one_node_more_and_one_less(small: World) -> None:
    with small.cql() as session:
        session.execute(
            "CREATE KEYSPACE grown WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}"
        )
        session.execute("CREATE TABLE grown.rows (id int PRIMARY KEY, body text)")
        insert = session.prepare("INSERT INTO grown.rows (id, body) VALUES (?, ?)")
        for number in range(ROWS):
            session.execute(insert, (number, f"{number} " * 50))
    small.run("flush", {"nodes": ["*"], "key_spaces": ["grown"]})
    before = size(small, 1)
    assert before > 0

    grown = replace(small, layout=replace(small.layout, nodes=2))
    grown.crash("scheduler")
    begin_again_when_it_hangs(grown)
    grown.wait_deployed()
    assert size(grown, 1) == before, "a node gives nothing away by itself"
    status = grown.run("cleanup", {"nodes": ["*"], "key_spaces": ["grown"]})
    assert sorted(status["nodes"]) == ["node-0", "node-1"]
    assert size(grown, 1) < before * 0.9
    with grown.cql() as session:
        assert len(list(session.execute("SELECT id FROM grown.rows"))) == ROWS

    small.crash("scheduler")
    wait_for("node-1 has left", lambda: small.read("/v1/nodes/list") == ["node-0"], 120.0)
    wait_for("nothing is reserved for it", lambda: reserved_agents(small) == 1, 60.0)
    wait_for("the plan is complete", lambda: small.read("/v1/plan")["status"] == "COMPLETE", 30.0)
    with small.cql() as session:
        assert len(list(session.execute("SELECT id FROM grown.rows"))) == ROWS
    grown.stop()
