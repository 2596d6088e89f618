"""Who may write a backup of some name: the one operation whose claim is there.

A claim outlives its operation when that is stopped or fails. One at a time makes a backup in a cluster: a claim of
another operation of the same cluster, without a manifest, is dead, and is taken over. Of another cluster nobody knows.
"""

from __future__ import annotations

from datetime import UTC, datetime

from executor.backup.catalog import Catalog
from executor.backup.format import document, layout
from executor.backup.format.manifest import Started
from executor.jobs.context import JobError
from executor.s3.store import Store


def claim(store: Store, started: Started) -> None:
    """Claim a name for good. Raises JobError if it is another operation's that may live or is complete, StoreError."""
    catalog = Catalog(store)
    found = catalog.started(started.backup_name)
    if catalog.manifest(started.backup_name) is not None:
        if found is not None and found.operation == started.operation:
            raise JobError("claim", f"the backup {started.backup_name} is complete already", hopeless=True)
        raise _taken(started.backup_name, found, complete=True)
    if found is not None and found.operation != started.operation:
        if found.cluster != started.cluster:
            raise _taken(started.backup_name, found, complete=False)
        # Who still works for the dead one sees that its claim is gone, and writes no more.
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
        raise JobError("claim", f"the backup {backup} was deleted while it was made", hopeless=True)
    if found.operation != operation:
        raise _taken(backup, found, Catalog(store).manifest(backup) is not None)


def _clean(store: Store, backup: str) -> None:
    """Documents that an attempt under this name left, which nobody completed; its data is found and used again."""
    own = layout.started_key(backup)
    store.delete([item.key for item in store.objects(layout.backup_prefix(backup)) if item.key != own])


def _taken(backup: str, found: Started | None, complete: bool) -> JobError:
    state = "a" if complete else "an unfinished"
    if found is None:
        return JobError("claim", f"there is {state} backup {backup} already", hopeless=True)
    since = datetime.fromtimestamp(found.started_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return JobError(
        "claim",
        f"there is {state} backup {backup} already, which the operation {found.operation} of the cluster"
        f" {found.cluster_name} began at {since}: choose another name, or delete it",
        hopeless=True,
    )
