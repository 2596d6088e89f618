"""CQL with TLS against CQL in plain text, on one real node that accepts both; printed as one JSON document.

`python -m bench.cql_tls [requests]`. Both clients take turns in one process beside the node, with the same number of
requests at once, half of them writes. The client's own TLS takes its time from the same processors.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, ResponseFuture, Session
from cassandra.policies import WhiteListRoundRobinPolicy

from bench.api_reads import percentile
from tests.cluster.world import World, deployed, make_layout

NETWORK = "127.0.4"
TURNS = 4
AT_ONCE = 32
VALUE = "x" * 500


@dataclass
class Turn:
    """What one client measured: seconds of each request, of all, and of the node's processor."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    node_processor_s: float = 0.0

    def add(self, other: Turn) -> None:
        """Add what another turn measured."""
        self.latencies += other.latencies
        self.seconds += other.seconds
        self.node_processor_s += other.node_processor_s


@contextmanager
def connected(address: str, port: int, tls: ssl.SSLContext | None) -> Iterator[Session]:
    """Open a session with the node."""
    profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([address]), request_timeout=60.0)
    cluster = Cluster(
        [address], port=port, ssl_context=tls, protocol_version=5, execution_profiles={EXEC_PROFILE_DEFAULT: profile}
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def measure(session: Session, node: psutil.Process, requests: int) -> Turn:
    """Send the requests, AT_ONCE of them at a time."""
    insert = session.prepare("INSERT INTO bench.rows (id, text) VALUES (?, ?)")
    select = session.prepare("SELECT text FROM bench.rows WHERE id = ?")
    turn = Turn()
    free = threading.Semaphore(AT_ONCE)
    failures: deque[Any] = deque()

    def send(number: int) -> None:
        due = time.perf_counter()
        statement, values = (insert, (number, VALUE)) if number % 2 else (select, (number,))

        def done(_: object) -> None:
            turn.latencies.append(time.perf_counter() - due)
            free.release()

        def failed(error: object) -> None:
            failures.append(error)
            free.release()

        future: ResponseFuture = session.execute_async(statement, values)
        future.add_callbacks(done, failed)

    processor, begun = sum(node.cpu_times()[:2]), time.perf_counter()
    for number in range(requests):
        free.acquire()
        send(number)
    for _ in range(AT_ONCE):
        free.acquire()
    turn.seconds = time.perf_counter() - begun
    turn.node_processor_s = sum(node.cpu_times()[:2]) - processor
    if failures:
        raise SystemExit(f"{len(failures)} requests failed, the first one: {failures[0]}")
    return turn


def compare(world: World, requests: int) -> dict[str, float]:
    """Let both clients take turns; return the figures."""
    address = world.read("/v1/connection")["nodes"][0].partition(":")[0]
    port = world.layout.node_ports.native_transport
    authorities = "".join(item["certificate"] for item in world.read("/v1/certificates")["authorities"])
    (pid,) = world.cassandras()
    node = psutil.Process(pid)
    tls = ssl.create_default_context(cadata=authorities)
    turns = {"plain": Turn(), "tls": Turn()}
    with connected(address, port, None) as plain, connected(address, port, tls) as encrypted:
        plain.execute("CREATE KEYSPACE bench WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        plain.execute("CREATE TABLE bench.rows (id int PRIMARY KEY, text text)")
        sessions = {"plain": plain, "tls": encrypted}
        for session in sessions.values():  # warm-up
            measure(session, node, requests)
        for turn in range(TURNS):
            for name in sorted(sessions, reverse=bool(turn % 2)):
                turns[name].add(measure(sessions[name], node, requests))
    return figures(turns["plain"], turns["tls"])


def figures(plain: Turn, tls: Turn) -> dict[str, float]:
    """Return throughput, latencies and the node's processor time of both, and the ratios."""
    found: dict[str, float] = {}
    for name, turn in (("plain", plain), ("tls", tls)):
        turn.latencies.sort()
        found[f"{name}_requests_s"] = round(len(turn.latencies) / turn.seconds)
        found[f"{name}_p50_ms"] = round(percentile(turn.latencies, 50) * 1000, 2)
        found[f"{name}_p99_ms"] = round(percentile(turn.latencies, 99) * 1000, 2)
        found[f"{name}_node_processor_ms"] = round(turn.node_processor_s / len(turn.latencies) * 1000, 3)
    found["throughput_ratio"] = round(found["tls_requests_s"] / found["plain_requests_s"], 2)
    found["node_processor_ratio"] = round(found["tls_node_processor_ms"] / found["plain_node_processor_ms"], 2)
    return found


def main() -> None:
    """Measure and print."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    os.environ["SECURITY_TRANSPORT_ENCRYPTION"] = "optional"
    # A local cluster's Java compiles for a quick start, without the processor's own AES.
    os.environ["CASSANDRA_JVM_OPTIONS"] = "-XX:TieredStopAtLevel=4"
    with tempfile.TemporaryDirectory() as name, deployed(make_layout(Path(name) / "tls", 1, NETWORK)) as world:
        result = compare(world, requests)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
