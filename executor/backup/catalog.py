"""The backups of a location, read: which there are, and what each consists of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from executor.backup.format import layout, manifest
from executor.backup.format.document import DocumentError
from executor.backup.format.manifest import ClusterManifest, Moments, NodeManifest, Schema, Started
from executor.s3.errors import StoreError
from executor.s3.store import Store

_READ_AT_ONCE = 8


@dataclass(frozen=True)
class Entry:
    """A backup as it is listed: complete if it has a manifest. `changed_at` is when it last grew.

    `problem` says why a document of it cannot be read, which is then None; the backup may be complete all the same.
    """

    name: str
    started: Started | None
    manifest: ClusterManifest | None
    changed_at: float
    problem: str = ""


class Catalog:
    """Reads the documents of a location. Raises StoreError and, for one that is damaged or too new, DocumentError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def names(self) -> list[str]:
        """All backups, complete or not."""
        return self._store.directories(layout.BACKUPS)

    def entries(self, names: Iterable[str] | None = None) -> Iterator[Entry]:
        """All backups, or those of some names; one that is removed in this moment may be left out."""
        with ThreadPoolExecutor(_READ_AT_ONCE, "catalog") as pool:
            for entry in pool.map(self.entry, self.names() if names is None else names):
                if entry is not None:
                    yield entry

    def entry(self, name: str) -> Entry | None:
        """One backup; None if nothing of it is there."""
        prefix = layout.backup_prefix(name)
        changed = [item.modified for item in self._store.objects(prefix)]
        if not changed:
            return None
        try:
            return Entry(name, self.started(name), self.manifest(name), max(changed))
        except DocumentError as error:
            return Entry(name, None, None, max(changed), str(error))

    def started(self, name: str) -> Started | None:
        """The claim of a name, None if nobody claims it."""
        key = layout.started_key(name)
        data = self._store.get(key)
        return None if data is None else manifest.read_started(data, key)

    def manifest(self, name: str) -> ClusterManifest | None:
        """The manifest of a complete backup, None if there is none of that name."""
        key = layout.manifest_key(name)
        data = self._store.get(key)
        return None if data is None else manifest.read_cluster(data, key)

    def moments(self, name: str) -> Moments | None:
        """When what was, None if the backup is of a version that did not tell."""
        key = layout.moments_key(name)
        data = self._store.get(key)
        return None if data is None else manifest.read_moments(data, key)

    def node(self, backup: ClusterManifest, node: str) -> NodeManifest:
        """A node's manifest, proven to be the one that the backup was completed with."""
        summary = backup.nodes[node]
        data = self._proven(summary.manifest_key, summary.manifest_sha256)
        return manifest.read_node(data, summary.manifest_key)

    def schema(self, backup: ClusterManifest) -> Schema:
        """The schema, proven likewise."""
        data = self._proven(backup.schema_key, backup.schema_sha256)
        return manifest.read_schema(data, backup.schema_key)

    def _proven(self, key: str, sha256: str) -> bytes:
        data = self._store.get(key)
        if data is None:
            raise StoreError(f"{key} is missing in {self._store.location}", hopeless=True, code="NoSuchKey")
        if (found := hashlib.sha256(data).hexdigest()) != sha256:
            raise DocumentError(
                f"{key} was changed: its SHA-256 is {found}, and {sha256} when the backup was completed"
            )
        return data
