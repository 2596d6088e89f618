"""A join that is interrupted when one of two peers has sent its ranges goes on by itself, and no row is missing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cassandra import OperationTimedOut, Unavailable, WriteTimeout
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from devcluster import processes
from devcluster.layout import Agent
from tests.cluster.world import World, deployed, make_layout
from tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.cassandra, pytest.mark.timeout(900)]

ROWS, LATER, BYTES = 4000, 300, 10_000
YAML = "{stream_throughput_outbound: 1MiB/s, stream_entire_sstables: false, write_request_timeout: 5s}"
INSERT = "INSERT INTO joined.rows (id, body) VALUES (%s, %s)"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[World]:
    """Two nodes and a keyspace with one replica, of which each sends 1 MiB in a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASSANDRA_YAML", YAML)
        with deployed(make_layout(tmp_path / "two", nodes=2, network="127.0.85")) as world:
            with world.cql() as session:
                session.execute(
                    "CREATE KEYSPACE joined WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}"
                )
                session.execute("CREATE TABLE joined.rows (id int PRIMARY KEY, body blob)")
                insert = session.prepare(INSERT.replace("%s", "?"))
                rows = [(number, os.urandom(BYTES)) for number in range(ROWS)]
                execute_concurrent_with_args(session, insert, rows, concurrency=20)
            world.run("flush", {"nodes": ["*"], "key_spaces": ["joined"]})
            yield world


def logged(agent: Agent, words: str) -> int:
    """How often Cassandra's logs of this agent have these words."""
    return sum(path.read_text(errors="replace").count(words) for path in agent.work_directory.rglob("system.log"))


def is_written(session: Session, number: int) -> bool:
    """Write a row; return whether it was accepted: not while a lost node counts as joining."""
    try:
        session.execute(INSERT, (number, b"later"))
    except (OperationTimedOut, Unavailable, WriteTimeout):
        return False
    return True


@pytest.mark.parametrize("lost", ["node-2", "node-1"])
def test_an_interrupted_join_goes_on(two: World, lost: str) -> None:
    world = replace(two, layout=replace(two.layout, nodes=3))
    world.crash("scheduler")
    second, third = world.layout.agents[1:3]
    rows = set(range(ROWS))
    with two.cql() as session:
        wait_for("both send", lambda: logged(third, "Prepare completed") == 2, 120.0)
        with world.halted(world.cassandras_on(second)):
            wait_for("one has sent all", lambda: logged(third, "7000 is complete") == 1, 18.0)
            if lost == "node-2":
                world.kill("scheduler")
            for process in world.cassandras_on(third if lost == "node-2" else second):
                processes.send(process, signal.SIGKILL)
        if lost == "node-2":  # Its peers forget it before it starts again, and take writes without it.
            later = range(ROWS, ROWS + LATER)
            for number in later:
                wait_for(f"row {number} is written", partial(is_written, session, number), 90.0)
            rows.update(later)
    world.start()
    wait_for("it joins", world.is_whole, 300.0)
    with world.cql() as session:
        assert {row.id for row in session.execute("SELECT id FROM joined.rows")} == rows
    world.stop()
