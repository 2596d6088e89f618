"""A small backup into an empty bucket and into one that holds much: the time of an upload of a few files.

moto in this process, filled past its interface; nodes of the same cluster and of others have most of the objects, as
in a bucket that is used for long. Printed as one JSON document: `python -m bench.backup_bucket [objects]`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from executor.backup.format import layout
from executor.backup.upload.files import snapshot_files
from executor.backup.upload.run import Control, upload_files
from executor.s3.client import Patience
from executor.s3.location import parse
from executor.s3.store import Store, open_store
from tests.ports import free_port
from tests.unit.executor.backup.s3_server import SECRETS
from tests.unit.executor.backup.volume import TAG, put, sstable, table_id

BUCKET = "bench"
_OBJECTS = 40_000
_TABLES, _FILES, _ROUNDS = 10, 8, 3


def main(arguments: list[str]) -> None:
    """Measure and print."""
    objects = int(arguments[0]) if arguments else _OBJECTS
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    place = parse({"external_location": f"http://127.0.0.1:{port}/{BUCKET}"})
    try:
        with (
            tempfile.TemporaryDirectory() as scratch,
            open_store(place, SECRETS, time.sleep, Path(scratch), patience=Patience()) as store,
        ):
            _backend().create_bucket(BUCKET, "us-east-1")
            empty = median(_upload(store, Path(scratch), f"empty-{number}") for number in range(_ROUNDS))
            _fill(objects)
            full = median(_upload(store, Path(scratch), f"full-{number}") for number in range(_ROUNDS))
    finally:
        server.stop()
    print(json.dumps({"objects": objects, "empty_s": round(empty, 2), "full_s": round(full, 2)}))


def _backend() -> Any:
    return s3_backends["123456789012"]["aws"]


def _fill(objects: int) -> None:
    backend = _backend()
    for number in range(objects):
        table = table_id("shop", f"t{number % _TABLES}").id
        prefix = layout.data_prefix("c-1", "node-1" if number % 2 else f"node-{number % 5 + 2}")
        backend.put_object(BUCKET, f"{prefix}{table}/{os.urandom(32).hex()}", b"old")


def _upload(store: Store, scratch: Path, name: str) -> float:
    data = scratch / name
    for table in range(_TABLES):
        put(
            data, "shop", f"t{table}", sstable(1, os.urandom(1000), **{f"C{n}": os.urandom(100) for n in range(_FILES)})
        )
    control = Control(lambda: None, lambda progress: None, lambda: 0.0)
    began = time.monotonic()
    upload_files(
        store, layout.data_prefix("c-1", "node-1"), list(snapshot_files([data], TAG)), scratch / "hashes", control
    )
    return time.monotonic() - began


if __name__ == "__main__":
    main(sys.argv[1:])
