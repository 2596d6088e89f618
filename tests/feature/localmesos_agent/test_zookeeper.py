"""The agent finds the leading master in a real ZooKeeper, and follows when another one leads."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from devcluster import java, processes, zookeeper
from devcluster.bundles import Bundles
from devcluster.checks import ROOT
from devcluster.layout import Address
from devcluster.processes import ProcessTable
from tests.feature.localmesos_agent.agent_process import AgentProcess, custom_task
from tests.feature.localmesos_agent.fake_master import FakeMaster
from tests.ports import free_port
from tests.waiting import patient, wait_for

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Address]:
    """A fresh ZooKeeper."""
    home = java.find_home()
    assert home is not None, "a JDK 17 is needed"
    bundles = Bundles(ROOT / ".dev" / "bundles")
    bundles.build(home, print)
    address = Address("127.0.95.1", free_port("127.0.95.1"))
    table = ProcessTable(tmp_path)
    command = zookeeper.prepare(home / "bin" / "java", bundles.zookeeper, address, tmp_path / "zookeeper")
    process = table.start("zookeeper", command, os.environ)
    try:
        table.wait_ready("zookeeper", lambda: zookeeper.is_serving(address), 30.0)
        yield address
    finally:
        processes.stop([process], 10.0)


@pytest.fixture
def client(server: Address) -> Iterator[KazooClient]:
    client = KazooClient(str(server))
    client.start(timeout=patient(10))
    yield client
    client.stop()
    client.close()


def announce(client: KazooClient, master: FakeMaster) -> str:
    """Announce a master as Mesos does; the znode's path."""
    ip, port = master.address.split(":")
    info = {"address": {"hostname": ip, "ip": ip, "port": int(port)}, "id": "m", "port": int(port)}
    client.ensure_path("/mesos")
    path = client.create("/mesos/json.info_", json.dumps(info).encode(), ephemeral=True, sequence=True)
    return str(path)


def test_agent_follows_the_leader(server: Address, client: KazooClient, master: FakeMaster, tmp_path: Path) -> None:
    second = FakeMaster()
    agent = AgentProcess(tmp_path / "work", f"zk://{server}/mesos")
    try:
        wait_for("the agent to look for a master", lambda: "no master leads at /mesos" in agent.log())
        first = announce(client, master)
        master.registration(15)
        announce(client, second)
        master.send("RUN_TASK", custom_task())
        master.update("TASK_RUNNING")
        assert second.registrations.empty()

        client.delete(first)
        registration = second.registration(15)
        assert [task["state"] for task in registration["tasks"]] == ["TASK_RUNNING"]
    finally:
        agent.stop()
        second.close()
