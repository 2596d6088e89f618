"""A backup's roles into the cluster: what the statements are run with, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cassandra import AlreadyExists, ConsistencyLevel, InvalidRequest, Unauthorized
from cassandra.cluster import NoHostAvailable, Session
from cassandra.protocol import SyntaxException

from executor.backup.roles import Roles, roles
from executor.cql.session import CQL_ERRORS, words
from executor.jobs import cql
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.restore.roles.statements import outcome, statements, told, unknown, untouched

_STEP = "roles"
# A result is stored in ZooKeeper.
_LISTED = 300
_WHY = 300
# Cassandra changes a role's password once in five seconds at most, unless it is configured otherwise.
_TOO_SOON = "can only be changed every"
_PASSWORD_ATTEMPTS = 30
_PASSWORD_PAUSE_SECONDS = 1.0


def problem(session: Session, name: str, stored: Roles | None, own: str | None) -> str | None:
    """Why the roles of a backup cannot be restored; None if they can."""
    if stored is None:
        return (
            f"the roles of the backup {name} cannot be restored: it has none as statements, being of a version before"
            " or made with a login that may not read system_auth, and its older files do not win over what was changed"
            ' since; load them under another name to look at them, with "rename": {"system_auth": "auth_before"}'
        )
    try:
        roles(session)
        found = [] if own is None else session.execute("LIST ROLES").all()
    except (Unauthorized, InvalidRequest) as error:
        return f"roles cannot be restored by {own or 'a login without a name'}: {words(error)}; use a superuser"
    me = next((row for row in found if row.role == own), None)
    if own is not None and not (me is not None and me.super):
        return f"roles cannot be restored by {own}, which is no superuser: give cassandra_username of one"
    return None


def restore(context: JobContext, stored: Roles) -> Mapping[str, Any]:
    """Run what is missing; the restore's own login works at the end. Raises JobError."""
    own = context.secrets().get("cassandra_username")
    problems: dict[str, list[str]] = {}
    with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_QUORUM) as session:
        try:
            here = roles(session)
            left = untouched(own, here)
            # Of an attempt before, which has done some of it.
            before: dict[str, str] = dict(context.load().get("roles", {}))
            results = {name: before.get(name, what) for name, what in outcome(stored, here, left).items()}
            context.save({**context.load(), "roles": results})
            for statement in statements(stored, here, left):
                context.check()
                context.tell(JobProgress(doing=f"role {statement.role}: {statement.does}"))
                if why := _run(context, session, statement.text):
                    problems.setdefault(statement.role, []).append(f"{statement.does} ({why[:_WHY]})")
        except CQL_ERRORS as error:
            raise JobError(_STEP, words(error)) from error
    with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_QUORUM) as session:
        session.execute("SELECT host_id FROM system.local")
    found = told(results, problems)
    return {"roles": dict(list(found.items())[:_LISTED]), "other_roles": unknown(stored, here)[:_LISTED]}


def _run(context: JobContext, session: Session, text: str) -> str:
    """Why a statement was refused; empty if it was not. Cassandra does not repeat a hash in its words."""
    if not text:
        return "the resource is not understood"
    try:
        _execute(context, session, text)
    except AlreadyExists:
        return ""
    except (InvalidRequest, Unauthorized, SyntaxException) as error:
        # GRANT does not take every name that CREATE ROLE took: one with an apostrophe is a syntax error to it.
        return "" if "already a member" in str(error) else words(error)
    return ""


def _execute(context: JobContext, session: Session, text: str) -> None:
    """Run a statement, again after a pause while Cassandra finds that the role's password was changed too recently."""
    for _ in range(_PASSWORD_ATTEMPTS):
        try:
            session.execute(text)
            return
        except NoHostAvailable as error:
            if _TOO_SOON not in words(error):
                raise
        context.wait(_PASSWORD_PAUSE_SECONDS)
    session.execute(text)
