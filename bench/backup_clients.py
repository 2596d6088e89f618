"""Steady clients of a cluster, API or CQL, for some seconds: prints every latency in ms, by kind of request.

`python -m bench.backup_clients api|cql SECONDS` with API_URL, API_TOKEN, CONTACT in the environment. Open loop: a
request is due at its time whether or not those before it were answered, and its latency counts from then.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import WhiteListRoundRobinPolicy

KEY_SPACE, TABLE, ROWS = "bench", "small", 10_000
API_RATE, CQL_RATE = 50, 200
WARM_UP_SECONDS = 2
_PATHS = ("/v1/plan", "/v1/nodes/list", "/v1/nodes/node-0/info", "/v1/backup/status", "/v1/connection")
_THREADS = 4

Latencies = dict[str, list[float]]


def connect(contact: str) -> Cluster:
    """Return a cluster whose session uses that node alone."""
    policy = WhiteListRoundRobinPolicy([contact])
    profile = ExecutionProfile(load_balancing_policy=policy, consistency_level=ConsistencyLevel.ONE)
    profiles = {EXEC_PROFILE_DEFAULT: profile}
    return Cluster([contact], execution_profiles=profiles, protocol_version=5, connect_timeout=30.0)


def steadily(rate: int, seconds: int, ask: Callable[[float], object]) -> None:
    """Call `ask` at each due time, with that time."""
    began = time.perf_counter()
    for number in range(rate * seconds):
        due = began + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        ask(due)


def api(seconds: int) -> Latencies:
    """Read from the API on connections that are kept."""
    latencies: Latencies = defaultdict(list)
    own = threading.local()
    host = urlsplit(os.environ["API_URL"]).netloc
    headers = {"Authorization": f"token={os.environ['API_TOKEN']}"}

    def ask(path: str) -> int:
        own.connection.request("GET", path, headers=headers)
        response = own.connection.getresponse()
        response.read()
        return int(response.status)

    def read(due: float) -> None:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(host, timeout=10)
        path = random.choice(_PATHS)
        try:
            status = ask(path)
        except (http.client.RemoteDisconnected, ConnectionError):
            # The server has ended a connection that had been idle; the next request opens it again.
            own.connection.close()
            status = ask(path)
        assert status == 200, f"{path}: {status}"
        latencies["api"].append((time.perf_counter() - due) * 1000)

    with ThreadPoolExecutor(_THREADS) as pool:
        futures = []
        steadily(API_RATE, seconds, lambda due: futures.append(pool.submit(read, due)))
        for future in futures:
            future.result()
    return latencies


def cql(seconds: int, session: Session) -> Latencies:
    """Send as many reads as writes of single rows."""
    latencies: Latencies = defaultdict(list)
    read = session.prepare(f"SELECT value FROM {KEY_SPACE}.{TABLE} WHERE id = ?")
    write = session.prepare(f"INSERT INTO {KEY_SPACE}.{TABLE} (id, value) VALUES (?, ?)")
    failures: list[object] = []
    open_requests = threading.Semaphore(0)

    def answered(kind: str, due: float, _rows: object) -> None:
        latencies[kind].append((time.perf_counter() - due) * 1000)
        open_requests.release()

    def failed(error: object) -> None:
        failures.append(error)
        open_requests.release()

    def ask(due: float) -> None:
        row = random.randrange(ROWS)
        if random.random() < 0.5:
            future = session.execute_async(read, (row,))
            future.add_callbacks(partial(answered, "read", due), failed)
        else:
            future = session.execute_async(write, (row, f"{row} {due}"))
            future.add_callbacks(partial(answered, "write", due), failed)

    steadily(CQL_RATE, seconds, ask)
    for _ in range(CQL_RATE * seconds):
        assert open_requests.acquire(timeout=30)
    if failures:
        raise SystemExit(f"{len(failures)} requests failed; the first one: {failures[0]}")
    return latencies


def main() -> None:
    """Warm up, measure and print."""
    kind, seconds = sys.argv[1], int(sys.argv[2])
    if kind == "api":
        api(WARM_UP_SECONDS)
        found = api(seconds)
    else:
        cluster = connect(os.environ["CONTACT"])
        try:
            session = cluster.connect()
            cql(WARM_UP_SECONDS, session)
            found = cql(seconds, session)
        finally:
            cluster.shutdown()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
