"""The job `backup-snapshot`: takes all tables of this node at one moment, with their schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import Session

from executor.backup import fingerprint, snapshots
from executor.backup.request import Request, job_errors, read
from executor.backup.snapshots import Note
from executor.backup.upload.files import snapshot_files
from executor.cql.session import CQL_ERRORS, words
from executor.jmx.jolokia import JolokiaError, NotReachableError
from executor.jobs import chosen, cql, schema
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.sentences import stamp

_STEP = "snapshot"
# Few tries while the schema changes during the snapshot: the scheduler tries again, too.
_TRIES = 3


def backup_snapshot(context: JobContext) -> Mapping[str, Any]:
    """Take the snapshot, after clearing those of earlier backups. Raises JobError.

    The snapshot outlives a restart of Cassandra, since the upload can be long. Another attempt takes it again.
    `schema` in the result has the fingerprint of each keyspace and table that existed during all of it, and
    `schema_rules` the way in which they were computed.
    """
    request = read(context.launch.parameters)
    node = context.node
    with job_errors(_STEP), cql.connect(node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
        note, found, gone = _taken(context, request, session)
        files = snapshot_files(node.data_directories, request.tag)
        message = chosen.dropped_sentence(gone, anything_left=True)
        return {
            "schema_version": note.member.schema_version,
            "host_id": note.member.host_id,
            "taken_at": stamp(note.member.taken_at),
            "tables": len(note.tables),
            "bytes": sum(file.size for file in files),
            "schema": fingerprint.short(found),
            "schema_rules": fingerprint.RULES,
            **({"message": message} if message else {}),
        }


def _taken(context: JobContext, request: Request, session: Session) -> tuple[Note, dict[str, str], Sequence[str]]:
    """Return the snapshot, the schema that held during all of it, and the names that no longer exist."""
    changed: list[str] = []
    for attempt in range(1, _TRIES + 1):
        for tag in sorted(snapshots.ours(context.node)):
            context.tell(JobProgress(doing=f"clearing the snapshot {tag}"))
            snapshots.clear(context.node, tag, context.check)
        entities, key_spaces, gone = _entities(context)
        before = _fingerprint(session, key_spaces, request.column_families)
        context.tell(JobProgress(doing=f"taking a snapshot of {len(entities)} keyspaces or tables"))
        try:
            note = snapshots.take(context.node, request.tag, entities, context.check)
        except NotReachableError:
            raise
        except JolokiaError:
            # A table of them can have been dropped in this moment.
            if attempt == _TRIES:
                raise
            continue
        after = _fingerprint(session, key_spaces, request.column_families)
        changed, _, _ = fingerprint.changes(before, after)
        if not changed:
            return note, {name: digest for name, digest in after.items() if name in before}, gone
    named = ", ".join(changed) or "a keyspace or table"
    raise JobError(_STEP, f"the schema of {named} changed during each of {_TRIES} snapshots; the job is tried again")


def _fingerprint(session: Session, key_spaces: Sequence[str], column_families: Sequence[str]) -> dict[str, str]:
    try:
        return fingerprint.take(session, key_spaces, column_families)
    except CQL_ERRORS as error:
        raise JobError(_STEP, words(error)) from error


def _entities(context: JobContext) -> tuple[list[str], list[str], Sequence[str]]:
    """Return what to take, its keyspaces, and the requested names that no longer exist.

    Cassandra accepts keyspaces or tables (`keyspace.table`) in one call, not both.
    """
    asked = chosen.Request.parse(context.launch.parameters)
    found = chosen.find_tables(context, asked)
    shared = {name for name, local in schema.key_spaces(context.node.jolokia).items() if not local}
    key_spaces = sorted(shared & set(asked.key_spaces) if asked.key_spaces else shared)
    entities = key_spaces
    if asked.column_families:
        entities = [f"{name}.{table}" for name, tables in found.tables.items() for table in tables]
        key_spaces = sorted(found.tables)
    if not entities:
        named = ", ".join(found.gone or asked.key_spaces)
        raise JobError(_STEP, f"there is nothing to back up: {named} does not exist; check the names", hopeless=True)
    return entities, key_spaces, found.gone
