"""The views of the page at 1,000 nodes: how long each takes, printed as one JSON document.

`python -m bench.page [nodes]`. The cluster has a backup under way, and its cycles run in the same process.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from bench.api_reads import Api, memory_mb, server
from scheduler.loop.run import WORKING_SECONDS
from tests.feature.page.serving import VIEWS
from tests.ports import free_port

TIMES = 5
# Views share what they compute of one snapshot: each request gets the next one.
PAUSE_SECONDS = WORKING_SECONDS + 0.1


def best_ms(api: Api, view: str) -> float:
    """Return the shortest time of a few requests for a view, in milliseconds."""
    connection = api.connect()
    times = []
    for _ in range(TIMES):
        time.sleep(PAUSE_SECONDS)
        began = time.perf_counter()
        status = api.read(connection, f"/ui/{view}")
        times.append(time.perf_counter() - began)
        assert status == 200, (view, status)
    connection.close()
    return round(min(times) * 1000, 1)


def main() -> None:
    """Measure and print."""
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    api = Api(free_port())
    settings = {"API_TRUST_ROUTER": "true", "BACKUP_LOCATIONS": "s3://*"}
    with server(nodes, api, settings, "tests.feature.page.serving") as pid:
        views = {view: best_ms(api, view.removeprefix(".")) for view in VIEWS}
        result = {
            "nodes": nodes,
            "views_ms": views,
            "slowest_ms": max(views.values()),
            "median_ms": round(statistics.median(views.values()), 1),
            "worker_memory_mb": memory_mb(pid),
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
