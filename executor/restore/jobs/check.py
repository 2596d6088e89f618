"""The job `restore-check`: checks that the backup can be restored here. It changes nothing, on any node."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from itertools import groupby
from typing import Any

from executor.cql.names import TableName
from executor.jmx.jolokia import STORAGE_SERVICE, JolokiaError
from executor.jobs.blocking import call_watched
from executor.jobs.context import JobContext, JobError
from executor.restore import findings
from executor.restore.loading.staging import Staging
from executor.restore.problems import sentence
from executor.restore.request import read
from executor.restore.schema.selection import Selection
from executor.restore.source.chosen import select_tables
from executor.restore.source.repository import open_repository
from executor.restore.source.stored import StoredBackup

_FLUSH = "forceKeyspaceFlush(java.lang.String,[Ljava.lang.String;)"
# A memtable can be large, and the disk slow.
_FLUSH_SECONDS = 3600.0


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
    _flush_others(context, selection, schema.living)
    return {
        "same_as": own.same_as,
        "bytes": sum(batch.size for batch in own.batches),
        "objects": len({piece.key for batch in own.batches for piece in batch.pieces}),
        "tables": len(selection.targets),
        "free_bytes": own.free_bytes,
        **({"untried": schema.untried} if schema.untried else {}),
        **({"message": words} if (words := _message(backup)) else {}),
    }


def _flush_others(context: JobContext, selection: Selection, living: Collection[TableName]) -> None:
    """Flush the tables that exist and get files of another table. Raises JobError.

    An SSTable notes the part of its node's commit log that it holds. After a crash, Cassandra replays no write of that
    part to the table that has the SSTable. Those of another table would be lost. All nodes do this before any of them
    loads files, since a stream can bring the files of one to another.
    """
    others = sorted(new for old, new in selection.targets.items() if old != new and new in living)
    for key_space, group in groupby(others, lambda table: table.key_space):
        names = [table.table for table in group]
        flush = partial(
            context.node.jolokia.execute, STORAGE_SERVICE, _FLUSH, [key_space, names], _FLUSH_SECONDS
        )  # fmt: skip
        try:
            call_watched(flush, context.check)
        except JolokiaError as error:
            raise JobError("flush", str(error)) from error


def _message(backup: StoredBackup) -> str:
    lacks = f"of the backup: {backup.lacks}; repair after the restore" if backup.lacks else ""
    trusted = f"trusted as requested: {backup.distrust}" if backup.distrust else ""
    return "; ".join(filter(None, (trusted, lacks)))
