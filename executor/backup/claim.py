"""Who may write a backup of some name: the one operation whose claim is there."""

from __future__ import annotations

from datetime import UTC, datetime

from executor.backup import document, layout
from executor.backup.catalog import Catalog
from executor.backup.manifest import Started
from executor.backup.s3 import Store
from executor.jobs.context import JobError


def claim(store: Store, started: Started) -> None:
    """Claim a name for good. Raises JobError if it is another operation's, StoreError."""
    catalog = Catalog(store)
    found = catalog.started(started.backup_name)
    if found is None:
        if catalog.manifest(started.backup_name) is not None:
            raise JobError("claim", f"there is a backup {started.backup_name} already", hopeless=True)
        if store.put_new(layout.started_key(started.backup_name), document.write(started)):
            return
    check(store, started.backup_name, started.operation)
    if catalog.manifest(started.backup_name) is not None:
        raise JobError("claim", f"the backup {started.backup_name} is complete already", hopeless=True)


def check(store: Store, backup: str, operation: str) -> None:
    """Raise JobError unless the name is this operation's."""
    found = Catalog(store).started(backup)
    if found is None:
        raise JobError("claim", f"the backup {backup} was deleted while it was made", hopeless=True)
    if found.operation != operation:
        since = datetime.fromtimestamp(found.started_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        state = "" if Catalog(store).manifest(backup) is not None else "unfinished "
        raise JobError(
            "claim",
            f"there is a {state}backup {backup} already, which the operation {found.operation} of the cluster"
            f" {found.cluster_name} began at {since}: choose another name, or delete it",
            hopeless=True,
        )
