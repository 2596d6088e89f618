"""The restore of a backup's roles: the statements are run, and each role's outcome is reported."""

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
from executor.restore.roles.statements import outcome, protected_roles, refusals, statements, summarise, unknown

_STEP = "roles"
_WHY = 300
# Cassandra changes a role's password at most once in five seconds, unless it is configured otherwise.
_TOO_SOON = "can only be changed every"
_PASSWORD_ATTEMPTS = 30
_PASSWORD_PAUSE_SECONDS = 1.0


def problem(session: Session, name: str, stored: Roles | None, own: str | None) -> str | None:
    """Return the reason why the roles of a backup cannot be restored; None if they can.

    Args:
        session: The connection to one node.
        name: The backup's name.
        stored: The backup's roles, if it has them as statements.
        own: The login of the restore.
    """
    if stored is None:
        return (
            f"the roles of the backup {name} cannot be restored: it has none as statements. It is of an earlier"
            " version, or its login could not read system_auth; its files do not override later changes. To see them,"
            ' load them under another name, with "rename": {"system_auth": "auth_before"}'
        )
    try:
        roles(session)
        found = [] if own is None else session.execute("LIST ROLES").all()
    except (Unauthorized, InvalidRequest) as error:
        return f"roles cannot be restored by {own or 'a login without a name'}: {words(error)}; use a superuser"
    me = next((row for row in found if row.role == own), None)
    if own is not None and not (me is not None and me.super):
        return f"roles cannot be restored by {own}, which is no superuser: set cassandra_username to one"
    return None


def restore(context: JobContext, stored: Roles) -> Mapping[str, Any]:
    """Run the missing statements, and check that the restore's own login still works. Raises JobError.

    `roles` in the result has those with problems first. `refused` is a sentence about statements that were
    refused; empty if there were none.
    """
    own = context.secrets().get("cassandra_username")
    problems: dict[str, list[str]] = {}
    with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_QUORUM) as session:
        try:
            here = roles(session)
            left = protected_roles(own, here)
            # The results of an earlier attempt, which has run some statements.
            before: dict[str, str] = dict(context.load().get("roles", {}))
            results = {name: before.get(name, what) for name, what in outcome(stored, here, left).items()}
            context.save({**context.load(), "roles": results})
            for statement in statements(stored, here, left):
                context.check()
                context.tell(JobProgress(doing=f"role {statement.role}: {statement.does}"))
                if why := statement.why or _run(context, session, statement.text):
                    problems.setdefault(statement.role, []).append(f"{statement.does} ({why[:_WHY]})")
        except CQL_ERRORS as error:
            raise JobError(_STEP, words(error)) from error
    with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_QUORUM) as session:
        session.execute("SELECT host_id FROM system.local")
    found = summarise(results, problems)
    return {
        "roles": {name: found[name] for name in sorted(found, key=lambda name: (name not in problems, name))},
        "other_roles": unknown(stored, here),
        "refused": refusals(problems),
    }


def _run(context: JobContext, session: Session, text: str) -> str:
    """Return the reason of a statement's refusal; empty if there was none. Cassandra's words have no hash."""
    try:
        _execute(context, session, text)
    except AlreadyExists:
        return ""
    except (InvalidRequest, Unauthorized, SyntaxException) as error:
        # GRANT does not accept every name that CREATE ROLE accepts: one with an apostrophe is a syntax error.
        return "" if "already a member" in str(error) else words(error)
    return ""


def _execute(context: JobContext, session: Session, text: str) -> None:
    """Run a statement, and again after a pause while Cassandra answers that the password was changed too recently."""
    for _ in range(_PASSWORD_ATTEMPTS):
        try:
            session.execute(text)
            return
        except NoHostAvailable as error:
            if _TOO_SOON not in words(error):
                raise
        context.wait(_PASSWORD_PAUSE_SECONDS)
    session.execute(text)
