"""An S3 that hangs for longer than the client's read time-out, in the middle of a backup."""

from __future__ import annotations

import os
import time

import pytest

from devcluster import s3
from executor.s3.client import Patience
from tests.chaos.conftest import Ring
from tests.chaos.works import BLOB, BLOBS
from tests.slow_proxy import slow_proxy
from tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.cassandra, pytest.mark.timeout(600)]

_RATE = 500_000.0
_HANG_SECONDS = Patience().read_seconds + 10.0


def test_a_backup_outlives_an_s3_that_hangs(ring: Ring) -> None:
    """What was not answered is sent again by the same jobs; none fails, and no node is down for it."""
    world = ring.world
    with world.cql() as session:
        insert = session.prepare("INSERT INTO work.blobs (id, body) VALUES (uuid(), ?)")
        for _ in range(BLOBS):
            session.execute(insert, (os.urandom(BLOB),))
    with slow_proxy(world.layout.s3, _RATE) as proxy, ring.client.writing():
        location = f"http://{proxy.address}/{s3.BUCKET}"
        body = {"backup_name": "hung", "external_location": location, "key_spaces": ["work"], "throttle": 0}
        identifier = world.begin("backup", body)

        def sent() -> float:
            nodes = world.read("/v1/backup/status")["nodes"].values()
            return sum(node["progress"].get("bytes_done") or 0 for node in nodes if node["phase"] == "Upload")

        wait_for("a node uploads", lambda: sent() > 0, 60.0)
        with proxy.stalled():
            deadline = time.monotonic() + _HANG_SECONDS
            while time.monotonic() < deadline:
                assert len(world.read("/v1/connection")["nodes"]) == world.layout.nodes
                time.sleep(1.0)
        proxy.rate = 100 * _RATE
        status = world.wait_ended("backup", 180.0)
    assert (status["id"], status["state"]) == (identifier, "COMPLETE"), status
    assert all(node["failures"] == 0 for node in status["nodes"].values()), status
    ring.client.check()
