"""A large state in a real ZooKeeper: bytes a node, seconds to load and decode, printed as one JSON document.

`python -m bench.stored_state [nodes]`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import large
from devcluster import processes, zookeeper
from devcluster.bundles import Bundles
from devcluster.checks import ROOT
from devcluster.java import find_home
from devcluster.layout import Address
from devcluster.processes import ProcessTable
from scheduler.core.state import codec, record_kinds
from scheduler.storage.zookeeper import ZooKeeper, ZooKeeperStore
from tests.ports import free_port


@contextmanager
def server() -> Iterator[str]:
    """Yield host:port of a ZooKeeper server of its own."""
    java_home = find_home()
    if java_home is None:
        raise SystemExit("no JDK 17; ./dev bench installs one")
    bundles = Bundles(ROOT / ".dev" / "bundles")
    bundles.build(java_home, lambda _: None)
    address = Address("127.0.0.1", free_port())
    with tempfile.TemporaryDirectory() as directory:
        table = ProcessTable(Path(directory))
        command = zookeeper.prepare(java_home / "bin" / "java", bundles.zookeeper, address, Path(directory) / "zk")
        process = table.start("zookeeper", command, dict(os.environ))
        table.wait_ready("zookeeper", lambda: zookeeper.is_serving(address), 30.0)
        try:
            yield str(address)
        finally:
            processes.stop([process], 10.0)


def connect(hosts: str) -> ZooKeeper:
    """Return a session."""
    connection = ZooKeeper(hosts, "/dcos-service-bench", 10.0, lambda: None)
    connection.connect(15.0)
    return connection


def measure(nodes: int) -> dict[str, float]:
    """Write the state, then load it over a session of its own."""
    writes = {record_kinds.path_of(large.running(i)): codec.encode_record(large.running(i)) for i in range(nodes)}
    size = sum(len(content) for content in writes.values())
    configuration = large.configuration(nodes)
    first = {
        record_kinds.path_of(configuration): codec.encode_record(configuration),
        record_kinds.TARGET: codec.encode_record(record_kinds.Target(configuration.id)),
    }
    with server() as hosts:
        writer = connect(hosts)
        store = ZooKeeperStore(writer)
        store.load()
        store.commit(first)
        for name, content in writes.items():
            store.commit({name: content})
        writer.close()
        reader = connect(hosts)
        began = time.perf_counter()
        stored = codec.load(ZooKeeperStore(reader).load())
        seconds = time.perf_counter() - began
        reader.close()
    assert len(stored.nodes) == nodes
    return {"nodes": nodes, "bytes_a_node": size // nodes, "load_and_decode_s": round(seconds, 3)}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1000), indent=2))
