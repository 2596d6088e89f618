"""Snapshot directories as Cassandra leaves them, without Cassandra."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from executor.backup.upload.files import TableId

TAG = "backup-op-1"


def table_id(key_space: str, name: str) -> TableId:
    """Return a table's id, the same in every test."""
    return TableId(key_space, name, str(uuid.uuid5(uuid.NAMESPACE_URL, f"{key_space}.{name}")))


def directory(data: Path, key_space: str, name: str) -> Path:
    """Return the directory of a table's live files."""
    return data / key_space / f"{name}-{table_id(key_space, name).id.replace('-', '')}"


def put(data: Path, key_space: str, name: str, files: Mapping[str, bytes], tag: str = TAG) -> Path:
    """Write a snapshot of a table with these files and return its directory."""
    found = directory(data, key_space, name) / "snapshots" / tag
    found.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (found / file).unlink(missing_ok=True)
        (found / file).write_bytes(content)
    return found


def sstable(number: int, data: bytes, **others: bytes) -> dict[str, bytes]:
    """Return the files of one SSTable."""
    return {f"nb-{number}-big-{name}.db": content for name, content in {"Data": data, **others}.items()}
