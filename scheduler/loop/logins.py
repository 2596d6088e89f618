"""The service's own superusers of Cassandra: their passwords are made here, and opened for jobs and questions."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from executor.key_spaces import SERVICE_ROLES
from scheduler.core.commands.command import StartOperation
from scheduler.core.configuration.logins import OFF, ON
from scheduler.core.configuration.standing_plans import DEPLOY, plan_record
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.exclusion import exclusion
from scheduler.core.state.lifecycle import by_index, is_down
from scheduler.core.state.logins import Login, LoginsRecord
from scheduler.core.state.operation import SCHEDULER, OperationRecord, OperationState
from scheduler.core.state.operation_kinds import AUTHENTICATION, ROTATION
from scheduler.security.sealing import SETTINGS, Sealer, SealError

logger = logging.getLogger(__name__)

_PASSWORD_BYTES = 32
_DAY = 86_400.0
_AGAIN_SECONDS = 3600.0
PASSWORD = "password"


def new_password() -> str:
    """Return a random password of 43 characters."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def with_logins(state: ClusterState, sealer: Sealer | None) -> ClusterState:
    """Return the state with the superusers' passwords, if authentication is wanted and they are not made yet.

    They are stored in the same transaction as the first decision that needs them. While authentication is off, those
    whose key is lost are replaced: the next change to `on` sets the passwords without a login.
    """
    if sealer is None:
        return state
    off, record = state.target.spec.cassandra.authentication == OFF, state.logins
    needed = not off if record is None else off and not _can_open(record, sealer)
    if not needed:
        return state
    if record is not None:
        logger.warning("no key of %s opens the passwords of the service's users: others are made", SETTINGS)
    users = tuple(Login(name, sealer.seal(name, {PASSWORD: new_password()}), name) for name in SERVICE_ROLES)
    return replace(state, logins=LoginsRecord(users, SERVICE_ROLES[0]))


def opening_problem(record: LoginsRecord | None, sealer: Sealer | None) -> str:
    """Return why the passwords of the service's users cannot be used; empty if they can, or are not made yet."""
    if record is None:
        return ""
    if sealer is None:
        return f"the passwords of the service's users cannot be opened: {SETTINGS} is not set any more"
    if not _can_open(record, sealer):
        return f"the passwords of the service's users cannot be opened: no key of {SETTINGS} sealed them"
    return ""


def _can_open(record: LoginsRecord, sealer: Sealer) -> bool:
    try:
        for user in record.users:
            sealer.open(user.sealed_as, user.sealed)
    except SealError:
        return False
    return True


def due_rotation(
    state: ClusterState, sealer: Sealer | None, now: float, new_id: Callable[[], str]
) -> StartOperation | None:
    """Return the start of a rotation if SECURITY_PASSWORD_DAYS are over and nothing else changes the cluster."""
    record, days = state.logins, state.policy.password_days
    if days is None or record is None or sealer is None or not record.made:
        return None
    if record.changed_at is not None and now < record.changed_at + days * _DAY:
        return None
    if state.target.spec.cassandra.authentication != ON or not _is_calm(state, now):
        return None
    if not _can_open(record, sealer):  # it could not log in, and its failed step would hold up other operations
        return None
    return rotation(state, record, sealer, new_id(), SCHEDULER)


def rotation(
    state: ClusterState, record: LoginsRecord, sealer: Sealer, identifier: str, principal: str
) -> StartOperation:
    """Return the start of a rotation: the user that is not the current one gets a new password."""
    members = by_index(node for node in state.nodes.values() if node.deployed is not None)
    return StartOperation(
        plan=ROTATION,
        id=identifier,
        nodes=tuple(node.name for node in members),
        request={"user": record.other},
        principal=principal,
        sealed=sealer.seal(identifier, {PASSWORD: new_password()}),
    )


def _is_calm(state: ClusterState, now: float) -> bool:
    """Return whether all nodes can get a password now, and no operator has stopped a rotation a moment ago."""
    if exclusion(state, ROTATION, {}) is not None or plan_record(state, DEPLOY).interrupted:
        return False
    if any(node.intent is not None or is_down(node) for node in state.nodes.values()):
        return False
    last = state.operations.get(ROTATION)
    if last is None or last.state is not OperationState.STOPPED or last.finished_at is None:
        return True
    # A stop that lies in the future is one before the clock was set back.
    return not 0 <= now - last.finished_at < _AGAIN_SECONDS


def job_logins(state: ClusterState, sealer: Sealer | None, operation: OperationRecord | None = None) -> dict[str, str]:
    """Return the login of a job or a question, and for the jobs on superusers both of them.

    Raises:
        SealError: A password cannot be opened.
    """
    record = state.logins
    if record is None:
        return {}
    if sealer is None:
        if state.target.spec.cassandra.authentication == OFF:
            return {}
        raise SealError(f"the passwords of the service's users cannot be opened: {SETTINGS} is not set any more")
    found = _named("cassandra", record.login(record.current), sealer)
    if operation is not None and operation.kind in (AUTHENTICATION, ROTATION):
        other = record.login(record.other)
        if operation.kind == ROTATION:
            other = Login(str(operation.request["user"]), operation.sealed, operation.id)
        found |= _named("other", other, sealer)
    return found


def completed(given: Mapping[str, str], state: ClusterState, sealer: Sealer | None) -> Mapping[str, str]:
    """Return the secrets of a question with the service's login, unless they hold one. Raises SealError."""
    return given if given.get("cassandra_username") else {**job_logins(state, sealer), **given}


def _named(kind: str, login: Login, sealer: Sealer) -> dict[str, str]:
    password = sealer.open(login.sealed_as, login.sealed)[PASSWORD]
    return {f"{kind}_username": login.name, f"{kind}_password": password}
