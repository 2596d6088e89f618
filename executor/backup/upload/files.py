"""The files of a snapshot on this node's volume. Names are compared as a whole, never by patterns or prefixes."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from executor.backup.format import rules

SNAPSHOTS = "snapshots"
_TABLE_DIRECTORY = re.compile(r"(?P<name>\w+)-(?P<id>[0-9a-f]{32})", re.ASCII)
# What a restore takes: a file of any other name is not Cassandra's.
_COMPONENT = re.compile(rf"(?P<sstable>{rules.SSTABLE.pattern})-{rules.COMPONENT.pattern}", re.ASCII)


@dataclass(frozen=True, order=True)
class TableId:
    """The unique identification of a table: a table that is dropped and recreated has another id."""

    key_space: str
    name: str
    id: str

    def __str__(self) -> str:
        return f"{self.key_space}.{self.name}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Properties that change with a file's content; hard links share them."""

    device: int
    inode: int
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One component of one SSTable; `directory` is an index into the data directories."""

    path: str
    table: TableId
    directory: int
    sstable: str
    name: str
    identity: Identity

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return self.identity.size


def tables(data_directories: Sequence[Path]) -> Iterator[tuple[TableId, int, Path]]:
    """Yield the directories of all tables, each with the index of its data directory."""
    for index, directory in enumerate(data_directories):
        for key_space in _directories(directory):
            for table in _directories(Path(key_space.path)):
                if found := _TABLE_DIRECTORY.fullmatch(table.name):
                    table_id = TableId(key_space.name, found["name"], str(uuid.UUID(found["id"])))
                    yield table_id, index, Path(table.path)


def tags(data_directories: Sequence[Path]) -> set[str]:
    """Return the names of all snapshots."""
    return {
        snapshot.name
        for _, _, directory in tables(data_directories)
        for snapshot in _directories(directory / SNAPSHOTS)
    }  # fmt: skip


def snapshot_directories(data_directories: Sequence[Path], tag: str) -> Iterator[tuple[TableId, int, Path]]:
    """Yield the directories of one snapshot, by table."""
    for table, index, directory in tables(data_directories):
        snapshot = directory / SNAPSHOTS / tag
        if snapshot.is_dir():
            yield table, index, snapshot


def snapshot_files(data_directories: Sequence[Path], tag: str) -> Iterator[SnapshotFile]:
    """Yield the components of all SSTables of a snapshot.

    Directories of secondary indexes are left out, since Cassandra rebuilds them from the data. So are Cassandra's own
    notes about the snapshot.
    """
    for table, index, directory in snapshot_directories(data_directories, tag):
        with os.scandir(directory) as found:
            for entry in found:
                match = _COMPONENT.fullmatch(entry.name)
                if match is not None and entry.is_file(follow_symlinks=False):
                    state = entry.stat(follow_symlinks=False)
                    identity = Identity(state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
                    yield SnapshotFile(entry.path, table, index, match["sstable"], entry.name, identity)


def _directories(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return sorted((entry for entry in found if entry.is_dir(follow_symlinks=False)), key=lambda item: item.name)
    except FileNotFoundError:
        return []
