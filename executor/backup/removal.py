"""Backups removed, and objects that none of those that stay refers to."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from executor.backup.catalog import Catalog, Entry
from executor.backup.format import layout
from executor.s3.store import Store, Stored

# A backup that nothing was added to for so long was given up.
ABANDONED_SECONDS = 7 * 24 * 3600.0
_DAY_SECONDS = 24 * 3600.0
_AT_ONCE = 500

# A sweep says every few hundred objects that it still runs.
_STALE_SECONDS = 900.0
_POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Swept:
    """What was removed, in bytes as stored; `kept` are objects that other backups need. `put_off` says why nothing was
    removed, if so."""

    objects: int = 0
    bytes: int = 0
    kept: int = 0
    put_off: str = ""


def outdated(
    entries: Iterable[Entry], cluster: str, now: float, keep_last: int | None, keep_days: float | None
) -> list[Entry]:
    """The backups of one cluster that a rule of retention does not keep, given up ones included.

    A backup is kept if it is one of the last `keep_last`, or not older than `keep_days`; of two rules one is enough.
    """
    own = [entry for entry in entries if cluster_of(entry) == cluster]
    complete = sorted((entry for entry in own if entry.manifest is not None), key=_finished_at, reverse=True)
    kept = {entry.name for entry in complete[: keep_last or 0]}
    if keep_days is not None:
        kept |= {entry.name for entry in complete if now - _finished_at(entry) <= keep_days * _DAY_SECONDS}
    given_up = [entry for entry in own if entry.manifest is None and is_given_up(entry, now)]
    return [entry for entry in complete if entry.name not in kept] + given_up


def cluster_of(entry: Entry) -> str | None:
    """The cluster that a backup is of; None if nothing says so."""
    if entry.manifest is not None:
        return entry.manifest.cluster
    return entry.started.cluster if entry.started is not None else None


def _finished_at(entry: Entry) -> float:
    return 0.0 if entry.manifest is None else entry.manifest.finished_at


def is_given_up(entry: Entry, now: float) -> bool:
    """Whether a backup that is not complete will never be."""
    return now - entry.changed_at > ABANDONED_SECONDS


def remove(store: Store, name: str) -> None:
    """Remove a backup's own documents, in an order in which a crash leaves no half of a backup that seems whole.

    Its claim goes first: who still makes it sees that it is gone. Then its manifest: it exists no more. Raises
    StoreError.
    """
    store.delete([layout.started_key(name)])
    store.delete([layout.manifest_key(name)])
    store.delete([item.key for item in store.objects(layout.backup_prefix(name))])


def sweep_objects(
    store: Store, operation: str, clusters: Collection[str], check: Callable[[], None], tell: Callable[[str], None]
) -> Swept:
    """Remove what no backup needs among the data of some clusters, unless one of theirs is being made.

    Raises StoreError, and DocumentError if a manifest cannot be read: nothing is removed then.
    """
    with sweep(store, operation) as running:
        now = store.now()
        everything = list(Catalog(store).entries())
        if unreadable := [entry.problem for entry in everything if entry.problem]:
            return Swept(put_off=f"nobody knows what a backup needs that cannot be read: {'; '.join(unreadable)}")
        entries = [entry for entry in everything if cluster_of(entry) in clusters]
        if unfinished := [entry.name for entry in entries if entry.manifest is None and not is_given_up(entry, now)]:
            return Swept(put_off=f"the backup {', '.join(sorted(unfinished))} is not finished: a later deletion sweeps")
        needed = _needed(store, entries, check, tell)
        return _sweep(store, running, [layout.cluster_prefix(cluster) for cluster in clusters], needed, check, tell)


def _needed(store: Store, entries: Sequence[Entry], check: Callable[[], None], tell: Callable[[str], None]) -> set[str]:
    catalog = Catalog(store)
    needed: set[str] = set()
    for backup in [entry.manifest for entry in entries if entry.manifest is not None]:
        for node in backup.nodes:
            check()
            tell(f"reading what the backup {backup.backup_name} needs of {node}")
            tables = catalog.node(backup, node).tables
            needed.update(component.key for table in tables for component in table.components)
    return needed


def _sweep(
    store: Store,
    running: Sweep,
    prefixes: Iterable[str],
    needed: Collection[str],
    check: Callable[[], None],
    tell: Callable[[str], None],
) -> Swept:
    objects = size = kept = 0
    for prefix in prefixes:
        batch: list[Stored] = []
        for item in store.objects(prefix):
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
    """A sweep that others can see."""

    def __init__(self, store: Store, operation: str) -> None:
        self._store = store
        self._key = layout.sweep_key(operation)
        self._content = json.dumps({"operation": operation}).encode()

    def renew(self) -> None:
        """Say that it still runs. Raises StoreError."""
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
    """Wait until no sweep runs; `tell` gets what is waited for. One that has not been heard of for long is dead."""
    while running := _running(store):
        tell(f"waits until objects of deleted backups are removed: {', '.join(running)}")
        wait(_POLL_SECONDS)


def _running(store: Store) -> list[str]:
    found = list(store.objects(layout.SWEEPS))
    if not found:
        return []
    now = store.now()
    return [item.key for item in found if now - item.modified < _STALE_SECONDS]
