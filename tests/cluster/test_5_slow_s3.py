"""A backup into an S3 that is slow, and hangs now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from devcluster import s3
from tests.cluster.test_4_maintenance import snapshots
from tests.cluster.test_5_maintenance_faults import add_rows, data, jobs, uploading
from tests.cluster.world import World
from tests.slow_proxy import SlowProxy, slow_proxy
from tests.waiting import wait_for

__all__ = ["data"]

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

RATE = 2_000_000.0
KEYSPACE = "blobs"


@pytest.fixture
def proxy(world: World) -> Iterator[SlowProxy]:
    with slow_proxy(world.layout.s3, RATE) as found:
        yield found


def begin(world: World, proxy: SlowProxy, name: str) -> str:
    add_rows(world)
    return world.begin(
        "backup",
        {
            "backup_name": name,
            "external_location": f"http://{proxy.address}/{s3.BUCKET}",
            "key_spaces": [KEYSPACE],
            "throttle": 0,
            "upload_parallelism": 3,
        },
    )


def sent(world: World) -> float:
    nodes = world.read("/v1/backup/status")["nodes"].values()
    return sum(node["progress"].get("bytes_done") or 0 for node in nodes if node["phase"] == "Upload")


def rates(world: World) -> list[float]:
    """Of the nodes that upload, as far as they are known."""
    nodes = world.read("/v1/backup/status")["nodes"].values()
    return [rate for node in nodes if node["phase"] == "Upload" and (rate := node["progress"].get("rate"))]


def test_it_goes_on_says_its_rate_and_is_complete(world: World, proxy: SlowProxy) -> None:
    identifier = begin(world, proxy, "slow")
    wait_for("all nodes upload", lambda: len(uploading(world)) == 3, 60.0)
    wait_for("a rate is told", lambda: bool(rates(world)), 20.0)
    told = rates(world)
    assert max(told) < 3 * RATE, told
    with proxy.stalled():
        before = sent(world)
        # Hung for longer than a report takes: the nodes serve meanwhile.
        time.sleep(5.0)
        assert sent(world) - before < 3_000_000
        assert len(world.read("/v1/connection")["nodes"]) == world.layout.nodes
    proxy.rate = 50 * RATE
    status = world.wait_ended("backup", 120.0)
    assert (status["id"], status["state"]) == (identifier, "COMPLETE"), status
    assert all(node["failures"] == 0 for node in status["nodes"].values()), status


def test_it_is_stopped_within_seconds_though_s3_hangs(world: World, proxy: SlowProxy) -> None:
    begin(world, proxy, "hung")
    wait_for("all nodes upload", lambda: len(uploading(world)) == 3, 60.0)
    with proxy.stalled():
        assert world.put("/v1/backup/stop")[0] == 202
        assert world.wait_ended("backup", 60.0)["state"] == "STOPPED"
    assert jobs(world) == {}
    assert not snapshots(world)
    assert len(world.read("/v1/connection")["nodes"]) == world.layout.nodes
