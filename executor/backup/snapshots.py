"""Cassandra snapshots: taken of all tables at one moment, noted on the volume, and cleared."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from executor import whole_file
from executor.backup.format import document
from executor.backup.format.manifest import Member
from executor.backup.upload.files import SNAPSHOTS, snapshot_directories, tables, tags
from executor.jmx.jolokia import ENDPOINT_SNITCH, STORAGE_SERVICE, Attribute, Jolokia, JolokiaError
from executor.jobs.blocking import call_watched
from executor.jobs.context import NodeFacts

# Operators name snapshots, too: only the whole name, with the id of an operation, tells that a backup took one.
_OURS = re.compile(r"backup-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_NOTES = "snapshots"
# Cassandra first flushes all memtables.
_TAKE_SECONDS = 600.0
_ASK_SECONDS = 30.0
_STORAGE = (
    "LocalHostId",
    "Tokens",
    "ReleaseVersion",
    "PartitionerName",
    "SchemaVersion",
    "AllDataFileLocations",
)
_SNITCH = ("Datacenter", "Rack")


@dataclass(frozen=True)
class SnapshotTable:
    """A table of a Cassandra snapshot."""

    key_space: str
    name: str
    id: str


@dataclass(frozen=True)
class Note:
    """The note of a Cassandra snapshot: the node at its moment, and all its tables."""

    tag: str
    member: Member
    tables: tuple[SnapshotTable, ...]


def take(node: NodeFacts, tag: str, entities: Sequence[str], check: Callable[[], None]) -> Note:
    """Take a snapshot of keyspaces, or of tables (`keyspace.table`), and note it for the later jobs.

    Args:
        node: This node.
        tag: The snapshot's name.
        entities: All keyspaces or all tables, not both.
        check: Called while Cassandra takes it; can raise to end the wait.

    Raises:
        JolokiaError: Cassandra fails, or does not answer.
    """
    take_snapshot = "takeSnapshot(java.lang.String,java.util.Map,[Ljava.lang.String;)"
    arguments = [tag, {}, list(entities)]
    call_watched(partial(node.jolokia.execute, STORAGE_SERVICE, take_snapshot, arguments, _TAKE_SECONDS), check)
    member = _member(node)
    found = {table for table, _, _ in snapshot_directories(node.data_directories, tag)}
    note = Note(tag, member, tuple(SnapshotTable(table.key_space, table.name, table.id) for table in sorted(found)))
    path = _note_path(node, tag)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_file.write(path, document.write(note))
    return note


def note(node: NodeFacts, tag: str) -> Note | None:
    """Return the note of a snapshot; None if it was not taken on this volume. Raises DocumentError."""
    path = _note_path(node, tag)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return document.read(Note, data, path.name)


def ours(node: NodeFacts) -> set[str]:
    """Return the tags of all snapshots on this node that backups took."""
    found = {tag for tag in tags(node.data_directories) if _OURS.fullmatch(tag)}
    return found | {path.stem for path in (node.scratch / _NOTES).glob("*.json")}


def clear(node: NodeFacts, tag: str, check: Callable[[], None]) -> None:
    """Remove a snapshot, also of tables that Cassandra no longer knows. Raises JolokiaError, OSError."""
    if tag in tags(node.data_directories):
        clear_snapshot = "clearSnapshot(java.lang.String,[Ljava.lang.String;)"
        call_watched(partial(node.jolokia.execute, STORAGE_SERVICE, clear_snapshot, [tag, []], _TAKE_SECONDS), check)
    for _, _, directory in tables(node.data_directories):
        shutil.rmtree(directory / SNAPSHOTS / tag, ignore_errors=False, onerror=_gone)
    _note_path(node, tag).unlink(missing_ok=True)


def _gone(_function: object, _path: object, info: tuple[type[BaseException], BaseException, object]) -> None:
    if not isinstance(info[1], FileNotFoundError):
        raise info[1]


def _note_path(node: NodeFacts, tag: str) -> Path:
    return node.scratch / _NOTES / f"{tag}.json"


def _member(node: NodeFacts) -> Member:
    values = _read(node.jolokia)
    return Member(
        host_id=str(values["LocalHostId"]),
        address=node.address,
        data_center=str(values["Datacenter"]),
        rack=str(values["Rack"]),
        tokens=tuple(map(str, values["Tokens"])),
        cassandra_version=str(values["ReleaseVersion"]),
        partitioner=str(values["PartitionerName"]),
        schema_version=str(values["SchemaVersion"]),
        data_directories=tuple(map(str, values["AllDataFileLocations"])),
        taken_at=time.time(),
    )


def _read(jolokia: Jolokia) -> dict[str, Any]:
    wanted = [Attribute(STORAGE_SERVICE, name) for name in _STORAGE]
    wanted += [Attribute(ENDPOINT_SNITCH, name) for name in _SNITCH]
    values = {item.name: value for item, value in jolokia.read(wanted, _ASK_SECONDS).items()}
    if missing := [item.name for item in wanted if item.name not in values]:
        raise JolokiaError(f"Cassandra does not report its {', '.join(missing)}")
    return values
