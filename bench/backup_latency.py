"""Latencies of the API and of CQL while a real node is backed up with the default throttle, and while it is not.

One node, so that every request is answered by the one that sends its files; clients and the S3 server share the
machine's processors with it. Windows without and with a backup take turns; a figure is the median of the windows' 99th
percentiles. Printed as one JSON document: `python -m bench.backup_latency [rounds] [seconds]`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from cassandra.concurrent import execute_concurrent_with_args

from bench import backup_clients, s3_server
from bench.api_reads import percentile
from bench.backup_clients import KEY_SPACE, ROWS, TABLE, WARM_UP_SECONDS, Latencies
from devcluster import executors
from devcluster.checks import ROOT
from tests.cluster.world import World, make_layout, make_world
from tests.waiting import wait_for

NETWORK = "127.0.46"
_LARGE_BYTES = 1_500_000_000
_BLOB = 64 * 1024
_AT_ONCE = 200
_POLL_SECONDS = 1.0
# The S3 server represents one on another machine: it gets the processor time that the node leaves.
_NICENESS = 10


@dataclass
class Backups:
    """Backups one after another, each to a bucket's empty prefix, so that each sends everything."""

    world: World
    server: s3_server.Server
    executor: int
    number: int = 0
    sent_bytes: int = 0
    seconds: float = 0.0
    memory_mb: list[float] = field(default_factory=list)
    failure: BaseException | None = None

    def run(self, stop: threading.Event) -> None:
        """Back up until `stop` is set, and wait for the last one."""
        try:
            while not stop.is_set():
                self._one()
        except BaseException as error:  # noqa: BLE001 it is raised again by `running`
            self.failure = error

    def _one(self) -> None:
        self.number += 1
        place = f"{self.server.endpoint}/{s3_server.BUCKET}/{self.number}"
        secrets = {"s3_access_key": s3_server.KEY, "s3_secret_key": s3_server.SECRET}
        began = time.monotonic()
        self.world.begin("backup", {"backup_name": f"bench-{self.number}", "external_location": place, **secrets})
        while (status := self.world.read("/v1/backup/status"))["state"] not in ("COMPLETE", "ERROR", "STOPPED"):
            self.memory_mb.append(memory_mb(self.executor))
            time.sleep(_POLL_SECONDS)
        assert status["state"] == "COMPLETE", json.dumps(status, indent=1)
        self.seconds += time.monotonic() - began
        self.sent_bytes += sum(node["result"]["sent_bytes"] for node in status["nodes"].values())
        # The objects are in memory.
        shutil.rmtree(self.server.bucket / str(self.number))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run backups while this context is open."""
        stop = threading.Event()
        thread = threading.Thread(target=self.run, args=(stop,))
        thread.start()
        try:
            wait_for("a backup uploads", self._uploads, 60.0)
            yield
        finally:
            stop.set()
            thread.join()
        if self.failure is not None:
            raise self.failure

    def _uploads(self) -> bool:
        progress = self.world.read("/v1/backup/status")["progress"]
        return self.failure is not None or (
            progress.get("phase") == "Upload" and progress.get("sent_bytes_done", 0) > 0
        )


def executor_of(world: World) -> int:
    """Return the process id of the node's executor: the largest process of its sandbox that is not Cassandra."""
    nodes = world.cassandras()
    found = [item.pid for item in executors.find(world.layout.directory / "agents") if item.pid not in nodes]
    return max(found, key=memory_mb)


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process; 0 if it has ended."""
    with suppress(psutil.NoSuchProcess):
        return float(psutil.Process(pid).memory_info().rss) / (1 << 20)
    return 0.0


def fill(contact: str, size: int) -> None:
    """Make a small table that clients read and write, and a large one that backups send."""
    cluster = backup_clients.connect(contact)
    try:
        session = cluster.connect()
        session.execute(
            f"CREATE KEYSPACE {KEY_SPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        )
        session.execute(f"CREATE TABLE {KEY_SPACE}.{TABLE} (id int PRIMARY KEY, value text)")
        session.execute(
            f"CREATE TABLE {KEY_SPACE}.large (id int PRIMARY KEY, value blob)"
            " WITH compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': false}"
        )
        small = session.prepare(f"INSERT INTO {KEY_SPACE}.{TABLE} (id, value) VALUES (?, ?)")
        large = session.prepare(f"INSERT INTO {KEY_SPACE}.large (id, value) VALUES (?, ?)")
        rows = ((number, str(number)) for number in range(ROWS))
        execute_concurrent_with_args(session, small, rows, concurrency=64)
        for first in range(0, size // _BLOB, _AT_ONCE):
            blobs = [(first + number, os.urandom(_BLOB)) for number in range(_AT_ONCE)]
            execute_concurrent_with_args(session, large, blobs, concurrency=16)
    finally:
        cluster.shutdown()


def window(world: World, contact: str, seconds: int) -> Latencies:
    """Return the latencies of both kinds of clients, side by side."""
    environment = {**os.environ, "API_URL": world.layout.api_url, "API_TOKEN": world.token, "CONTACT": contact}
    clients = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.backup_clients", kind, str(seconds)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for kind in ("api", "cql")
    ]
    found: Latencies = {}
    for client in clients:
        output, _ = client.communicate(timeout=seconds + WARM_UP_SECONDS + 120)
        assert client.returncode == 0, client.returncode
        found |= json.loads(output)
    return found


def measure(world: World, backups: Backups, rounds: int, seconds: int) -> dict[str, Any]:
    """Measure windows by turns and return the figures."""
    contact = world.layout.agents[0].address.host
    found: dict[str, dict[str, list[float]]] = {"idle": defaultdict(list), "backup": defaultdict(list)}
    at_rest = memory_mb(backups.executor)
    for number in range(rounds):
        for name in ("idle", "backup") if number % 2 == 0 else ("backup", "idle"):
            if name == "idle":
                latencies = window(world, contact, seconds)
            else:
                with backups.running():
                    latencies = window(world, contact, seconds)
            for kind, values in latencies.items():
                found[name][kind].append(percentile(sorted(values), 99))
            brief = {kind: round(values[-1], 2) for kind, values in found[name].items()}
            print(f"{name}: p99 in ms {brief}", file=sys.stderr, flush=True)
    sent = round(backups.sent_bytes / 1e6 / backups.seconds, 1)
    result: dict[str, Any] = {"backups": backups.number, "sent_mb_s": sent}
    for kind in ("api", "read", "write"):
        idle, busy = (median(found[name][kind]) for name in ("idle", "backup"))
        result |= {f"{kind}_idle_p99_ms": round(idle, 2), f"{kind}_backup_p99_ms": round(busy, 2)}
        result[f"{kind}_ratio"] = round(busy / idle, 2)
    result["executor_memory_mb"] = round(max(backups.memory_mb) - at_rest, 1)
    return result


def main() -> None:
    """Measure and print."""
    arguments = [int(value) for value in sys.argv[1:3]]
    rounds, seconds = [*arguments, *[5, 20][len(arguments) :]]
    s3_server.program()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        world = make_world(make_layout(directory / "cluster", 1, NETWORK))
        try:
            world.start()
            world.wait_deployed()
            fill(world.layout.agents[0].address.host, _LARGE_BYTES)
            world.run("flush", {"nodes": ["*"]})
            with (
                s3_server.objects_directory(2 * _LARGE_BYTES, directory) as objects,
                s3_server.running(objects, _NICENESS) as server,
            ):
                result = measure(world, Backups(world, server, executor_of(world)), rounds, seconds)
        finally:
            world.stop()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
