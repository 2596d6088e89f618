"""The jobs that make the service's superusers, change their passwords and check them.

Secrets: `cassandra_username` and `cassandra_password` of the current superuser, `other_username` and `other_password`,
and `operator_username` and `operator_password` of the operator's own superuser, if there is one.
Roles are made through JMX, since there is no superuser to log in as before. Each job can be run again.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from typing import Any

from cassandra import ConsistencyLevel, InvalidRequest, Unauthorized

from executor.cql.session import CQL_ERRORS, ConnectError, open_session, words
from executor.jmx import logins
from executor.jmx.jolokia import JolokiaError
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress

# Cassandra's own default superuser: name and password are known to all.
DEFAULT_SUPERUSER = "cassandra"
# Cassandra changes a role's password at most once in five seconds.
_TOO_SOON = "can only be changed every"
_ATTEMPTS = 30
_PAUSE_SECONDS = 1.0
_CONNECT_SECONDS = 15.0

Login = tuple[str, str]


def logins_replication(context: JobContext) -> Mapping[str, Any]:
    """Raise the replicas of system_auth, and send each replica the rows that it lacks. Raises JobError."""
    given = context.launch.parameters
    try:
        found = logins.replicate(context.node.jolokia, str(given["data_center"]), int(given["replicas"]))
    except JolokiaError as error:
        raise JobError("replication", f"system_auth cannot be replicated: {error}") from error
    return {"message": f"replicas of system_auth in {found}"}


def logins_superusers(context: JobContext) -> Mapping[str, Any]:
    """Make both superusers, then disable Cassandra's default one. Raises JobError."""
    found = context.secrets()
    kinds = ("other", "cassandra", *_operators(found))
    for kind in kinds:
        _make(context, _login(found, kind))
    for kind in kinds:
        _check(context, _login(found, kind))
    try:
        disabled = logins.disable(context.node.jolokia, DEFAULT_SUPERUSER, random.token_urlsafe(32))
    except JolokiaError as error:
        raise JobError("default superuser", f"{DEFAULT_SUPERUSER} cannot be disabled: {error}") from error
    default = "cannot log in any more" if disabled else "does not exist"
    return {"message": f"the service has its two superusers, and the role {DEFAULT_SUPERUSER} {default}"}


def logins_password(context: JobContext) -> Mapping[str, Any]:
    """Set the new password of the other superuser, and that of the operator's own. Raises JobError."""
    found = context.secrets()
    for kind in ("other", *_operators(found)):
        _make(context, _login(found, kind))
        _check(context, _login(found, kind))
    return {"message": f"{_login(found, 'other')[0]} has a new password"}


def logins_check(context: JobContext) -> Mapping[str, Any]:
    """Check that this node accepts both superusers. Raises JobError."""
    found = context.secrets()
    for kind in ("other", "cassandra"):
        _check(context, _login(found, kind))
    return {"message": "the node accepts the superusers"}


def _operators(found: Mapping[str, str]) -> tuple[str, ...]:
    return ("operator",) if "operator_username" in found else ()


def _login(found: Mapping[str, str], kind: str) -> Login:
    try:
        return found[f"{kind}_username"], found[f"{kind}_password"]
    except KeyError as error:
        raise JobError("secrets", "the scheduler has sent no superusers") from error


def _make(context: JobContext, login: Login) -> None:
    """Create the role or set its password, unless it has this password already."""
    name, password = login
    if _problem(context, login) == "":
        return
    context.tell(JobProgress(doing=f"setting the password of {name}"))
    for _ in range(_ATTEMPTS):
        try:
            logins.set_superuser(context.node.jolokia, name, password)
            return
        except JolokiaError as error:
            failure = error
            if _TOO_SOON not in str(error):
                break
        context.wait(_PAUSE_SECONDS)
    raise JobError("superusers", f"the password of {name} cannot be set: {failure}") from failure


def _check(context: JobContext, login: Login) -> None:
    """Wait until the node accepts the login: it keeps passwords in a cache for some seconds."""
    context.tell(JobProgress(doing=f"logging in as {login[0]}"))
    problem = ""
    for _ in range(_ATTEMPTS):
        problem = _problem(context, login)
        if not problem:
            return
        context.wait(_PAUSE_SECONDS)
    raise JobError("login", f"the node does not accept {login[0]} as a superuser: {problem}")


def _problem(context: JobContext, login: Login) -> str:
    """Return why the node does not accept this login as a superuser; empty if it does.

    A transitional node lets a wrong login in as anonymous, which may not list roles.
    """
    node, (name, password) = context.node, login
    context.check()
    given = {"cassandra_username": name, "cassandra_password": password}
    try:
        with open_session(
            node.address,
            node.native_port,
            given,
            ConsistencyLevel.LOCAL_ONE,
            _CONNECT_SECONDS,
            encryption=node.encryption,
        ) as session:
            rows = session.execute("LIST ROLES").all()
    except (Unauthorized, InvalidRequest) as error:
        return words(error)
    except (ConnectError, *CQL_ERRORS) as error:
        return words(error)
    mine = next((row for row in rows if row.role == name), None)
    return "" if mine is not None and mine.super and mine.login else "it is no superuser"
