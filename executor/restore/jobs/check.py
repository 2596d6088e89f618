"""The job `restore-check`: checks that the backup can be restored here. It changes nothing, on any node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.jobs.context import JobContext, JobError
from executor.restore import findings
from executor.restore.loading.staging import Staging
from executor.restore.problems import sentence
from executor.restore.request import read
from executor.restore.source.chosen import select_tables
from executor.restore.source.repository import open_repository
from executor.restore.source.stored import StoredBackup


def restore_check(context: JobContext) -> Mapping[str, Any]:
    """Check manifests, objects, schema and space; `same_as` is the backup's node that had this node's tokens.

    The node checks the objects of its share alone. Raises JobError with all problems: another attempt would find the
    same ones, so it is hopeless.
    """
    request = read(context.launch.parameters)
    Staging(context.node.scratch, request.operation).sweep()
    with open_repository(context, request) as repository:
        backup = repository.backup()
        selection = select_tables(backup, request)
        schema = findings.check_schema(context, backup, selection)
        own = findings.check_node(context, repository, request, backup, selection)
    if problems := (*schema.problems, *own.problems):
        raise JobError(findings.step(problems[0]), sentence(problems), hopeless=True)
    return {
        "same_as": own.same_as,
        "bytes": sum(batch.size for batch in own.batches),
        "objects": len({piece.key for batch in own.batches for piece in batch.pieces}),
        "tables": len(selection.targets),
        "free_bytes": own.free_bytes,
        **({"untried": schema.untried} if schema.untried else {}),
        **({"message": words} if (words := _message(backup)) else {}),
    }


def _message(backup: StoredBackup) -> str:
    lacks = f"of the backup: {backup.lacks}; repair after the restore" if backup.lacks else ""
    trusted = f"trusted as requested: {backup.distrust}" if backup.distrust else ""
    return "; ".join(filter(None, (trusted, lacks)))
