"""The selection of a restore from its backup; an invalid request fails the job without another attempt."""

from __future__ import annotations

from collections.abc import Iterable

from executor.jobs.context import JobError
from executor.restore.request import Request
from executor.restore.schema.selection import Selection, SelectionError, select
from executor.restore.source import batches
from executor.restore.source.batches import Batch, DamagedBackupError
from executor.restore.source.stored import Repository, StoredBackup


def select_tables(backup: StoredBackup, request: Request) -> Selection:
    """Return the tables that the request selects. Raises JobError."""
    try:
        return select(backup.tables, request.key_spaces, request.column_families, request.rename, backup.views)
    except SelectionError as error:
        raise JobError("request", str(error), hopeless=True) from error


def plan_batches(repository: Repository, nodes: Iterable[str], selection: Selection) -> tuple[Batch, ...]:
    """Return the batches of some nodes of the backup. Raises JobError, also for an incomplete SSTable."""
    stored = {node: repository.pieces(node, selection.targets) for node in nodes}
    try:
        return batches.plan(stored, selection.targets)
    except DamagedBackupError as error:
        raise JobError("manifest", str(error), hopeless=True) from error
