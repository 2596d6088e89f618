"""A real ZooKeeper server as the local cluster runs it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from devcluster import java, processes, zookeeper
from devcluster.bundles import Bundles
from devcluster.checks import ROOT
from devcluster.layout import Address
from devcluster.processes import ProcessTable, StartError
from tests.waiting import patient

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper]


@pytest.fixture(scope="module")
def java_home() -> Path:
    home = java.find_home()
    assert home is not None, "a JDK 17 is needed"
    return home


@pytest.fixture(scope="module")
def jars(java_home: Path) -> Path:
    bundles = Bundles(ROOT / ".dev" / "bundles")
    bundles.build(java_home, print)
    return bundles.zookeeper


@pytest.fixture
def address() -> Address:
    with socket.create_server(("127.0.94.1", 0)) as probe:
        return Address("127.0.94.1", probe.getsockname()[1])


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ProcessTable]:
    table = ProcessTable(tmp_path)
    yield table
    processes.stop([found for name in table.names() if (found := table.find(name))], 10.0)


def start(table: ProcessTable, java_home: Path, jars: Path, address: Address) -> processes.Process:
    command = zookeeper.prepare(java_home / "bin" / "java", jars, address, table.directory / "zookeeper")
    process = table.start("zookeeper", command, os.environ)
    table.wait_ready("zookeeper", lambda: zookeeper.is_serving(address), 30.0)
    return process


def test_it_keeps_its_data_and_listens_on_one_port_alone(
    table: ProcessTable, java_home: Path, jars: Path, address: Address
) -> None:
    assert not zookeeper.is_serving(address)
    first = start(table, java_home, jars, address)
    assert listening(first.pid) == {f"{address.host}:{address.port}"}
    client = KazooClient(str(address))
    client.start(timeout=patient(10))
    client.create("/kept", b"value")
    client.stop()
    client.close()
    assert processes.stop([first], 10.0)
    start(table, java_home, jars, address)
    client = KazooClient(str(address))
    client.start(timeout=patient(10))
    assert client.get("/kept")[0] == b"value"
    client.stop()
    client.close()


def test_a_taken_port_is_told(table: ProcessTable, java_home: Path, jars: Path, address: Address) -> None:
    with socket.create_server((address.host, address.port)):
        command = zookeeper.prepare(java_home / "bin" / "java", jars, address, table.directory / "zookeeper")
        table.start("zookeeper", command, os.environ)
        with pytest.raises(StartError, match=r"(?s)zookeeper ended while starting.*Address already in use"):
            table.wait_ready("zookeeper", lambda: False, 30.0)


def listening(pid: int) -> set[str]:
    """The TCP addresses on which a process listens."""
    inodes = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                host, _, port = fields[1].partition(":")
                octets = bytes.fromhex(host[-8:])[::-1]
                found.add(f"{'.'.join(map(str, octets))}:{int(port, 16)}")
    return found
