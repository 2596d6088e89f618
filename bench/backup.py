"""Backup and restore of one node's 5 GB in 2,000 files, beside bare boto3 and cassandra-medusa, in one run.

Everything goes to the same local S3 server, emptied before each upload, with the files in the page cache; contenders
take turns in changing order, and figures are medians. Printed as one JSON document:
`python -m bench.backup [gigabytes] [files] [rounds]`.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import backup_data, backup_medusa, s3_server
from bench.s3_server import Server
from devcluster.checks import ROOT

THREADS = (4, 8, 16, 32)
TRANSFERS = (4, 8, 16)
# With its defaults medusa sends 50 MB/s at most, and needs minutes.
SLOW_ROUNDS = 1
NEW_SHARE = 0.01


@dataclass
class Bench:
    """One node's data, with a scratch directory."""

    data: Path
    scratch: Path
    objects: Path
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def run(self, *command: str | Path) -> dict[str, Any]:
        """Return the figures that a process prints."""
        before = processor_seconds()
        done = subprocess.run(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return {**found, "processor_seconds": round(processor_seconds() - before, 2)}

    def python(self, module: str, *arguments: str) -> dict[str, Any]:
        """Return the figures that one of our modules prints."""
        return self.run(sys.executable, "-m", module, *arguments)

    @contextmanager
    def server(self) -> Iterator[Server]:
        """Run an empty server."""
        backup_data.warm(backup_data.snapshot_paths(self.data))
        with s3_server.running(self.objects) as server:
            yield server

    def note(self, name: str, result: dict[str, Any], server: Server) -> dict[str, Any]:
        """Store a result and print it."""
        self.results.setdefault(name, []).append(result)
        print(f"{name}: {result} (server {server.processor_seconds():.1f} s)", file=sys.stderr, flush=True)
        return result

    def seconds(self, name: str) -> float:
        """Return the median."""
        return float(median(result["seconds"] for result in self.results[name]))

    # Uploads, each to an empty server.

    def bare_upload(self, threads: int, name: str) -> None:
        """Measure boto3's upload_file."""
        with self.server() as server:
            arguments = ("upload", server.endpoint, str(threads), str(self.data))
            self.note(name, self.python("bench.backup_bare", *arguments), server)

    def lean_upload(self, threads: int, name: str) -> None:
        """Measure the same without any checksum."""
        with self.server() as server:
            arguments = ("upload", server.endpoint, str(threads), str(self.data), "lean")
            self.note(name, self.python("bench.backup_bare", *arguments), server)

    def medusa_upload(self, tuned: Mapping[str, str], name: str) -> None:
        """Measure cassandra-medusa's upload."""
        python = backup_medusa.environment(ROOT / ".dev" / f"medusa-{backup_medusa.VERSION}")
        with self.server() as server:
            address, secrets = server.endpoint.removeprefix("http://"), (s3_server.KEY, s3_server.SECRET)
            ini = backup_medusa.configure(self.scratch, address, s3_server.BUCKET, secrets, tuned)
            command = (python, ROOT / "bench" / "backup_medusa.py", ini, self.data, backup_data.TAG)
            self.note(name, self.run(*command), server)

    def own_upload(self, name: str) -> None:
        """Measure our upload, which has never seen these files."""
        with self.server() as server, self.own_scratch() as scratch:
            self._own(name, server, scratch, "upload")

    # Measurements that begin with one of our backups.

    def after_a_backup(self, rounds: int) -> None:
        """Measure all downloads in changing order, then a second backup with a few new files."""
        with self.server() as server, self.own_scratch() as scratch:
            self._own("own before", server, scratch, "upload")
            for threads in THREADS[:3]:
                self._bare_download(server, threads, f"bare download {threads}")
            best = self.best("bare download", THREADS[:3])
            calls: list[Callable[[], object]] = [
                lambda: self._bare_download(server, best, "bare download"),
                lambda: self._own("own download", server, scratch, "download"),
            ]
            for number in range(rounds):
                for call in turned(calls, number):
                    call()
            self._add_new_data()
            self._own("own second", server, scratch, "upload")

    def _bare_download(self, server: Server, threads: int, name: str) -> None:
        with tempfile.TemporaryDirectory(dir=self.scratch) as target:
            arguments = ("download", server.endpoint, str(threads), target, "data/")
            self.note(name, self.python("bench.backup_bare", *arguments), server)

    def _own(self, name: str, server: Server, scratch: Path, action: str) -> None:
        arguments = (action, server.endpoint, str(self.data), str(scratch))
        self.note(name, self.python("bench.backup_own", *arguments), server)

    def _add_new_data(self) -> None:
        before = self._size()
        source = backup_data.Source(random.SystemRandom().getrandbits(32))
        tables = backup_data.tables(backup_data.SEED)
        for number, table in enumerate(tables):
            share = int(before * NEW_SHARE / len(tables))
            backup_data.write_sstable(table.directory(self.data), 100_000 + number, share, source)
        self.results["new"] = [{"bytes": self._size() - before}]

    def _size(self) -> int:
        return sum(path.stat().st_size for path in backup_data.snapshot_paths(self.data))

    @contextmanager
    def own_scratch(self) -> Iterator[Path]:
        """Return a node's directory for our own files, empty."""
        directory = self.scratch / "own"
        directory.mkdir()
        try:
            yield directory
        finally:
            shutil.rmtree(directory)

    def best(self, name: str, choices: Sequence[int]) -> int:
        """Return the choice that was fastest when each was tried."""
        return min(choices, key=lambda choice: self.seconds(f"{name} {choice}"))


def processor_seconds() -> float:
    """Return the processor time of ended child processes; servers end later than their clients."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def turned(calls: Sequence[Callable[[], object]], number: int) -> list[Callable[[], object]]:
    """Return the order of a round: each is first once."""
    return [*calls[number % len(calls) :], *calls[: number % len(calls)]]


def medusa_settings(transfers: int) -> dict[str, str]:
    """Return settings with so many files at once, and no limit of bandwidth."""
    return {"concurrent_transfers": str(transfers), "transfer_max_bandwidth": ""}


def compare(bench: Bench, rounds: int) -> dict[str, Any]:
    """Search each contender's best setting, let all take turns, and return the figures."""
    for threads in THREADS:
        bench.bare_upload(threads, f"bare {threads}")
    for transfers in TRANSFERS:
        bench.medusa_upload(medusa_settings(transfers), f"medusa {transfers}")
    threads, transfers = bench.best("bare", THREADS), bench.best("medusa", TRANSFERS)
    calls: list[Callable[[], object]] = [
        lambda: bench.bare_upload(threads, "bare"),
        lambda: bench.own_upload("own"),
        lambda: bench.medusa_upload(medusa_settings(transfers), "medusa tuned"),
        lambda: bench.lean_upload(threads, "lean"),
    ]
    for number in range(rounds):
        for call in turned(calls, number):
            call()
    for _ in range(SLOW_ROUNDS):
        bench.medusa_upload({}, "medusa as installed")
    bench.after_a_backup(rounds)
    return figures(bench, threads, transfers)


def figures(bench: Bench, threads: int, transfers: int) -> dict[str, Any]:
    """Return the documented figures: MB/s, and ratios of throughput (more than 1: ours is faster)."""
    own, before, second = bench.results["own"], bench.results["own before"][0], bench.results["own second"][0]
    megabytes = own[0]["bytes"] / 1e6

    def speed(name: str) -> float:
        return float(round(megabytes / bench.seconds(name), 1))

    def processor(name: str) -> float:
        return float(round(median(found["processor_seconds"] for found in bench.results[name]) / megabytes * 1000, 2))

    def ratio(name: str, to: str) -> float:
        return float(round(bench.seconds(to) / bench.seconds(name), 2))

    return {
        "bytes": own[0]["bytes"],
        "files": own[0]["files"],
        "bare_threads": threads,
        "medusa_transfers": transfers,
        "own_mb_s": speed("own"),
        "bare_mb_s": speed("bare"),
        "bare_without_checksums_mb_s": speed("lean"),
        "medusa_mb_s": speed("medusa as installed"),
        "medusa_tuned_mb_s": speed("medusa tuned"),
        "to_bare": ratio("own", "bare"),
        "to_bare_without_checksums": ratio("own", "lean"),
        "to_medusa": ratio("own", "medusa as installed"),
        "to_medusa_tuned": ratio("own", "medusa tuned"),
        "own_processor_s_gb": processor("own"),
        "bare_processor_s_gb": processor("bare"),
        "medusa_tuned_processor_s_gb": processor("medusa tuned"),
        "memory_mb": max(result["memory_mb"] for result in own),
        "second_seconds": round(second["seconds"], 2),
        "second_to_first": round(second["seconds"] / before["seconds"], 3),
        "second_sent_to_new": round(second["sent_bytes"] / bench.results["new"][0]["bytes"], 3),
        "own_download_mb_s": speed("own download"),
        "bare_download_mb_s": speed("bare download"),
        "download_to_bare": ratio("own download", "bare download"),
        "download_memory_mb": max(result["memory_mb"] for result in bench.results["own download"]),
    }


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
