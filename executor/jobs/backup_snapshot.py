"""snapshot: all tables of this node at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from executor.backup import snapshots
from executor.backup.files import snapshot_files
from executor.backup.request import Request, read, reported
from executor.jobs import schema
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress


def backup_snapshot(context: JobContext) -> Mapping[str, Any]:
    """Take the snapshot, after all that earlier backups left are cleared. Raises JobError.

    It outlives a restart of Cassandra: the upload may be long. Another attempt takes it anew.
    """
    request = read(context.launch.parameters)
    node = context.node
    with reported("snapshot"):
        for tag in sorted(snapshots.ours(node)):
            context.tell(JobProgress(doing=f"clearing the snapshot {tag}"))
            snapshots.clear(node, tag, context.check)
        entities = _entities(context, request)
        context.tell(JobProgress(doing=f"taking a snapshot of {len(entities)} key spaces or tables"))
        note = snapshots.take(node, request.tag, entities, context.check)
        files = snapshot_files(node.data_directories, request.tag)
        return {
            "schema_version": note.member.schema_version,
            "taken_at": datetime.fromtimestamp(note.member.taken_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tables": len(note.tables),
            "bytes": sum(file.size for file in files),
        }


def _entities(context: JobContext, request: Request) -> Sequence[str]:
    """Key spaces, or tables as `key space.table`: Cassandra takes either kind in one call, not both."""
    shared = {name for name, local in schema.key_spaces(context.node.jolokia).items() if not local}
    if missing := sorted(set(request.key_spaces) - shared):
        raise JobError("snapshot", f"there is no key space {', '.join(missing)} to back up", hopeless=True)
    chosen = sorted(set(request.key_spaces) or shared)
    if not request.column_families:
        return chosen
    found = [(name, table) for name in chosen for table in schema.tables(context.node.jolokia, name)]
    if missing := schema.unknown(request.column_families, found):
        raise JobError("snapshot", f"there is no table {', '.join(missing)} in {', '.join(chosen)}", hopeless=True)
    return [f"{name}.{table}" for name, table in found if schema.is_meant(name, table, request.column_families)]
