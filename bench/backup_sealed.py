"""The cost of sealing: one node's files through the upload and the download, sealed and in plain text, in turn.

The objects are files in memory, and no server and no network take part: what is measured is the executor's own work
with every byte. Each measurement is a process of its own. Figures are medians, ratios those of the pairs. Printed as
one JSON document: `python -m bench.backup_sealed [gigabytes] [files] [rounds]`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import executor.program  # noqa: F401  an executor has loaded it before its first job
from bench import backup_data
from bench.backup_own import PREFIX, memory
from executor.backup.seal.keys import Keys
from executor.backup.seal.store import BackupStore
from executor.backup.upload.files import snapshot_files
from executor.backup.upload.run import Control, upload_files
from executor.cql.names import TableName
from executor.restore.jobs.load import _THREADS
from executor.restore.loading.fetcher import Fetcher
from executor.restore.loading.pipeline import Pipeline
from executor.restore.source.batches import Batch, Piece, plan
from executor.restore.source.repository import BackupRepository
from executor.s3.body import Body
from executor.s3.store import Part, Store, Stored

HOW = ("plain", "sealed")
ACTIONS = ("upload", "download")
_CHUNK = 256 * 1024
_MEMORY = Path("/dev/shm")


class Directory(Store):
    """A store whose objects are files. An object in parts is joined at its end."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._uploads = iter(range(1_000_000))

    def with_wait(self, wait: Callable[[float], object]) -> Directory:
        """Return itself: it never waits."""
        return self

    def get(self, key: str, most: int = 0) -> bytes | None:
        """Return an object."""
        path = self._directory / key
        return path.read_bytes() if path.exists() else None

    def put_new(self, key: str, content: bytes) -> bool:
        """Write an object."""
        self.send(key, content, b"")
        return True

    def size(self, key: str) -> int | None:
        """Return an object's size."""
        path = self._directory / key
        return path.stat().st_size if path.exists() else None

    def pages(self, prefix: str) -> Iterator[list[Stored]]:
        """Yield all objects at once."""
        found = [path for path in self._directory.rglob("*") if path.is_file()]
        yield [Stored(str(path.relative_to(self._directory)), path.stat().st_size, 0.0) for path in sorted(found)]

    def send(self, key: str, body: Body | bytes, sha256: bytes) -> None:
        """Write an object, as fast as the body gives its pieces."""
        path = self._directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb", buffering=0) as file:
            for piece in (body,) if isinstance(body, bytes) else iter(body.read, b""):
                file.write(piece)

    def begin(self, key: str) -> str:
        """Return an id."""
        return str(next(self._uploads))

    def send_part(self, key: str, upload: str, number: int, body: Body | bytes, sha256: bytes) -> Part:
        """Write a part."""
        self.send(f"parts/{upload}-{number}", body, sha256)
        return Part(number, "", sha256)

    def finish(self, key: str, upload: str, parts: Iterable[Part], size: int) -> None:
        """Join the parts."""
        target = self._directory / key
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb", buffering=0) as file:
            for part in sorted(parts, key=lambda part: part.number):
                found = self._directory / "parts" / f"{upload}-{part.number}"
                with found.open("rb", buffering=0) as source:
                    os.sendfile(file.fileno(), source.fileno(), 0, found.stat().st_size)
                found.unlink()

    def list_uploads(self, prefix: str) -> list[tuple[str, str]]:
        """Return no unfinished upload."""
        return []

    @contextmanager
    def stream(self, key: str, offset: int = 0) -> Iterator[Iterator[bytes]]:
        """Open an object."""
        with (self._directory / key).open("rb", buffering=0) as file:
            file.seek(offset)
            yield iter(lambda: file.read(_CHUNK), b"")


def opened(objects: Path, how: str) -> BackupStore:
    """Return the store as jobs have it."""
    store = _Sealing(Directory(objects), Keys((bytes(32),), (bytes(32),)) if how == "sealed" else Keys())
    if how == "sealed":
        store.use_vault("cluster")
    return store


class _Sealing(BackupStore, Directory):
    """The store of backups over files."""


def upload(data: Path, scratch: Path, store: BackupStore) -> None:
    """Upload as the job does, without the documents around it."""
    files = list(snapshot_files([data], backup_data.TAG))
    control = Control(lambda: None, lambda progress: None, lambda: 0.0)
    done = upload_files(store, PREFIX, files, scratch / "sha256.txt", control, store.vault)
    pieces = [
        [file.table.name, part.name, part.size, part.sha256, part.key, part.stored_size]
        for file, part in done.components.items()
    ]
    (scratch / "manifest.json").write_text(json.dumps(pieces))


def download(_data: Path, scratch: Path, store: BackupStore) -> None:
    """Stage files batch by batch as a restore does; each batch is removed at once in place of Cassandra's import."""
    stored: dict[TableName, list[Piece]] = {}
    for table, *piece in json.loads((scratch / "manifest.json").read_text()):
        stored.setdefault(TableName("bench", table), []).append(Piece(*piece))
    stopped = threading.Event()
    fetcher = Fetcher(BackupRepository(store, "bench"), lambda size: None, lambda size: None, stopped)

    def load(batch: Batch, directory: Path) -> None:
        assert sum(path.stat().st_size for path in directory.iterdir()) == batch.size

    pipeline = Pipeline(scratch / "staging", _THREADS, fetcher.fetch, lambda: None, stopped.set)
    pipeline.run(plan({"node-0": stored}, {table: table for table in stored}), load)


def work(action: str, how: str, data: Path, scratch: Path) -> None:
    """Do one measurement and print it."""
    before, began, used = memory("VmRSS"), time.perf_counter(), time.process_time()
    {"upload": upload, "download": download}[action](data, scratch, opened(scratch / "objects", how))
    figures = {"seconds": time.perf_counter() - began, "processor": time.process_time() - used}
    print(json.dumps({**figures, "memory": memory("VmHWM") - before}))


def measure(data: Path, directory: Path, how: str) -> dict[str, dict[str, float]]:
    """Return the figures of an upload and of the download of what it sent."""
    found = {}
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        for action in ACTIONS:
            command = [sys.executable, "-m", "bench.backup_sealed", action, how, str(data), scratch]
            found[action] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def figures(results: Mapping[str, list[dict[str, dict[str, float]]]], size: int) -> dict[str, Any]:
    """Return the documented figures; a ratio is of throughput or of processor time, sealed to plain."""
    found: dict[str, Any] = {"bytes": size, "rounds": len(results["plain"])}
    for action in ACTIONS:
        for how in HOW:
            own = [item[action] for item in results[how]]
            found[f"{how}_{action}_mb_s"] = round(size / 1e6 / median(item["seconds"] for item in own), 1)
            found[f"{how}_{action}_processor_s_gb"] = round(median(item["processor"] for item in own) / size * 1e9, 2)
            found[f"{how}_{action}_memory_mb"] = round(max(item["memory"] for item in own), 1)
        pairs = [
            (plain[action], sealed[action]) for plain, sealed in zip(results["plain"], results["sealed"], strict=True)
        ]
        found[f"{action}_ratio"] = round(median(plain["seconds"] / sealed["seconds"] for plain, sealed in pairs), 2)
        processor = median(sealed["processor"] / plain["processor"] for plain, sealed in pairs)
        found[f"{action}_processor_ratio"] = round(processor, 2)
    return found


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] and sys.argv[1] in ACTIONS:
        work(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
        return
    arguments = [float(value) for value in sys.argv[1:4]]
    size, files, rounds = [*arguments, *[1.0, 400.0, 5.0][len(arguments) :]]
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as name:
        directory = Path(name)
        data = directory / "data"
        backup_data.make(data, int(size * 1e9), int(files))
        results: dict[str, list[dict[str, dict[str, float]]]] = {how: [] for how in HOW}
        for number in range(int(rounds)):
            for how in HOW if number % 2 == 0 else reversed(HOW):
                results[how].append(measure(data, directory, how))
        total = sum(path.stat().st_size for path in backup_data.snapshot_paths(data))
        print(json.dumps(figures(results, total), indent=2))


if __name__ == "__main__":
    main()
