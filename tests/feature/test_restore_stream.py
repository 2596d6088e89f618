"""A backup of one node onto three with other tokens, and back: every row is streamed to all of its owners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import Session

from executor.jobs.context import JobError
from executor.restore import checking
from tests.cluster import tables
from tests.feature.backup_jobs import Bucket, Operator
from tests.feature.cassandra_ring import Ring, running_ring

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(900)]

Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory, bucket: Bucket) -> Rows:
    """The rows of a node that is gone, of which there is a backup `one`."""
    with running_ring(tmp_path_factory.mktemp("one"), ["127.0.45.11"]) as ring:
        with ring.nodes[0].cql() as session:
            tables.create(session, "shop", 3)
            rows = tables.read(session, "shop")
        # One node is no quorum of three replicas, so that nothing can be counted, which fails no backup.
        Operator(ring, bucket).back_up("one", ["shop"], count_rows=True)
        return rows


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory, backed_up: Rows) -> Iterator[Ring]:
    with running_ring(tmp_path_factory.mktemp("three"), ["127.0.45.21", "127.0.45.22", "127.0.45.23"]) as ring:
        yield ring


def indexed(session: Session) -> int:
    return len(session.execute("SELECT id FROM shop.user WHERE name = 'name-3'").all())


def test_every_node_needs_space_for_what_others_stream_to_it(
    operator: Operator, ring: Ring, backed_up: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "free_bytes", lambda directory: 0)
    for node, share in zip(ring.nodes, (["node-0"], [], []), strict=True):
        given = {"backup_name": "one", "sources": ["node-0"], "share": share}
        with pytest.raises(JobError, match=rf"{node.launch.node}: the volume has 0 bytes free, and .* on their way"):
            operator.run("restore-check", node, "full", given)


def test_onto_more_nodes(operator: Operator, ring: Ring, backed_up: Rows) -> None:
    result = operator.restore("one", ["node-0"])
    assert result["mode"] == "stream"
    assert [found["same_as"] for found in result["check"].values()] == [None, None, None]
    assert result["load"]["node-0"]["tables"]["shop.user"] == "streamed"
    assert [found["objects"] for found in result["load"].values()][1:] == [0, 0]
    assert (result["compare"]["verdict"], result["compare"]["message"]) == ("equal", "")
    assert result["digest"]["node-0"]["samples"]["shop.user"] == {"rows": tables.ROWS}
    assert result["compare"]["not_counted"] == result["compare"]["equal"]
    for node in ring.nodes:
        # Each of the three holds a replica of everything: it needs no other one to answer.
        with node.cql(ConsistencyLevel.ONE) as session:
            assert tables.read(session, "shop") == backed_up
            assert indexed(session) == 30


def test_a_node_that_is_down_fails_the_load_by_name_until_it_is_back(
    operator: Operator, ring: Ring, backed_up: Rows
) -> None:
    given = {"backup_name": "one", "mode": "stream", "sources": ["node-0"], "column_families": ["plain"]}
    with ring.nodes[0].cql() as session:
        session.execute("TRUNCATE shop.plain")
    ring.nodes[2].kill()
    first = ring.nodes[0]
    try:
        with pytest.raises(JobError, match=r"load: streaming shop\.plain: .*127\.0\.45\.23") as caught:
            operator.run("restore-load", first, "down", given)
        assert not caught.value.hopeless
    finally:
        ring.nodes[2].start()
        ring.wait_all_up()
    assert operator.run("restore-load", first, "down", given)["tables"] == {"shop.plain": "streamed"}
    for node in ring.nodes:
        with node.cql(ConsistencyLevel.ONE) as session:
            assert tables.read(session, "shop")["plain"] == backed_up["plain"]


def test_files_that_a_node_does_not_own_are_streamed_instead(operator: Operator, ring: Ring) -> None:
    """The tokens are the same, and the replicas are not: as after a change of racks or of the replication."""
    with ring.nodes[0].cql() as session:
        session.execute("CREATE KEYSPACE alone WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        session.execute("CREATE TABLE alone.t (id int PRIMARY KEY, v text)")
        for number in range(300):
            session.execute("INSERT INTO alone.t (id, v) VALUES (%s, 'x')", [number])
    operator.back_up("alone", ["alone"])
    with ring.nodes[0].cql() as session:
        session.execute("TRUNCATE alone.t")
    common = {"backup_name": "alone", "mode": "import", "key_spaces": ["alone"]}
    swapped = {"node-0": "node-1", "node-1": "node-2", "node-2": "node-0"}
    loaded = operator.everywhere(
        "restore-load", "swapped", {node: {**common, "sources": [source]} for node, source in swapped.items()}
    )
    assert [found["tables"] for found in loaded.values()] == [{"alone.t": "streamed"}] * 3
    with ring.nodes[0].cql() as session:
        assert sorted(row.id for row in session.execute("SELECT id FROM alone.t")) == list(range(300))
        session.execute("DROP KEYSPACE alone")


def test_a_keyspace_with_more_replicas_than_in_the_backup_reaches_all_of_them(operator: Operator, ring: Ring) -> None:
    """Files that each node takes over are where they were: every other replica would lack their rows."""
    replication = "{{'class': 'SimpleStrategy', 'replication_factor': {}}}"
    with ring.nodes[0].cql() as session:
        session.execute(f"CREATE KEYSPACE wider WITH replication = {replication.format(1)}")
        session.execute("CREATE TABLE wider.t (id int PRIMARY KEY, v text)")
        for number in range(100):
            session.execute("INSERT INTO wider.t (id, v) VALUES (%s, 'x')", [number])
        operator.back_up("wider", ["wider"])
        session.execute(f"ALTER KEYSPACE wider WITH replication = {replication.format(3)}")
        session.execute("TRUNCATE wider.t")
        found = operator.restore("wider", [node.launch.node for node in ring.nodes])
        assert found["mode"] == "import"
        assert [loaded["tables"] for loaded in found["load"].values()] == [{"wider.t": "streamed"}] * 3
        files = [list(node.data.glob("wider/t-*/*-Data.db")) for node in ring.nodes]
        assert all(files), files
        for node in ring.nodes:
            with node.cql() as own:
                assert len(own.execute("SELECT id FROM wider.t").all()) == 100
        session.execute("DROP KEYSPACE wider")


def test_back_onto_the_same_three_nodes_and_then_onto_fewer(
    operator: Operator, ring: Ring, bucket: Bucket, backed_up: Rows, tmp_path_factory: pytest.TempPathFactory
) -> None:
    operator.back_up("three", ["shop"])
    names = [node.launch.node for node in ring.nodes]
    with ring.nodes[0].cql() as session:
        session.execute("DROP KEYSPACE shop")
    result = operator.restore("three", names)
    assert result["mode"] == "import"
    assert (result["compare"]["verdict"], result["compare"]["message"]) == ("equal", "")
    samples = [found["samples"]["shop.user"]["rows"] for found in result["digest"].values()]
    assert samples == [tables.ROWS] * 3
    assert {name: found["same_as"] for name, found in result["check"].items()} == {name: name for name in names}
    for node in ring.nodes:
        with node.cql(ConsistencyLevel.ONE) as session:
            assert tables.read(session, "shop") == backed_up
            assert indexed(session) == 30
    ring.stop()
    with running_ring(tmp_path_factory.mktemp("small"), ["127.0.45.31"]) as small:
        result = Operator(small, bucket).restore("three", names)
        assert result["mode"] == "stream"
        why = "a quorum is 2 replicas, and the data center has 1 node"
        assert result["compare"]["uncountable"] == {"shop": why}
        assert (result["compare"]["verdict"], result["compare"]["different"]) == ("not compared", 0)
        assert result["compare"]["comparison"]["shop.user"]["state"] == "not compared"
        assert "partitions cannot be read: a quorum is 2 replicas, and 1 are up" in result["compare"]["message"]
        with small.nodes[0].cql() as session:
            assert tables.read(session, "shop") == backed_up
