"""Fixtures of the features: the contract tests' ZooKeeper, schedulers that use it, and jobs on a module's ring."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from tests.contract.conftest import SESSION_SECONDS, Server, running, server
from tests.feature.backup_jobs import Bucket, Operator, serve_bucket
from tests.feature.cassandra_ring import Ring, RingNode
from tests.feature.scheduler_process import Make, Scheduler
from tests.ports import free_port
from tests.waiting import patient

__all__ = ["running", "server"]


@pytest.fixture
def make(running: Server, tmp_path: Path) -> Iterator[Make]:
    made: list[Scheduler] = []
    for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
        (tmp_path / name).write_bytes(b"")
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    service = f"s{uuid.uuid4().hex[:12]}"

    def build(**settings: str) -> Scheduler:
        environment = {
            **inherited,
            "SERVICE_NAME": service,
            "API_HOST": "127.0.0.1",
            "API_PORT": str(free_port()),
            "ZOOKEEPER_SERVERS": running.hosts,
            "ZOOKEEPER_SESSION_TIMEOUT_S": f"{SESSION_SECONDS:.0f}",
            "MESOS_MASTER": f"127.0.0.1:{free_port()}",
            "ARTIFACTS_DIR": str(tmp_path),
            "API_TRUST_ROUTER": "true",
            **settings,
        }
        made.append(Scheduler(environment, tmp_path / f"scheduler-{len(made)}.log"))
        return made[-1]

    yield build
    for scheduler in made:
        scheduler.stop()


@pytest.fixture
def zookeeper(running: Server) -> Iterator[KazooClient]:
    client = KazooClient(running.hosts)
    client.start(timeout=patient(15))
    yield client
    client.stop()
    client.close()


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    """Run an S3 server with an empty bucket."""
    with serve_bucket() as bucket:
        yield bucket


@pytest.fixture(scope="module")
def node(ring: Ring) -> RingNode:
    """Return the first node of the module's ring."""
    return ring.nodes[0]


@pytest.fixture(scope="module")
def operator(ring: Ring, bucket: Bucket) -> Operator:
    """Return an operator of the module's ring, without a login."""
    return Operator(ring, bucket)
