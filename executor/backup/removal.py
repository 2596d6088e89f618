"""The removal of backups, and the sweep of objects that no remaining backup refers to."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from executor import retention
from executor.backup.catalog import Catalog, Entry, documents, light
from executor.backup.format import layout
from executor.s3.errors import StoreError
from executor.s3.store import Store, Stored

_AT_ONCE = 500

# A sweep renews its notice every few hundred objects.
_STALE_SECONDS = 900.0
_POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Swept:
    """The result of a sweep, in bytes as stored; `kept` is the number of objects that other backups need.

    `put_off` is the reason if nothing was removed.
    """

    objects: int = 0
    bytes: int = 0
    kept: int = 0
    put_off: str = ""


def find_outdated(
    entries: Iterable[Entry], cluster: str, now: float, keep_last: int | None, keep_days: float | None
) -> list[Entry]:
    """Return the backups of one cluster that the retention rules do not keep, abandoned ones included.

    Args:
        entries: The backups of the location.
        cluster: The cluster's id.
        now: The time of S3's clock, in seconds since 1970.
        keep_last: A number of backups, or None.
        keep_days: An age in days, or None.
    """
    own = [entry for entry in entries if cluster_of(entry) == cluster]
    complete = [entry for entry in own if entry.manifest is not None]
    finished = (retention.Finished(entry.name, _finished_at(entry), entry.judged.is_fine) for entry in complete)
    kept = retention.kept(finished, now, keep_last, keep_days)
    # A backup that is sealed with a missing key can be complete.
    open_ones = [entry for entry in own if entry.manifest is None and not entry.problem]
    given_up = [entry for entry in open_ones if retention.is_abandoned(entry.changed_at, now)]
    return sorted((entry for entry in complete if entry.name not in kept), key=_finished_at, reverse=True) + given_up


def cluster_of(entry: Entry) -> str | None:
    """Return the cluster of a backup; None if neither its manifest nor its claim can be read."""
    if entry.manifest is not None:
        return entry.manifest.cluster
    return entry.started.cluster if entry.started is not None else None


def _finished_at(entry: Entry) -> float:
    return 0.0 if entry.manifest is None else entry.manifest.finished_at


def remove(store: Store, name: str) -> None:
    """Remove a backup's own documents, in an order that never leaves part of it as an apparently whole backup.

    Its claim goes first: a job that still works on it sees that. Its manifest goes next: then the backup no longer
    exists. Raises StoreError.
    """
    store.delete([layout.started_key(name)])
    store.delete([layout.manifest_key(name)])
    store.delete([item.key for item in documents(store, name)])


def sweep_objects(
    store: Store, operation: str, clusters: Collection[str], check: Callable[[], None], tell: Callable[[str], None]
) -> Swept:
    """Remove the objects of some clusters that no backup needs, unless a backup of theirs is unfinished.

    Raises:
        StoreError: S3 refuses a call.
        DocumentError: A manifest cannot be read; then nothing is removed.
    """
    with sweep(store, operation) as running:
        now = store.now()
        everything = list(Catalog(store).entries(light))
        if unreadable := [entry.problem for entry in everything if entry.problem and not _is_others(entry, clusters)]:
            return Swept(put_off=f"a backup cannot be read, so that its objects are unknown: {'; '.join(unreadable)}")
        entries = [entry for entry in everything if cluster_of(entry) in clusters]
        open_ones = [entry for entry in entries if entry.manifest is None]
        if unfinished := [item.name for item in open_ones if not retention.is_abandoned(item.changed_at, now)]:
            text = f"backup not finished: {', '.join(sorted(unfinished))}; a later deletion removes the objects"
            return Swept(put_off=text)
        needed = _needed(store, entries, check, tell)
        return _sweep(store, running, clusters, needed, check, tell)


def _is_others(entry: Entry, clusters: Collection[str]) -> bool:
    """Return whether a backup is sealed, by its claim for another cluster: it refers to no object of these."""
    return entry.is_locked and entry.started is not None and entry.started.cluster not in clusters


def _needed(store: Store, entries: Sequence[Entry], check: Callable[[], None], tell: Callable[[str], None]) -> set[str]:
    catalog = Catalog(store)
    needed: set[str] = set()
    for name in [entry.name for entry in entries if entry.manifest is not None]:
        backup = catalog.manifest(name)
        if backup is None:
            raise StoreError(f"the backup {name} was removed meanwhile in {store.location}")
        for node in backup.nodes:
            check()
            tell(f"reading what the backup {backup.backup_name} needs of {node}")
            tables = catalog.node(backup, node).tables
            needed.update(component.key for table in tables for component in table.components)
    return needed


def _sweep(
    store: Store,
    running: Sweep,
    clusters: Iterable[str],
    needed: Collection[str],
    check: Callable[[], None],
    tell: Callable[[str], None],
) -> Swept:
    objects = size = kept = 0
    for cluster in clusters:
        batch: list[Stored] = []
        for item in store.objects(layout.cluster_prefix(cluster)):
            if not layout.is_content(cluster, item.key):
                continue
            if item.key in needed:
                kept += 1
                continue
            batch.append(item)
            objects, size = objects + 1, size + item.size
            if len(batch) == _AT_ONCE:
                check()
                tell(f"{objects} objects removed, {kept} are needed")
                running.renew()
                store.delete([item.key for item in batch])
                batch = []
        store.delete([item.key for item in batch])
    return Swept(objects, size, kept)


class Sweep:
    """A sweep with a notice in the bucket, so that uploads wait for its end."""

    def __init__(self, store: Store, operation: str) -> None:
        self._store = store
        self._key = layout.sweep_key(operation)
        self._content = json.dumps({"operation": operation}).encode()

    def renew(self) -> None:
        """Renew the notice. Raises StoreError."""
        self._store.put(self._key, self._content)


@contextmanager
def sweep(store: Store, operation: str) -> Iterator[Sweep]:
    """Announce a sweep until the end of the `with` statement. Raises StoreError."""
    running = Sweep(store, operation)
    running.renew()
    try:
        yield running
    finally:
        store.delete([layout.sweep_key(operation)])


def wait_for_end(store: Store, wait: Callable[[float], None], tell: Callable[[str], None]) -> None:
    """Wait until no sweep runs; one without a renewal for a while has ended.

    Args:
        store: The location.
        wait: Waits for a number of seconds.
        tell: Receives the reason of the wait.
    """
    while running := _running(store):
        tell(f"waits until objects of deleted backups are removed: {', '.join(running)}")
        wait(_POLL_SECONDS)


def _running(store: Store) -> list[str]:
    found = [item for item in store.objects(layout.SWEEPS) if layout.is_sweep(item.key)]
    if not found:
        return []
    now = store.now()
    return [item.key for item in found if now - item.modified < _STALE_SECONDS]
