"""One S3 server for all tests, a bucket for each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from executor.s3.store import Store
from tests.unit.executor.backup.faulty import Proxy, proxy_of
from tests.unit.executor.backup.s3_server import Server, running_server, store_at

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def bucket(server: Server) -> str:
    name = f"bucket-{next(_NUMBERS)}"
    server.make_bucket(name)
    return name


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with proxy_of(server) as proxy:
        yield proxy


@pytest.fixture
def store(server: Server, bucket: str, tmp_path: Path) -> Iterator[Store]:
    with store_at(server.location(bucket, "a/prefix"), tmp_path) as store:
        yield store
