"""restore-check: can this backup be restored here? Changes nothing, on any node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.jobs.context import JobContext, JobError
from executor.restore import findings
from executor.restore.loading.staging import Staging
from executor.restore.problems import sentence
from executor.restore.request import read
from executor.restore.source.chosen import chosen
from executor.restore.source.repository import open_repository


def restore_check(context: JobContext) -> Mapping[str, Any]:
    """Manifests, objects, schema and space; `same_as` is the backup's node that had this node's tokens.

    The node looks at the objects of its share alone. Raises JobError with all that stands against the restore, hopeless
    for what another attempt would find alike.
    """
    request = read(context.launch.parameters)
    Staging(context.node.scratch, request.operation).sweep()
    with open_repository(context, request) as repository:
        backup = repository.backup()
        selection = chosen(backup, request)
        schema = findings.of_schema(context, backup, selection)
        own = findings.of_node(context, repository, request, backup, selection)
    if problems := (*schema.problems, *own.problems):
        raise JobError(findings.step(problems[0]), sentence(problems), hopeless=True)
    return {
        "same_as": own.same_as,
        "bytes": sum(batch.size for batch in own.batches),
        "objects": len({piece.key for batch in own.batches for piece in batch.pieces}),
        "tables": len(selection.targets),
        "free_bytes": own.free_bytes,
        **({"untried": schema.untried} if schema.untried else {}),
        **({"message": f"of the backup: {backup.lacks}; repair when it is restored"} if backup.lacks else {}),
    }
