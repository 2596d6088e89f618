"""snapshot: all tables of this node at one moment, and the schema that they had then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import Session

from executor.backup import fingerprint, snapshots
from executor.backup.request import Request, read, reported
from executor.backup.snapshots import Note
from executor.backup.upload.files import snapshot_files
from executor.cql.session import CQL_ERRORS, words
from executor.jmx.jolokia import JolokiaError, NotReachableError
from executor.jobs import chosen, cql, schema
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress

_STEP = "snapshot"
# A schema that changes under the snapshot is not waited for long here: the scheduler tries again as well.
_TRIES = 3


def backup_snapshot(context: JobContext) -> Mapping[str, Any]:
    """Take the snapshot, after all that earlier backups left are cleared. Raises JobError.

    It outlives a restart of Cassandra: the upload may be long. Another attempt takes it anew. `schema` says what each
    key space and table was, except for those that were made or dropped in the meantime.
    """
    request = read(context.launch.parameters)
    node = context.node
    with reported(_STEP), cql.connect(node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
        note, found, gone = _taken(context, request, session)
        files = snapshot_files(node.data_directories, request.tag)
        message = chosen.told(gone, anything_left=True)
        return {
            "schema_version": note.member.schema_version,
            "taken_at": datetime.fromtimestamp(note.member.taken_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tables": len(note.tables),
            "bytes": sum(file.size for file in files),
            "schema": fingerprint.short(found),
            **({"message": message} if message else {}),
        }


def _taken(context: JobContext, request: Request, session: Session) -> tuple[Note, dict[str, str], Sequence[str]]:
    """The snapshot, the schema that held during all of it, and the names that mean nothing any more."""
    changed: list[str] = []
    for attempt in range(1, _TRIES + 1):
        for tag in sorted(snapshots.ours(context.node)):
            context.tell(JobProgress(doing=f"clearing the snapshot {tag}"))
            snapshots.clear(context.node, tag, context.check)
        entities, key_spaces, gone = _entities(context)
        before = _fingerprint(session, key_spaces, request.column_families)
        context.tell(JobProgress(doing=f"taking a snapshot of {len(entities)} key spaces or tables"))
        try:
            note = snapshots.take(context.node, request.tag, entities, context.check)
        except NotReachableError:
            raise
        except JolokiaError:
            # A table of them may have been dropped in this moment.
            if attempt == _TRIES:
                raise
            continue
        after = _fingerprint(session, key_spaces, request.column_families)
        changed, _, _ = fingerprint.changes(before, after)
        if not changed:
            return note, {name: digest for name, digest in after.items() if name in before}, gone
    named = ", ".join(changed) or "a key space or table"
    raise JobError(_STEP, f"the schema of {named} changed each time while the snapshot was taken; it is tried again")


def _fingerprint(session: Session, key_spaces: Sequence[str], column_families: Sequence[str]) -> dict[str, str]:
    try:
        return fingerprint.take(session, key_spaces, column_families)
    except CQL_ERRORS as error:
        raise JobError(_STEP, words(error)) from error


def _entities(context: JobContext) -> tuple[list[str], list[str], Sequence[str]]:
    """Key spaces, or tables as `key space.table`: Cassandra takes either kind in one call, not both; then the key
    spaces that they are of, and what was named and is not there any more."""
    asked = chosen.Request.of(context.launch.parameters)
    found = chosen.look(context, asked)
    shared = {name for name, local in schema.key_spaces(context.node.jolokia).items() if not local}
    key_spaces = sorted(shared & set(asked.key_spaces) if asked.key_spaces else shared)
    entities = key_spaces
    if asked.column_families:
        entities = [f"{name}.{table}" for name, tables in found.tables.items() for table in tables]
        key_spaces = sorted(found.tables)
    if not entities:
        named = ", ".join(found.gone or asked.key_spaces)
        raise JobError(_STEP, f"there is nothing to back up: {named} does not exist (any more)", hopeless=True)
    return entities, key_spaces, found.gone
