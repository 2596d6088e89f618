"""Backup and restore of one node's files, sealed and in plain text, in turn on the same local S3 server.

Figures are medians of rounds in which each is first in turn; ratios are of throughput, sealed to plain. Printed as one
JSON document: `python -m bench.backup_sealed [gigabytes] [files] [rounds]`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench import backup_data, s3_server
from bench.backup import Bench, turned

SEALED, PLAIN = "sealed", "plain"


def both(bench: Bench, how: str) -> None:
    """Measure an upload to an empty server and the download of what it sent."""
    more = (SEALED,) if how == SEALED else ()
    with bench.server() as server, bench.own_scratch() as scratch:
        for action in ("upload", "download"):
            arguments = (action, server.endpoint, str(bench.data), str(scratch), *more)
            bench.note(f"{how} {action}", bench.python("bench.backup_own", *arguments), server)


def compare(bench: Bench, rounds: int) -> dict[str, Any]:
    """Let both take turns and return the figures."""
    calls: list[Callable[[], object]] = [lambda: both(bench, PLAIN), lambda: both(bench, SEALED)]
    for number in range(rounds):
        for call in turned(calls, number):
            call()
    megabytes = bench.results["plain upload"][0]["bytes"] / 1e6
    figures: dict[str, Any] = {"bytes": bench.results["plain upload"][0]["bytes"]}
    for action in ("upload", "download"):
        for how in (PLAIN, SEALED):
            found = bench.results[f"{how} {action}"]
            figures[f"{how}_{action}_mb_s"] = round(megabytes / bench.seconds(f"{how} {action}"), 1)
            processor = median(item["processor_seconds"] for item in found)
            figures[f"{how}_{action}_processor_s_gb"] = round(processor / megabytes * 1000, 2)
            figures[f"{how}_{action}_memory_mb"] = max(item["memory_mb"] for item in found)
        pairs = zip(bench.results[f"{PLAIN} {action}"], bench.results[f"{SEALED} {action}"], strict=True)
        figures[f"{action}_ratio"] = round(median(plain["seconds"] / sealed["seconds"] for plain, sealed in pairs), 2)
    return figures


def main() -> None:
    """Measure and print."""
    arguments = [float(value) for value in sys.argv[1:4]]
    size, files, rounds = [*arguments, *[5.0, 2000.0, 3.0][len(arguments) :]]
    s3_server.program()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_SCRATCH")) as name:
        directory = Path(name)
        data, scratch = directory / "data", directory / "scratch"
        scratch.mkdir()
        backup_data.make(data, int(size * 1e9), int(files))
        with s3_server.objects_directory(int(size * 1e9), directory) as objects:
            print(json.dumps(compare(Bench(data, scratch, objects), int(rounds)), indent=2))


if __name__ == "__main__":
    main()
