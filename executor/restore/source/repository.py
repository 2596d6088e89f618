"""The repository: a backup's documents and objects in the bucket, as a restore reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from executor.backup import coverage
from executor.backup.catalog import Catalog
from executor.backup.format import layout, manifest
from executor.backup.format.layout import LayoutError
from executor.backup.format.manifest import ClusterManifest, Schema
from executor.backup.roles import Roles, read_roles
from executor.backup.seal.cipher import Unsealer
from executor.backup.seal.keys import read_keys
from executor.backup.seal.signature import UNCHECKED, Judged
from executor.backup.seal.store import BackupStore
from executor.cql.ddl import Element, elements, views_of
from executor.cql.names import TableName
from executor.cql.tokenizer import CqlError
from executor.jobs.context import JobContext, JobError
from executor.json_codec import DocumentError
from executor.restore.request import Request
from executor.restore.source.batches import Piece
from executor.restore.source.stored import FetchError, StoredBackup
from executor.s3.errors import StoreError
from executor.s3.location import LocationError, parse
from executor.s3.store import open_store

T = TypeVar("T")
# With more tables than this, whole nodes are listed: a request lists 1,000 objects.
_TABLES_LISTED_ALONE = 20
_CONNECTIONS = 24


@contextmanager
def open_repository(context: JobContext, request: Request) -> Iterator[BackupRepository]:
    """Open the backup of a request. Raises JobError."""
    node = context.node
    try:
        location = parse(request.location)
        store = open_store(location, context.secrets(), context.wait, node.scratch, _CONNECTIONS)
        with store as opened:
            sealed = BackupStore(opened, read_keys(context.secrets()))
            yield BackupRepository(sealed, request.backup_name, request.trust)
    except LocationError as error:
        raise JobError("location", str(error), hopeless=True) from error
    except StoreError as error:
        raise JobError("S3", str(error), error.hopeless) from error


@dataclass
class BackupRepository:
    """One complete backup. Its documents are compared with their hashes in the cluster's manifest.

    `trust`: it is used without a valid signature.
    """

    store: BackupStore
    name: str
    trust: bool = False
    _whole: ClusterManifest | None = None
    _judged: Judged = UNCHECKED

    def backup(self) -> StoredBackup:
        """Return the backup; see `Repository`."""
        whole = self._cluster()
        schema = self._document(manifest.read_schema, whole.schema_key, whole.schema_sha256)
        found = self._elements(whole.schema_key, schema)
        views = views_of(found)
        moments = [node.member.taken_at for node in whole.nodes.values()]
        return StoredBackup(
            tokens={node: frozenset(found.member.tokens) for node, found in whole.nodes.items()},
            tables=_tables(schema, views),
            schema=found,
            views=views,
            rows={TableName(t.key_space, t.name): t.rows for t in whole.tables if t.rows is not None},
            table_bytes={TableName(t.key_space, t.name): t.bytes for t in whole.tables},
            versions=frozenset(found.member.cassandra_version for found in whole.nodes.values()),
            partitioners=frozenset(found.member.partitioner for found in whole.nodes.values()),
            taken_at=(min(moments, default=0.0), max(moments, default=0.0)),
            lacks=coverage.sentence(whole.coverage, whole.absent),
            distrust=self._judged.sentence(self.name),
        )

    def roles(self) -> Roles | None:
        """Return the roles; see `Repository`."""
        whole = self._cluster()
        sha256 = self._document(manifest.read_schema, whole.schema_key, whole.schema_sha256).roles_sha256
        return self._document(read_roles, layout.roles_key(self.name), sha256) if sha256 else None

    def counted_at(self) -> float | None:
        """Return the end of the backup's row count; None without a count or a record of it."""
        try:
            found = Catalog(self.store).moments(self.name)
        except DocumentError:
            return None
        return None if found is None else found.counted_at

    def pieces(self, node: str, tables: Iterable[TableName]) -> Mapping[TableName, tuple[Piece, ...]]:
        """Return files; see `Repository`."""
        summary = self._cluster().nodes.get(node)
        if summary is None:
            raise JobError("manifest", f"the backup {self.name} has no node {node}", hopeless=True)
        found = self._document(manifest.read_node, summary.manifest_key, summary.manifest_sha256)
        wanted = set(tables)
        pieces: dict[TableName, list[Piece]] = {}
        for table in found.tables:
            name = TableName(table.key_space, table.name)
            if name in wanted:
                pieces.setdefault(name, []).extend(
                    Piece(part.name, part.size, part.sha256, part.key, part.stored_size) for part in table.components
                )
        return {name: tuple(own) for name, own in pieces.items()}

    def sizes(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Return sizes; see `Repository`."""
        wanted = frozenset(keys)
        return {
            found.key: found.size
            for prefix in _prefixes(wanted)
            for found in self.store.objects(prefix)
            if found.key in wanted
        }  # fmt: skip

    @contextmanager
    def stream(self, key: str, offset: int) -> Iterator[Iterator[bytes]]:
        """Open an object; see `Repository`."""
        try:
            with self.store.stream(key, offset) as chunks:
                yield chunks
        except StoreError as error:
            raise FetchError(str(error), error.hopeless) from error

    def unsealer(self, key: str) -> Unsealer:
        """Return the opener of a sealed object; see `Repository`."""
        return self.store.unsealer(key)

    def _cluster(self) -> ClusterManifest:
        if self._whole is None:
            try:
                found, judged = Catalog(self.store).judged(self.name)
            except (LayoutError, DocumentError) as error:
                raise JobError("manifest", str(error), hopeless=True) from error
            if found is None:
                key = layout.manifest_key(self.name)
                text = f"there is no complete backup {self.name}: {key} is missing; check its name"
                raise JobError("manifest", text, hopeless=True)
            if not judged.is_fine and not self.trust:
                raise JobError("signature", judged.refusal(self.name), hopeless=True)
            self._whole, self._judged = found, judged
        return self._whole

    def _document(self, read: Callable[[bytes, str], T], key: str, sha256: str) -> T:
        try:
            content = self.store.get(key)
            if content is None:
                raise JobError("manifest", f"{key} is missing; use another backup", hopeless=True)
            if (found := hashlib.sha256(content).hexdigest()) != sha256:
                text = f"{key} is damaged: its SHA-256 is {found} instead of {sha256}; use another backup"
                raise JobError("manifest", text, hopeless=True)
            return read(content, key)
        except DocumentError as error:
            raise JobError("manifest", str(error), hopeless=True) from error

    def _elements(self, key: str, schema: Schema) -> tuple[Element, ...]:
        try:
            return elements(statement for space in schema.key_spaces for statement in space.statements)
        except CqlError as error:
            raise JobError("manifest", f"{key}: {error}", hopeless=True) from error


def _prefixes(keys: Iterable[str]) -> list[str]:
    """Return the prefixes to list for all these keys: their tables, or, if these are many, their nodes."""
    parents = {key.rpartition("/")[0] for key in keys}
    if len(parents) > _TABLES_LISTED_ALONE:
        parents = {parent.rpartition("/")[0] for parent in parents}
    return [f"{parent}/" for parent in sorted(parents)]


def _tables(schema: Schema, views: Container[TableName]) -> dict[str, tuple[str, ...]]:
    """Return the tables by keyspace, empty keyspaces included. Older backups list their views as tables, too."""
    found: dict[str, list[str]] = {space.name: [] for space in schema.key_spaces}
    for table in schema.tables:
        if TableName(table.key_space, table.name) not in views:
            found.setdefault(table.key_space, []).append(table.name)
    return {name: tuple(sorted(tables)) for name, tables in found.items()}
