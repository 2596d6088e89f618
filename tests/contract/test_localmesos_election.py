"""The election of localmesos' masters in a real ZooKeeper: what it writes there, and what becomes of a lost session."""

import json
import select
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from kazoo.client import KazooClient
from kazoo.protocol.states import ZnodeStat

from tests.contract.conftest import Server
from tests.contract.mesos.client import request
from tests.contract.mesos.processes import Cluster, leads
from tests.ports import free_port
from tests.waiting import patient, wait_for

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper]

SESSION_SECONDS = 4
# Longer than any machine takes to start ZooKeeper.
LONG_SESSION_SECONDS = 60


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    """A place of each test's own in ZooKeeper."""
    return f"/election/{request.node.name}"


@pytest.fixture
def session_seconds() -> int:
    """The session's timeout that the master asks for."""
    return SESSION_SECONDS


@pytest.fixture
def cluster(tmp_path: Path, running: Server, path: str, session_seconds: int) -> Iterator[Cluster]:
    """A master that leads."""
    zk = ("--zk", f"zk://{running.hosts}{path}", "--zk-session-timeout", f"{session_seconds}secs")
    cluster = Cluster(tmp_path, zk)
    try:
        cluster.start_master()
        wait_for("the master leads", lambda: leads(cluster.master_ip, cluster.master_port), 20)
        yield cluster
    finally:
        cluster.stop()


def log(cluster: Cluster) -> str:
    return (cluster.directory / "master.log").read_text()


def contender(running: Server, path: str) -> tuple[str, bytes, ZnodeStat]:
    """The name, data and state of the only master's znode."""
    client = KazooClient(running.hosts)
    client.start(timeout=patient(10))
    try:
        (name,) = client.get_children(path)
        return (name, *client.get(f"{path}/{name}"))
    finally:
        client.stop()
        client.close()


def is_connected(cluster: Cluster, running: Server) -> bool:
    """Whether the master's process has a connection to ZooKeeper."""
    connections = psutil.Process(cluster.processes["master"].pid).net_connections("tcp")
    return any(
        item.status == psutil.CONN_ESTABLISHED and item.raddr.port == running.address.port for item in connections
    )


def test_what_mesos_libraries_read(cluster: Cluster, running: Server, path: str) -> None:
    name, data, stat = contender(running, path)
    info = json.loads(data)
    assert name == f"json.info_{0:010d}"
    assert stat.ephemeralOwner != 0
    assert info["address"] == {"hostname": "127.0.0.1", "ip": "127.0.0.1", "port": cluster.master_port}
    assert info["pid"] == f"master@127.0.0.1:{cluster.master_port}"
    assert info["ip"] == 16777343


def test_without_zookeeper_nobody_leads(tmp_path: Path) -> None:
    """503 until a leader is known, and SIGTERM ends the wait."""
    cluster = Cluster(tmp_path, ("--zk", f"zk://127.0.0.1:{free_port('127.0.0.1')}/mesos"))
    try:
        cluster.start_master()
        answer = request("GET", cluster.master_ip, cluster.master_port, "/state", {}, None)
        assert (answer.status, answer.text) == (503, "No leader elected")
        assert request("GET", cluster.master_ip, cluster.master_port, "/health", {}, None).status == 200
        cluster.signal("master", signal.SIGTERM)
        assert cluster.processes["master"].wait(patient(5)) == 0
    finally:
        cluster.stop()


def test_a_master_ends_when_zookeeper_stays_away(cluster: Cluster, running: Server) -> None:
    running.kill()
    assert cluster.processes["master"].wait(patient(SESSION_SECONDS + 15)) == 1
    assert "Lost the ZooKeeper session" in log(cluster)
    assert "Traceback" not in log(cluster)


@pytest.mark.parametrize("session_seconds", [LONG_SESSION_SECONDS])
def test_a_master_outlives_a_restart_of_zookeeper(cluster: Cluster, running: Server, path: str) -> None:
    session = contender(running, path)[2].ephemeralOwner
    running.kill()
    running.start()
    wait_for("the master is connected again", lambda: is_connected(cluster, running), 30)
    assert leads(cluster.master_ip, cluster.master_port)
    assert contender(running, path)[2].ephemeralOwner == session
    assert cluster.processes["master"].poll() is None


def test_a_master_that_slept_does_not_go_on_leading(cluster: Cluster) -> None:
    second = "127.0.0.1", free_port("127.0.0.1")
    cluster.start_another_master("master 2", *second)
    cluster.signal("master", signal.SIGSTOP)
    wait_for("the second master leads", lambda: leads(*second), SESSION_SECONDS + 20)
    cluster.signal("master", signal.SIGCONT)
    assert cluster.processes["master"].wait(patient(20)) == 1
    assert "Traceback" not in log(cluster)


@pytest.mark.parametrize("arrives", [True, False])
def test_a_connection_that_is_lost_while_joining(tmp_path: Path, running: Server, path: str, arrives: bool) -> None:
    """The node of the candidacy may have been made or not: the master joins again, and leads."""
    with _losing(running.hosts, b"json.info_", arrives) as (hosts, lost):
        cluster = Cluster(tmp_path, ("--zk", f"zk://{hosts}{path}", "--zk-session-timeout", f"{SESSION_SECONDS}secs"))
        try:
            cluster.start_master()
            wait_for("the master leads", lambda: leads(cluster.master_ip, cluster.master_port), 20)
            assert lost.is_set()
        finally:
            cluster.stop()


@contextmanager
def _losing(target: str, words: bytes, arrives: bool) -> Iterator[tuple[str, threading.Event]]:
    """A proxy that ends the first connection whose client sends these words, before or after they are passed on."""
    lost = threading.Event()

    def serve(client: socket.socket) -> None:
        host, port = target.split(":")
        with client, socket.create_connection((host, int(port))) as server:
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(65536)
                    ends = words in data and not lost.is_set()
                    if ends:
                        lost.set()
                    if not data or (ends and not arrives):
                        return
                    (server if source is client else client).sendall(data)
                    if ends:
                        return

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", lost
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
