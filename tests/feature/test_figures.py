"""The figures of a real Cassandra that has served requests, and streamed."""

from __future__ import annotations

import pytest

from executor.figures import Figures
from executor.jmx.access import ALLOWED
from executor.jmx.figures import WANTED
from tests.feature.cassandra_ring import LAUNCH, running_ring
from tests.waiting import wait_for

pytestmark = pytest.mark.cassandra


def test_requests_are_counted_and_timed(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_ring(tmp_path_factory.mktemp("ring"), ["127.0.78.1"], LAUNCH) as ring:
        (node,) = ring.nodes
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        with node.cql() as session:
            session.execute(f"CREATE KEYSPACE shop WITH replication = {replication}")
            session.execute("CREATE TABLE shop.carts (id int PRIMARY KEY)")
            for number in range(20):
                session.execute(f"INSERT INTO shop.carts (id) VALUES ({number})")
                session.execute(f"SELECT id FROM shop.carts WHERE id = {number}")
        assert node.cassandra is not None
        assert {item.mbean for item in WANTED} <= ALLOWED.keys()
        cassandra = node.cassandra
        wait_for("figures are read again", lambda: _reads(cassandra.figures()) >= 20, 30.0)
        found = cassandra.figures()
        assert found is not None
        for requests in (found.read, found.write):
            assert requests is not None
            assert (requests.count >= 20, requests.errors) == (True, 0)
            # Microseconds: a local request takes some ten of them, and less than a second.
            assert 10 < requests.p50 <= requests.p99 < 1_000_000
            assert 10 * requests.count < requests.micros


def _reads(found: Figures | None) -> int:
    return found.read.count if found is not None and found.read is not None else 0
