"""A browser, and servers of the page with three and with a thousand nodes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from devcluster.layout import Address
from devcluster.requests import UnreachableError, get
from scheduler.security.tokens import Role
from tests.browsing import Visit, running_chromium, visit
from tests.ports import free_port
from tests.waiting import patient, wait_for

TOKENS = "".join(f"{role.word}s:{role.word}:{role.word}-token\n" for role in Role)


@dataclass
class Server:
    """A process that serves the page."""

    address: Address
    tokens: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{self.address}/ui/"

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Keep its processes from answering."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)


@contextmanager
def serve(directory: Path, nodes: int) -> Iterator[Server]:
    """Run a server of that many nodes."""
    for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
        (directory / name).touch()
    tokens = directory / "tokens"
    tokens.write_text(TOKENS)
    address = Address("127.0.0.1", free_port())
    environment = {
        **os.environ, "NODES": str(nodes), "SEED_NODES": "3", "API_HOST": address.host, "API_PORT": str(address.port),
        "ARTIFACTS_DIR": str(directory), "MESOS_MASTER": "127.0.0.1:5050", "ZOOKEEPER_SERVERS": "127.0.0.1:2181",
        "API_TOKEN_FILE": str(tokens), "BACKUP_LOCATIONS": "s3://*",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.feature.page.serving"]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        wait_for("the page is served", lambda: _serves(address), 60)
        yield Server(address, tokens, process)
    finally:
        os.killpg(process.pid, signal.SIGCONT)
        process.terminate()
        process.wait(patient(30))


def _serves(address: Address) -> bool:
    try:
        return get(address, "/v1/health").status == 200
    except UnreachableError:
        return False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve three nodes."""
    with serve(tmp_path_factory.mktemp("three"), 3) as made:
        yield made


@pytest.fixture(scope="module")
def large_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a thousand nodes."""
    with serve(tmp_path_factory.mktemp("thousand"), 1000) as made:
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def admin(chromium: Browser, served: Server) -> Iterator[Visit]:
    """Log in with all rights."""
    made = visit(chromium, str(served.address))
    made.log_in(served.url, "admin-token")
    yield made
    made.context.close()
    assert made.problems == []
