"""What of a backup a restore is about; what makes no sense ends the job for good."""

from __future__ import annotations

from collections.abc import Iterable

from executor.jobs.context import JobError
from executor.restore.request import Request
from executor.restore.schema.selection import Selection, SelectionError, select
from executor.restore.source import batches
from executor.restore.source.batches import Batch, DamagedBackupError
from executor.restore.source.stored import Repository, StoredBackup


def chosen(backup: StoredBackup, request: Request) -> Selection:
    """The tables that were asked for. Raises JobError."""
    try:
        return select(backup.tables, request.key_spaces, request.column_families, request.rename, backup.views)
    except SelectionError as error:
        raise JobError("request", str(error), hopeless=True) from error


def planned(repository: Repository, nodes: Iterable[str], selection: Selection) -> tuple[Batch, ...]:
    """The batches of some nodes of the backup. Raises JobError, also for an SSTable that is not whole."""
    stored = {node: repository.pieces(node, selection.targets) for node in nodes}
    try:
        return batches.plan(stored, selection.targets)
    except DamagedBackupError as error:
        raise JobError("manifest", str(error), hopeless=True) from error
