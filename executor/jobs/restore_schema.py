"""restore-schema: what the chosen tables need and this cluster does not have, from the backup's own DDL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.cluster import Session

from executor.cql_session import CQL_ERRORS, words
from executor.jobs.agreement import wait_for_agreement
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.restore import cql, live, schema
from executor.restore.cql import CqlError
from executor.restore.repository import open_repository
from executor.restore.request import read
from executor.restore.schema import Element, Plan
from executor.restore.selection import Selection
from executor.restore.wanted import chosen

# A result is stored in ZooKeeper.
_LISTED = 300


def restore_schema(context: JobContext) -> Mapping[str, Any]:
    """Create what is missing, keep what is there, and wait until all nodes agree. Raises JobError."""
    request = read(context.launch.parameters)
    with open_repository(context, request) as repository:
        backup = repository.backup()
    selection = chosen(backup, request)
    created = [str(name) for name in context.load().get("created", ())]
    with live.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
        plan = _plan(session, backup.schema, selection, frozenset(created))
        for index, element in enumerate(plan.create):
            context.check()
            _tell(context, index, len(plan.create), str(element))
            _create(session, element)
            created.append(str(element))
            context.save({"created": created})
    wait_for_agreement(context.node.jolokia, context.wait)
    kept = [str(element) for element in plan.keep if str(element) not in created]
    return {"created": _listed(created), "kept": _listed(kept)}


def _plan(session: Session, stored: Sequence[Element], selection: Selection, created: frozenset[str]) -> Plan:
    try:
        existing = live.existing(session)
        if problems := schema.conflicts(stored, selection, existing):
            raise JobError("schema", "; ".join(problems), hopeless=True)
        return schema.plan(stored, selection, existing, created)
    except (CqlError, *CQL_ERRORS) as error:
        raise JobError("schema", words(error)) from error


def _create(session: Session, element: Element) -> None:
    try:
        session.execute(cql.if_not_exists(element.text))
    except InvalidRequest as error:
        raise JobError("schema", f"{element}: {words(error)}", hopeless=True) from error
    except CQL_ERRORS as error:
        raise JobError("schema", f"{element}: {words(error)}") from error


def _tell(context: JobContext, done: int, total: int, element: str) -> None:
    context.tell(JobProgress(doing=f"creating {element}", percent=100.0 * done / total))


def _listed(names: Sequence[str]) -> list[str]:
    more = len(names) - _LISTED
    return list(names) if more <= 0 else [*names[:_LISTED], f"and {more} more"]
