"""A real ZooKeeper server for the contract tests, one for all of them; tests keep apart by their roots."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devcluster import processes, zookeeper
from devcluster.bundles import Bundles
from devcluster.java import find_home
from devcluster.layout import Address
from devcluster.processes import ProcessTable
from tests.ports import free_port
from tests.waiting import patient

ROOT = Path(__file__).parents[2]
# The longest that the server grants: it outlives any pause of the machine in a test that is not about its end.
SESSION_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """The server's process: it can be hung, woken, killed and started."""

    table: ProcessTable
    address: Address
    command: list[str]

    @property
    def hosts(self) -> str:
        """host:port for clients."""
        return str(self.address)

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.table.start("zookeeper", self.command, dict(os.environ))
        self.table.wait_ready("zookeeper", lambda: zookeeper.is_serving(self.address), patient(30))

    def kill(self) -> None:
        """Send SIGKILL and wait."""
        process = self.table.find("zookeeper")
        assert process is not None
        processes.send(process, signal.SIGKILL)
        assert processes.wait_ended([process], patient(10))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """ZooKeeper, running."""
    directory = tmp_path_factory.mktemp("zookeeper")
    java_home = find_home()
    assert java_home is not None, "no JDK 17; ./dev test installs one"
    bundles = Bundles(ROOT / ".dev" / "bundles")
    bundles.build(java_home, lambda _: None)
    address = Address("127.0.0.1", free_port())
    command = zookeeper.prepare(java_home / "bin" / "java", bundles.zookeeper, address, directory / "zk")
    made = Server(ProcessTable(directory), address, command)
    made.start()
    try:
        yield made
    finally:
        process = made.table.find("zookeeper")
        if process is not None:
            processes.stop([process], patient(10))


@pytest.fixture
def running(server: Server) -> Server:
    """ZooKeeper, started again if the test before had killed it."""
    if server.table.find("zookeeper") is None:
        server.start()
    return server
