"""The processor time of one short command of `cassandra-mesos`, most of which is its start, as one JSON document."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

from bench.api_reads import Api, server
from tests.ports import free_port

TIMES = 11


def command_s(url: str) -> float:
    """Return the processor time of one command, in seconds."""
    before = os.times()
    subprocess.run([sys.executable, "-m", "cli", "--url", url, "seeds"], check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Measure and print."""
    api = Api(free_port())
    with server(3, api, {"API_TRUST_ROUTER": "true"}):
        times = [command_s(f"http://127.0.0.1:{api.port}") for _ in range(TIMES)]
    print(json.dumps({"processor_s": round(statistics.median(times), 3)}, indent=2))


if __name__ == "__main__":
    main()
