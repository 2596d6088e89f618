"""A real Cassandra on a disk that is full or broken, and its executor's report."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cassandra import DriverException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import WhiteListRoundRobinPolicy

from executor.jmx.jolokia import STORAGE_SERVICE, JolokiaError
from tests.disks import CannotMountError, Disk, small_disk
from tests.feature.executor_agent import Node, running_node
from tests.feature.test_executor_cassandra import LAUNCH
from tests.waiting import patient

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(300)]

ADDRESS = "127.0.2.2"
# What was acknowledged is in the log that is replayed, whatever ends the process.
BATCH = replace(LAUNCH, options={"commitlog_sync": "batch"})
ROW = 100_000
FULL = "the disk of its volume is full: less than 64 MB of 256 MB are free"
_FLUSH = "forceKeyspaceFlush(java.lang.String,[Ljava.lang.String;)"
_FAILED = (DriverException, NoHostAvailable)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with running_node(tmp_path, ADDRESS) as node:
        yield node


@contextmanager
def mounted(directory: Path) -> Iterator[Disk]:
    """A disk of 256 MB; the test is skipped where there can be none."""
    try:
        with small_disk(directory, 256) as disk:
            yield disk
    except CannotMountError as error:
        pytest.skip(f"a disk cannot be mounted here: {error}")


@contextmanager
def cql() -> Iterator[Session]:
    profile = ExecutionProfile(WhiteListRoundRobinPolicy([ADDRESS]))
    cluster = Cluster(
        [ADDRESS],
        protocol_version=5,
        connect_timeout=patient(30.0),
        control_connection_timeout=patient(30.0),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        # Reading every table's columns costs each session more than what most tests ask.
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def create(session: Session) -> None:
    replication = "{'class': 'NetworkTopologyStrategy', 'dc1': 1}"
    session.execute(f"CREATE KEYSPACE kept WITH replication = {replication}", timeout=patient(30.0))
    session.execute("CREATE TABLE kept.rows (id int PRIMARY KEY, body blob)", timeout=patient(30.0))


def write(session: Session, rows: int) -> set[int]:
    """So many rows, or as many as are acknowledged."""
    written: set[int] = set()
    insert = session.prepare("INSERT INTO kept.rows (id, body) VALUES (?, ?)")
    with suppress(*_FAILED):
        for number in range(rows):
            session.execute(insert, (number, os.urandom(ROW)), timeout=10.0)
            written.add(number)
    return written


def end(node: Node, task_id: str) -> str:
    """The last words of a task whose executor has ended too."""
    words: str = node.end(task_id)["message"]
    assert node.exited() == 0
    return words


def read() -> set[int]:
    with cql() as session:
        return {row.id for row in session.execute("SELECT id FROM kept.rows", timeout=patient(30.0))}


def volume_of(node: Node) -> Path:
    return node.agent.work_dir / "volumes" / "roles" / "role" / "pv1"


def test_a_full_disk_ends_it_and_says_so_and_room_brings_it_back_with_all_that_was_acknowledged(node: Node) -> None:
    """The commit log is mapped into memory: a page for which there is no room is a crash of the JVM."""
    with mounted(volume_of(node)) as disk:
        node.launch(BATCH, "t1")
        node.until("t1", mode="NORMAL", native_transport_running=True)
        with cql() as session:
            create(session)
            disk.fill(leave=50_000_000)
            assert node.until("t1", error=FULL).mode == "NORMAL", "it is told before anything fails"
            disk.fill(leave=2_000_000)
            written = write(session, 1000)
        assert 0 < len(written) < 1000
        said = end(node, "t1")
        assert said.startswith("Cassandra ended with signal SIGABRT")
        assert "SIGBUS" in said
        assert said.endswith(FULL)

        node.launch(BATCH, "t2")
        assert end(node, "t2").endswith(FULL)

        disk.empty()
        node.launch(BATCH, "t3")
        assert node.until("t3", mode="NORMAL", native_transport_running=True).error is None
        assert read() >= written
        node.kill("t3")
        end(node, "t3")


def test_a_broken_disk_isolates_it_in_cassandras_words_until_it_is_restarted(node: Node) -> None:
    """Cassandra's disk_failure_policy, `stop`: it lives, calls itself NORMAL, and speaks to nobody any more."""
    with mounted(volume_of(node) / "data") as disk:
        node.launch(BATCH, "t1")
        node.until("t1", mode="NORMAL", native_transport_running=True)
        with cql() as session:
            create(session)
            written = write(session, 20)
        assert len(written) == 20
        disk.set_writable(False)
        with pytest.raises(JolokiaError, match="FSWriteError"):
            node.jolokia().execute(STORAGE_SERVICE, _FLUSH, ["kept", []], 30.0)
        status = node.until("t1", mode="ISOLATED")
        # It may be polled between the end of its gossip and the exception's entry in its log: that comes next.
        while status.native_transport_running or "Read-only file system" not in (status.error or ""):
            status = node.until("t1", mode="ISOLATED")
        assert status.gossip_running is False
        assert status.error is not None
        assert status.error.startswith("Cassandra has stopped its gossip: restart it once the cause is gone\n")

        disk.set_writable(True)
        node.kill("t1")
        assert end(node, "t1").startswith("killed")
        node.launch(BATCH, "t2")
        node.until("t2", mode="NORMAL", native_transport_running=True)
        assert read() == written
        node.kill("t2")
        end(node, "t2")
