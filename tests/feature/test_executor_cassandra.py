"""A real Cassandra under the executor, under a real agent."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from executor.figures import Figures
from executor.jmx.java_agent import attach
from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, JolokiaError
from tests.feature import executor_agent
from tests.feature.executor_agent import Node, running_node
from tests.waiting import wait_for

pytestmark = pytest.mark.cassandra

LAUNCH = replace(executor_agent.LAUNCH, options={"concurrent_reads": 8})


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with running_node(tmp_path, "127.0.2.1") as node:
        yield node


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _arguments(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def _wait_for_kept(volume: Path) -> list[str]:
    """The options of a start that uses all that the first one left, once it has."""

    def kept(name: str) -> list[Path]:
        return list(volume.glob(f"start/*/{name}"))

    wait_for("what the first start leaves", lambda: kept("classes.jsa") and kept("row-overhead"), 240)
    return [
        f"-Dcassandra.memtable.row_overhead_size={kept('row-overhead')[0].read_text().strip()}",
        f"-XX:SharedArchiveFile={kept('classes.jsa')[0]}",
    ]


def _open_to_others(sandbox: Path) -> list[Path]:
    """What Cassandra and its executor wrote and others can read."""
    written = [
        path for name in ("conf", "logs", "volume/data", "volume/commitlog") for path in (sandbox / name).rglob("*")
    ]
    assert written
    return [path for path in written if _mode(path) & 0o007]


def _mode(path: Path) -> int:
    """The mode; 0 of a file that a compaction has removed meanwhile."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0


def _only_what_the_executor_calls(node: Node) -> None:
    """The right password opens nothing else of JMX."""
    jolokia = node.jolokia()
    mode = Attribute(STORAGE_SERVICE, "OperationMode")
    assert jolokia.read([mode], 5) == {mode: "NORMAL"}
    refused = {
        "stopGossiping": STORAGE_SERVICE, "stopDaemon": STORAGE_SERVICE, "truncate": STORAGE_SERVICE,
        "vmSystemProperties": "com.sun.management:type=DiagnosticCommand",
        "dumpHeap": "com.sun.management:type=HotSpotDiagnostic", "loadClass": "java.util.logging:type=Logging",
    }  # fmt: skip
    for operation, mbean in refused.items():
        with pytest.raises(JolokiaError, match=r"not allowed|not permitted|[Ff]orbidden"):
            jolokia.execute(mbean, operation, [], 5)
    properties = Attribute("java.lang:type=Runtime", "SystemProperties")
    assert jolokia.read([properties], 5) == {}
    # A request for another server is answered by this one: Jolokia connects to none.
    elsewhere = {"url": "service:jmx:rmi:///jndi/rmi://127.0.0.1:1/jmxrmi"}
    heap = {"type": "read", "mbean": "java.lang:type=Memory", "attribute": "HeapMemoryUsage", "target": elsewhere}
    assert jolokia._call(heap, 5)["status"] == 200


def _figures(found: Figures | None) -> None:
    """What a Cassandra without any request reports; its reads and writes are figures once there was one."""
    assert found is not None
    assert (found.owns, found.dropped, found.hints, found.hinted_peers) == (1.0, {}, 0, 0)
    # Its own tables', just after the start; on a slow machine some of them wait.
    assert found.pending_compactions in range(50)
    assert found.heap_used_bytes is not None
    assert found.heap_max_bytes is not None
    assert 0 < found.heap_used_bytes < found.heap_max_bytes
    assert found.gc_count
    assert found.gc_millis
    assert found.disk_bytes


def test_life_of_a_node(node: Node) -> None:
    node.launch(LAUNCH, "t1", CASSANDRA_START_CACHE="")
    assert node.next_update("t1")["state"] == "TASK_STARTING"
    status = node.until("t1", mode="NORMAL", native_transport_running=True)
    assert (status.joined, status.gossip_running, status.token_count) == (True, True, 16)
    assert (status.data_center, status.rack, status.version) == ("dc1", "r1", "5.0.8")
    assert status.live == ("127.0.2.1",)
    assert status.pid is not None

    _only_what_the_executor_calls(node)
    assert _open_to_others(node.agent.sandbox()) == []
    assert not (node.agent.sandbox() / "conf" / "jolokia.properties").exists(), "the password is in no file"

    # Nothing is asked of peers that it never heard of; Cassandra has the map that our MBean looks into.
    jolokia = node.jolokia()
    assert jolokia.execute(attach(jolokia, "Echoes"), "forget", [["127.0.2.99"]], 5) == []

    reply = node.query("q1")
    assert (reply.id, reply.node, reply.task_id) == ("q1", "node-0", "t1")
    assert reply.status.host_id == status.host_id
    _figures(reply.status.figures)

    anyone = Jolokia("127.0.2.1", LAUNCH.ports.jolokia, "executor", "guessed")
    with pytest.raises(JolokiaError, match="answers 401"):
        anyone.execute(STORAGE_SERVICE, "drain", [], 5)

    node.agent.signal(signal.SIGKILL)
    node.agent.start()
    node.master.registration()
    wait_for("the executor to subscribe again", lambda: node.stderr().count("subscribed at agent") == 2)
    assert node.query("q2").status.pid == status.pid

    assert not [item for item in _arguments(status.pid) if "row_overhead_size" in item or "SharedArchive" in item]
    kept = _wait_for_kept(node.agent.sandbox() / "volume")

    node.kill("t1")
    killed = node.end("t1")
    assert (killed["state"], killed["message"]) == ("TASK_KILLED", "killed: drained, ended with exit code 143")
    node.exited()  # a restarted agent is no longer its parent and cannot know how it ended
    assert not _is_running(status.pid)

    node.launch(replace(LAUNCH, self_seed=False, seeds=("127.0.2.1",)), "t2", CASSANDRA_START_CACHE="")
    again = node.until("t2", mode="NORMAL", native_transport_running=True)
    assert again.host_id == status.host_id
    assert again.pid is not None
    tails = [item.rpartition("/")[2] for item in _arguments(again.pid)]  # each sandbox has its own path to the volume
    assert {item.rpartition("/")[2] for item in kept} <= set(tails)
    assert "/classes.jsa" in Path(f"/proc/{again.pid}/maps").read_text()

    os.kill(again.pid, signal.SIGKILL)
    failed = node.end("t2")
    assert failed["state"] == "TASK_FAILED"
    assert failed["message"].startswith("Cassandra ended with signal SIGKILL")
    assert node.exited() == 0


def test_options_that_cassandra_refuses_come_back_in_its_words(node: Node) -> None:
    node.launch(replace(LAUNCH, options={"no_such_option": 1}), "t1")
    failed = node.end("t1")
    assert failed["state"] == "TASK_FAILED"
    assert "no_such_option" in failed["message"]
    assert len(failed["message"]) <= 2048
    assert "\tat " not in failed["message"]
    assert node.exited() == 0


def test_java_options_that_java_refuses_come_back_in_its_words(node: Node) -> None:
    node.launch(replace(LAUNCH, jvm_options=("-XX:NoSuchOption=1",)), "t1")
    failed = node.end("t1")
    assert failed["state"] == "TASK_FAILED"
    assert "Cassandra ended with exit code 1" in failed["message"]
    assert "Unrecognized VM option 'NoSuchOption=1'" in failed["message"]


def test_g1_and_its_options_start(node: Node) -> None:
    node.launch(replace(LAUNCH, gc="G1"), "t1")
    status = node.until("t1", mode="NORMAL", native_transport_running=True)
    assert status.joined
    node.kill("t1")
    assert node.end("t1")["state"] == "TASK_KILLED"
