"""Our own upload and download of a data directory, in a process of their own; prints seconds and memory.

`python -m bench.backup_own upload|download ENDPOINT DATA SCRATCH`. The download takes the objects of the manifest that
the upload leaves in the scratch directory. Memory is what comes on top of an executor that has no job.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import executor.program  # noqa: F401  an executor has loaded it before its first job

PREFIX = "data/cluster/node-0/"


def memory(field: str) -> float:
    """Return a field of this process' status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))


def upload(endpoint: str, data: Path, scratch: Path) -> dict[str, Any]:
    """Upload as the job does, without the documents around it."""
    from bench.backup_data import TAG
    from executor.backup.upload.files import snapshot_files
    from executor.backup.upload.run import Control, upload_files

    began = time.perf_counter()
    with opened(endpoint, scratch) as store:
        files = list(snapshot_files([data], TAG))
        control = Control(lambda: None, lambda progress: None, lambda: 0.0)
        done = upload_files(store, PREFIX, files, scratch / "sha256.txt", control)
    seconds = time.perf_counter() - began
    pieces = [
        [file.table.name, part.name, part.size, part.sha256, part.key, part.stored_size]
        for file, part in done.components.items()
    ]
    (scratch / "manifest.json").write_text(json.dumps(pieces))
    return {
        "seconds": seconds,
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "sent_objects": done.sent_objects,
        "sent_bytes": done.sent_bytes,
    }


def download(endpoint: str, _data: Path, scratch: Path) -> dict[str, Any]:
    """Stage files batch by batch as a restore does; each batch is removed at once in place of Cassandra's import."""
    from executor.backup.seal.keys import Keys
    from executor.backup.seal.store import BackupStore
    from executor.cql.names import TableName
    from executor.restore.jobs.load import _THREADS
    from executor.restore.loading.fetcher import Fetcher
    from executor.restore.loading.pipeline import Pipeline
    from executor.restore.source.batches import Batch, Piece, plan
    from executor.restore.source.repository import BackupRepository

    stored: dict[TableName, list[Piece]] = {}
    for table, *piece in json.loads((scratch / "manifest.json").read_text()):
        stored.setdefault(TableName("bench", table), []).append(Piece(*piece))
    batches = plan({"node-0": stored}, {table: table for table in stored})
    counted = [0]
    stopped = threading.Event()

    def count(size: int) -> None:
        counted[0] += size

    def load(batch: Batch, directory: Path) -> None:
        assert sum(path.stat().st_size for path in directory.iterdir()) == batch.size

    began = time.perf_counter()
    with opened(endpoint, scratch) as store:
        repository = BackupRepository(BackupStore(store, Keys()), "bench")
        fetcher = Fetcher(repository, lambda size: None, count, stopped)
        Pipeline(scratch / "staging", _THREADS, fetcher.fetch, lambda: None, stopped.set).run(batches, load)
    return {"seconds": time.perf_counter() - began, "files": sum(map(len, stored.values()))}


def opened(endpoint: str, scratch: Path) -> Any:
    """Return the store of the bench's bucket."""
    from bench.s3_server import BUCKET, KEY, SECRET
    from executor.s3.location import parse
    from executor.s3.store import open_store

    location = parse({"external_location": f"{endpoint}/{BUCKET}"})
    return open_store(location, {"s3_access_key": KEY, "s3_secret_key": SECRET}, time.sleep, scratch, 24)


def main() -> None:
    """Work and print."""
    action, endpoint, data, scratch = sys.argv[1:5]
    actions: dict[str, Callable[[str, Path, Path], dict[str, Any]]] = {"upload": upload, "download": download}
    before = memory("VmRSS")
    result = actions[action](endpoint, Path(data), Path(scratch))
    result["memory_mb"] = round(memory("VmHWM") - before, 1)
    print(json.dumps(result))
    shutil.rmtree(Path(scratch) / "staging", ignore_errors=True)


if __name__ == "__main__":
    main()
