"""restore-check: can this backup be restored here? Changes nothing, on any node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cassandra import ConsistencyLevel

from executor.backup.roles import Roles
from executor.cql_session import CQL_ERRORS, words
from executor.java_agent import NoAgentError
from executor.jobs.context import JobContext, JobError
from executor.jolokia import JolokiaError
from executor.protocol import JobProgress
from executor.restore import checking, history, live, role_work, schema
from executor.restore.batches import Batch, Piece
from executor.restore.cql import CqlError
from executor.restore.loading import Loader, LoadError
from executor.restore.problems import Problem, sentence
from executor.restore.repository import open_repository
from executor.restore.request import Request, read
from executor.restore.selection import Selection
from executor.restore.staging import Staging
from executor.restore.stored import Repository, StoredBackup
from executor.restore.views import Views, why_not
from executor.restore.wanted import chosen, planned


def restore_check(context: JobContext) -> Mapping[str, Any]:
    """Manifests, objects, schema and space; `same_as` is the backup's node that had this node's tokens.

    The node looks at the objects of its share alone. Raises JobError, hopeless for what another attempt would find
    alike.
    """
    request = read(context.launch.parameters)
    Staging(context.node.scratch, request.operation).sweep()
    with open_repository(context, request) as repository:
        backup = repository.backup()
        selection = chosen(backup, request)
        _check_schema(context, backup, selection)
        _check_views(context, backup, selection)
        if selection.roles:
            _check_roles(context, repository.roles(), request)
        same = _same_as(context, backup)
        found = _check_objects(context, repository, request, selection)
        imported = None if same is None else planned(repository, [same], selection)
        free = checking.free_bytes(context.node.scratch)
        if problem := checking.lacks_space(imported, found, free):
            raise JobError("space", problem, hopeless=True)
    return {
        "same_as": same,
        "bytes": sum(batch.size for batch in found),
        "objects": len({piece.key for batch in found for piece in batch.pieces}),
        "tables": len(selection.targets),
        "free_bytes": free,
    }


def _check_schema(context: JobContext, backup: StoredBackup, selection: Selection) -> None:
    with live.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
        try:
            found = [
                Problem("version", "", why) for why in checking.misfits(backup, *live.version_and_partitioner(session))
            ]
            here = live.existing(session)
            found += [Problem("table", "", why) for why in schema.conflicts(backup.schema, selection, here)]
            found += history.problems(schema.renamed(backup.schema, selection), here.elements)
        except (CqlError, *CQL_ERRORS) as error:
            raise JobError("schema", words(error)) from error
    if found:
        raise JobError("schema", sentence(found), hopeless=True)


def _check_roles(context: JobContext, stored: Roles | None, request: Request) -> None:
    own = context.secrets().get("cassandra_username")
    with live.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
        try:
            found = role_work.problem(session, request.backup_name, stored, own)
        except CQL_ERRORS as error:
            raise JobError("roles", words(error)) from error
    if found is not None:
        raise JobError("roles", found, hopeless=True)


def _check_views(context: JobContext, backup: StoredBackup, selection: Selection) -> None:
    """Views are built by our agent: where it cannot be loaded, no table with a view can be restored."""
    views = Views(context.node.jolokia, context.check)
    try:
        views.of(selection.targets.values())
    except NoAgentError as error:
        if any(table in selection.targets for table in backup.views.values()):
            raise JobError("views", why_not(error), hopeless=True) from error
    except JolokiaError as error:
        raise JobError("views", str(error)) from error


def _same_as(context: JobContext, backup: StoredBackup) -> str | None:
    same = checking.same_as(backup, live.tokens(context.node.jolokia))
    try:
        able = same is not None and Loader(context.node.jolokia, context.check).can_import()
    except LoadError as error:
        raise JobError("import", str(error)) from error
    return same if able else None


def _check_objects(
    context: JobContext, repository: Repository, request: Request, selection: Selection
) -> tuple[Batch, ...]:
    found: list[Batch] = []
    for index, node in enumerate(request.share):
        context.check()
        percent = 100.0 * index / len(request.share)
        context.tell(JobProgress(doing=f"checking the objects of {node}", percent=percent))
        own = planned(repository, [node], selection)
        pieces: list[Piece] = [piece for batch in own for piece in batch.pieces]
        if problem := checking.missing(pieces, repository.sizes(piece.key for piece in pieces)):
            raise JobError("objects", f"{node}: {problem}", hopeless=True)
        found += own
    return tuple(found)
