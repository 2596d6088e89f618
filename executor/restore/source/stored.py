"""A backup as a restore needs it, and the protocol of its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from executor.backup.roles import Roles
from executor.backup.seal.cipher import Unsealer
from executor.cql.ddl import Element
from executor.cql.names import TableName
from executor.restore.source.batches import BATCH_BYTES, Piece


@dataclass(frozen=True)
class StoredBackup:
    """The content of a complete backup's manifest: tokens by node, tables by keyspace, the schema, rows by table.

    A keyspace without tables is among `tables`. `views` are the materialized views, each with its table. `versions` are
    those of its nodes' Cassandras. `taken_at` are the moments of the first and the last snapshot. `lacks` is a sentence
    about nodes that were absent from it, and the consequence. `distrust` is one about a signature that is not valid.
    """

    tokens: Mapping[str, frozenset[str]]
    tables: Mapping[str, tuple[str, ...]]
    schema: tuple[Element, ...]
    rows: Mapping[TableName, int]
    table_bytes: Mapping[TableName, int]
    versions: frozenset[str] = frozenset()
    partitioners: frozenset[str] = frozenset()
    views: Mapping[TableName, TableName] = field(default_factory=dict)
    taken_at: tuple[float, float] = (0.0, 0.0)
    lacks: str = ""
    distrust: str = ""

    def is_in_one_batch(self, table: TableName) -> bool:
        """Return whether one batch has all versions of a table's rows; they are compared batch by batch."""
        return len(self.tokens) == 1 and self.table_bytes.get(table, 0) <= BATCH_BYTES


class Repository(Protocol):
    """A source of backups. Methods raise JobError, with the object, if one is missing, damaged or refused."""

    def backup(self) -> StoredBackup:
        """Return the backup of the request."""

    def roles(self) -> Roles | None:
        """Return its roles; None if it has none as statements."""

    def pieces(self, node: str, tables: Iterable[TableName]) -> Mapping[TableName, tuple[Piece, ...]]:
        """Return the files of some tables on a node of the backup."""

    def sizes(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Return the sizes of those objects that exist."""

    def stream(self, key: str, offset: int) -> AbstractContextManager[Iterator[bytes]]:
        """Open the bytes of an object from an offset on; opening and reading can raise FetchError."""

    def unsealer(self, key: str) -> Unsealer:
        """Return the opener of a sealed object. It raises UnsealError, and StoreError for its data key."""


class FetchError(Exception):
    """An object cannot be read; the text names it and the cause. If `hopeless`, a retry does not help."""

    def __init__(self, text: str, hopeless: bool = False) -> None:
        super().__init__(text)
        self.hopeless = hopeless
