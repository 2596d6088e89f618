"""API reads of a large cluster at a steady rate while cycles run: latencies, printed as one JSON document.

Open loop: a request is due at its time whether or not those before it were answered, and its latency counts from
then, so that a server that stalls is not forgiven. `python -m bench.api_reads [nodes] [rate] [seconds]`.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import queue
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.ports import free_port

CLIENTS = 8
PATHS = ("/v1/plan", "/v1/connection", "/v1/nodes/list", "/v1/nodes/node-7/info", "/v1/seeds", "/v1/health")


@dataclass(frozen=True)
class Api:
    """One API on this machine: how to connect, and the headers of each request."""

    port: int
    tls: ssl.SSLContext | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection that is not open yet."""
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=self.tls)

    def read(self, connection: http.client.HTTPConnection, path: str) -> int:
        """GET a path and return the status."""
        connection.request("GET", path, headers=dict(self.headers))
        response = connection.getresponse()
        response.read()
        return response.status


@contextmanager
def server(nodes: int, api: Api, settings: Mapping[str, str], module: str = "bench.api_server") -> Iterator[int]:
    """Run a module that serves that many nodes with these settings; yield its process id."""
    with tempfile.TemporaryDirectory() as directory:
        for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
            (Path(directory) / name).touch()
        environment = {
            **os.environ, "NODES": str(nodes), "SEED_NODES": "3", "API_HOST": "127.0.0.1", "API_PORT": str(api.port),
            "ARTIFACTS_DIR": directory, "MESOS_MASTER": "127.0.0.1:5050", "ZOOKEEPER_SERVERS": "127.0.0.1:2181",
            **settings,
        }  # fmt: skip
        process = subprocess.Popen([sys.executable, "-m", module], env=environment)
        try:
            wait_until_it_serves(api)
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)


def wait_until_it_serves(api: Api) -> None:
    """Wait until the API has a snapshot.

    Raises:
        TimeoutError: it has none after 30 s.
    """
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if api.read(api.connect(), "/v1/health") == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the API did not serve within 30 s")


def measure(api: Api, rate: int, seconds: int, keep: bool = True) -> tuple[list[float], int]:
    """Return the latencies in seconds, sorted, and the number of answers other than 200.

    Without `keep` each request has a connection of its own.
    """
    due: queue.SimpleQueue[tuple[float, str] | None] = queue.SimpleQueue()
    latencies: list[float] = []
    wrong: list[int] = []

    def work() -> None:
        connection = api.connect()
        while (item := due.get()) is not None:
            at, path = item
            status = api.read(connection, path)
            latencies.append(time.perf_counter() - at)
            if status != 200:
                wrong.append(status)
            if not keep:
                connection.close()  # it opens again by itself
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    for number in range(rate * seconds):
        at = began + number / rate
        time.sleep(max(0.0, at - time.perf_counter()))
        due.put((at, PATHS[number % len(PATHS)]))
    for _ in threads:
        due.put(None)
    for thread in threads:
        thread.join()
    return sorted(latencies), len(wrong)


def percentile(values: list[float], percent: float) -> float:
    """Return the value below which that many percent lie; `values` are sorted."""
    return values[min(len(values) - 1, math.ceil(len(values) * percent / 100) - 1)]


def memory_mb(pid: int) -> int:
    """Return the resident memory of gunicorn's worker (the only child)."""
    (worker,) = psutil.Process(pid).children()
    return int(worker.memory_info().rss) >> 20


def processor_s(pid: int) -> float:
    """Return the processor time that gunicorn's worker has used, in seconds."""
    (worker,) = psutil.Process(pid).children()
    times = worker.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    """Measure and print."""
    arguments = [int(value) for value in sys.argv[1:4]]
    nodes, rate, seconds = arguments + [1000, 200, 15][len(arguments) :]
    api = Api(free_port())
    with server(nodes, api, {"API_TRUST_ROUTER": "true"}) as pid:
        measure(api, rate, 3)  # warm-up
        latencies, wrong = measure(api, rate, seconds)
        result = {
            "nodes": nodes,
            "requests_per_second": rate,
            "requests": len(latencies),
            "not_200": wrong,
            "p50_ms": round(percentile(latencies, 50) * 1000, 2),
            "p99_ms": round(percentile(latencies, 99) * 1000, 2),
            "max_ms": round(latencies[-1] * 1000, 2),
            "worker_memory_mb": memory_mb(pid),
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
