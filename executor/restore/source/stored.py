"""A backup as a restore sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from executor.backup.roles import Roles
from executor.cql.ddl import Element
from executor.cql.names import TableName
from executor.restore.source.batches import Piece


@dataclass(frozen=True)
class StoredBackup:
    """What the manifest of a complete backup says: tokens by node, tables by key space, the schema, rows by table.

    A key space without tables is among `tables`; `views` are the materialized ones, each with its table. `versions` are
    those of its nodes' Cassandras. `taken_at` are the moments of the first and the last snapshot. `lacks`
    says which nodes were absent from it, and what follows.
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


class Repository(Protocol):
    """Where backups are. All raise JobError, which names the object, for what is missing, damaged or refused."""

    def backup(self) -> StoredBackup:
        """The backup that was asked for."""

    def roles(self) -> Roles | None:
        """Its roles; None for a backup that has none as statements."""

    def pieces(self, node: str, tables: Iterable[TableName]) -> Mapping[TableName, tuple[Piece, ...]]:
        """The files of some tables that a node of the backup had."""

    def sizes(self, keys: Iterable[str]) -> Mapping[str, int]:
        """The sizes of those of these objects that are there."""

    def stream(self, key: str, offset: int) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes of an object from an offset on; raises FetchError, also while they come."""


class FetchError(Exception):
    """An object cannot be had; the text names it and says why. `hopeless`: it is missing or damaged for good."""

    def __init__(self, text: str, hopeless: bool = False) -> None:
        super().__init__(text)
        self.hopeless = hopeless
