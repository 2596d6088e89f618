"""The catalog of a location: which backups it has, what they consist of, and which operation claims their names."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TypeVar

from executor.backup.format import document, layout, manifest
from executor.backup.format.manifest import ClusterManifest, Moments, NodeManifest, Schema, Started
from executor.backup.seal import signature
from executor.backup.seal.cipher import NoKeyError
from executor.backup.seal.signature import UNCHECKED, Judged
from executor.backup.seal.store import keys_of
from executor.jobs.context import JobError
from executor.json_codec import DocumentError
from executor.s3.errors import StoreError, TooLargeError
from executor.s3.store import Store, Stored
from executor.sentences import stamp

_READ_AT_ONCE = 8
# Of a claim and of the moments; of a cluster's manifest, several of which are read at once.
_SMALL_BYTES, _CLUSTER_BYTES = 64 * 1024, 16 * 1024**2
# A larger manifest of a cluster is read alone: it can take two hundred megabytes.
_LARGE_BYTES = 1024**2
# An hourly backup for two years. Each takes a kilobyte of memory, and requests.
MOST_BACKUPS = 20_000

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A backup in the list: complete if it has a manifest. `changed_at` is the time of its newest object.

    `problem` is the cause if a document cannot be read, which is then None; the backup can be complete all the same.
    `is_locked`: the cause is that the key is missing which sealed it. `judged` tells about its signature.
    """

    name: str
    started: Started | None
    manifest: ClusterManifest | None
    changed_at: float
    problem: str = ""
    is_locked: bool = False
    judged: Judged = UNCHECKED


class Catalog:
    """A reader of a location's documents. Raises StoreError and, for a damaged or newer one, DocumentError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._large = threading.Lock()

    def names(self) -> list[str]:
        """Return the names of all backups, complete or not."""
        # A directory without the name of a backup was not made by this service.
        return [name for name in self._store.directories(layout.BACKUPS, MOST_BACKUPS) if layout.is_name(name)]

    def entries(self, use: Callable[[Entry], T]) -> Iterator[T]:
        """Yield what `use` makes of each backup; one that is removed in this moment can be missing.

        A foreign manifest can take much memory. Few are there at a time, and none of them is kept.
        """
        with ThreadPoolExecutor(_READ_AT_ONCE, "catalog") as pool:
            for found in pool.map(lambda name: self._use(name, use), self.names()):
                yield from found

    def entry(self, name: str) -> Entry | None:
        """Return one backup; None if it has no object."""
        return next(iter(self._use(name, lambda entry: entry)), None)

    def _use(self, name: str, use: Callable[[Entry], T]) -> list[T]:
        changed_at, size = None, 0
        for item in documents(self._store, name):
            changed_at = max(item.modified, changed_at or item.modified)
            size = item.size if item.key == layout.manifest_key(name) else size
        if changed_at is None:
            return []
        is_large = size > _LARGE_BYTES
        with self._large if is_large else nullcontext():
            return [use(self._entry(name, changed_at, _CLUSTER_BYTES if is_large else _LARGE_BYTES))]

    def _entry(self, name: str, changed_at: float, most: int) -> Entry:
        started: Started | None = None
        try:
            started = self.started(name)
            whole, judged = self.judged(name, most)
            return Entry(name, started, whole, changed_at, judged=judged)
        except NoKeyError as error:
            return Entry(name, started, None, changed_at, str(error), is_locked=True)
        except DocumentError as error:
            return Entry(name, None, None, changed_at, str(error))

    def started(self, name: str) -> Started | None:
        """Return the claim of a name; None if there is none."""
        key = layout.started_key(name)
        data = self._read(key, _SMALL_BYTES)
        return None if data is None else manifest.read_started(data, key)

    def manifest(self, name: str) -> ClusterManifest | None:
        """Return the manifest of a complete backup; None if there is none of that name."""
        return self.judged(name)[0]

    def judged(self, name: str, most: int = _CLUSTER_BYTES) -> tuple[ClusterManifest | None, Judged]:
        """Return the same, and whether its signature is that of these bytes."""
        key = layout.manifest_key(name)
        data = self._read(key, most)
        if data is None:
            return None, UNCHECKED
        return read_whole(name, data), self._judge(name, data)

    def _judge(self, name: str, whole: bytes) -> Judged:
        keys = keys_of(self._store)
        if not keys.signing:
            return UNCHECKED
        key = layout.signature_key(name)
        data = self._read(key, _SMALL_BYTES)
        found = None if data is None else signature.read_signature(data, key)
        return signature.judge(keys, name, found, whole, self._read(layout.moments_key(name), _SMALL_BYTES))

    def moments(self, name: str) -> Moments | None:
        """Return the backup's moments; None for a backup of a version that did not record them."""
        key = layout.moments_key(name)
        data = self._read(key, _SMALL_BYTES)
        return None if data is None else manifest.read_moments(data, key)

    def node(self, backup: ClusterManifest, node: str) -> NodeManifest:
        """Return a node's manifest, after a check that the backup was completed with this one."""
        summary = backup.nodes[node]
        data = self._proven(summary.manifest_key, summary.manifest_sha256)
        return manifest.read_node(data, summary.manifest_key)

    def schema(self, backup: ClusterManifest) -> Schema:
        """Return the schema, after the same check."""
        data = self._proven(backup.schema_key, backup.schema_sha256)
        return manifest.read_schema(data, backup.schema_key)

    def _read(self, key: str, most: int = document.MOST_BYTES) -> bytes | None:
        try:
            return self._store.get(key, most)
        except TooLargeError as error:
            raise DocumentError(str(error)) from error

    def _proven(self, key: str, sha256: str) -> bytes:
        data = self._read(key)
        if data is None:
            raise StoreError(f"{key} is missing in {self._store.location}", hopeless=True, code="NoSuchKey")
        if (found := hashlib.sha256(data).hexdigest()) != sha256:
            raise DocumentError(
                f"{key} was changed: its SHA-256 is {found}, and was {sha256} when the backup was completed"
            )
        return data


def documents(store: Store, backup: str) -> Iterator[Stored]:
    """Yield the documents of a backup. Raises StoreError."""
    return (item for item in store.objects(layout.backup_prefix(backup)) if layout.is_document(backup, item.key))


def light(entry: Entry) -> Entry:
    """Return an entry without the parts of its manifest that have no limit of their own."""
    found = entry.manifest
    if found is None:
        return entry
    return replace(entry, manifest=replace(found, nodes={}, tables=(), ring=(), left_out={}, absent={}, coverage={}))


def read_whole(name: str, data: bytes) -> ClusterManifest:
    """Parse a backup's manifest. Raises DocumentError, also for that of a backup with another name."""
    key = layout.manifest_key(name)
    found = manifest.read_cluster(data, key)
    if found.backup_name != name:
        raise DocumentError(f"{key} is the manifest of the backup {found.backup_name}, not of {name}")
    return found


def claim(store: Store, started: Started) -> None:
    """Claim a name for an operation.

    Raises:
        JobError: The name is that of a complete backup, or of another operation that can still run.
        StoreError: S3 refuses a call.
    """
    catalog = Catalog(store)
    found = catalog.started(started.backup_name)
    if catalog.manifest(started.backup_name) is not None:
        if found is not None and found.operation == started.operation:
            text = f"the backup {started.backup_name} is complete already; choose another name, or delete it"
            raise JobError("claim", text, hopeless=True)
        raise _taken(started.backup_name, found, complete=True)
    if found is not None and found.operation != started.operation:
        if found.cluster != started.cluster:
            raise _taken(started.backup_name, found, complete=False)
        # A job that still works for the ended operation sees that its claim is gone, and stops writing.
        store.delete([layout.started_key(started.backup_name)])
        found = None
    if found is None:
        if not store.put_new(layout.started_key(started.backup_name), document.write(started)):
            check(store, started.backup_name, started.operation)
        _clean(store, started.backup_name)


def check(store: Store, backup: str, operation: str) -> None:
    """Raise JobError unless the name is this operation's."""
    found = Catalog(store).started(backup)
    if found is None:
        text = f"the backup {backup} was deleted during its upload; make a new backup"
        raise JobError("claim", text, hopeless=True)
    if found.operation != operation:
        raise _taken(backup, found, Catalog(store).manifest(backup) is not None)


def _clean(store: Store, backup: str) -> None:
    """Remove the documents of an unfinished backup of this name; its data stays, for this one to use."""
    own = layout.started_key(backup)
    store.delete([item.key for item in documents(store, backup) if item.key != own])


def _taken(backup: str, found: Started | None, complete: bool) -> JobError:
    state = "a" if complete else "an unfinished"
    if found is None:
        text = f"there is {state} backup {backup} already: choose another name, or delete it"
        return JobError("claim", text, hopeless=True)
    return JobError(
        "claim",
        f"there is {state} backup {backup} already, which the operation {found.operation} of the cluster"
        f" {found.cluster_name} began at {stamp(found.started_at)}: choose another name, or delete it",
        hopeless=True,
    )
