"""The batches of a restore: a backup's files in portions that are staged and loaded one after another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from executor.backup.format.rules import INDEX_COMPONENTS
from executor.cql.names import TableName

# A batch is staged as a whole before Cassandra takes it; an SSTable is never split.
BATCH_BYTES = 4 * 1024**3
_DATA = "Data.db"
_STATISTICS = "Statistics.db"
# The primary index in the older and in the newer format of SSTables.
_INDEXES = ("Index.db", "Partitions.db")
_NOT_OF_AN_SSTABLE = frozenset({"manifest.json", "schema.cql"})


class DamagedBackupError(ValueError):
    """A manifest lists an SSTable without a necessary component; the text names it."""


@dataclass(frozen=True)
class Piece:
    """One file of an SSTable: its expected content, and its object."""

    name: str
    size: int
    sha256: str
    key: str
    stored_size: int


@dataclass(frozen=True)
class Batch:
    """SSTables of one table of one node of the backup. `number` is the same in every attempt."""

    number: int
    source: str
    target: TableName
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Return the staged bytes."""
        return sum(piece.size for piece in self.pieces)

    @property
    def sstables(self) -> int:
        """Return the number of its SSTables."""
        return len({sstable(piece.name) for piece in self.pieces})

    def directory(self, staging: Path) -> Path:
        """Return its directory; Cassandra reads the last two names as keyspace and table."""
        return staging / str(self.number) / self.target.key_space / self.target.table


def sstable(name: str) -> str:
    """Return the common prefix of the names of an SSTable's files: `nb-1-big` of `nb-1-big-Data.db`."""
    return "-".join(name.split("-", 3)[:3])


def is_wanted(name: str) -> bool:
    """Return whether a file of a snapshot (by its path below the table) must be restored.

    Cassandra rebuilds the components of indexes, under names that can have changed.
    """
    component = name.split("-", 3)[-1]
    return "/" not in name and name not in _NOT_OF_AN_SSTABLE and not component.startswith(INDEX_COMPONENTS)


def plan(
    stored: Mapping[str, Mapping[TableName, Iterable[Piece]]],
    targets: Mapping[TableName, TableName],
    batch_bytes: int = BATCH_BYTES,
) -> tuple[Batch, ...]:
    """Return all batches in order.

    Args:
        stored: The pieces by node of the backup and table.
        targets: The new name of each selected table.
        batch_bytes: The approximate size of a batch.

    Raises:
        DamagedBackupError: An SSTable lacks a component.
    """
    found: list[Batch] = []
    for source, tables in sorted(stored.items()):
        for table in sorted(tables):
            for pieces in _portions(f"{source}, {table}", tables[table], batch_bytes):
                found.append(Batch(len(found), source, targets[table], tuple(pieces)))
    return tuple(found)


def _portions(where: str, pieces: Iterable[Piece], batch_bytes: int) -> Iterator[list[Piece]]:
    portion: list[Piece] = []
    size = 0
    for parts in _sstables(where, pieces):
        own = sum(piece.size for piece in parts)
        if portion and size + own > batch_bytes:
            yield portion
            portion, size = [], 0
        portion += parts
        size += own
    if portion:
        yield portion


def _sstables(where: str, pieces: Iterable[Piece]) -> list[Sequence[Piece]]:
    groups: dict[str, dict[str, Piece]] = {}
    for piece in pieces:
        if is_wanted(piece.name):
            group = groups.setdefault(sstable(piece.name), {})
            if group.setdefault(piece.name, piece) != piece:
                raise DamagedBackupError(f"{where}: the manifest lists two different files {piece.name}")
    for name, group in groups.items():
        components = {file.removeprefix(f"{name}-") for file in group}
        missing = {_DATA, _STATISTICS} - components
        if not components.intersection(_INDEXES):
            missing.add(_INDEXES[0])
        if missing:
            raise DamagedBackupError(f"{where}: SSTable {name} has no {', '.join(sorted(missing))}")
    return [[group[name] for name in sorted(group)] for _, group in sorted(groups.items())]
