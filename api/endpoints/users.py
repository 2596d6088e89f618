"""The service's own users of Cassandra: their names, and new passwords."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from flask import Response, g

from api.http.access import access, answer, answer_accepted, snapshot, submit
from api.http.arguments import body, query
from api.http.errors import RequestError
from api.openapi.json_schema import ref
from api.openapi.routes import Routes
from scheduler.core.configuration.logins import ON, stages
from scheduler.core.nodes.missing_keys import HOW_TO_OPEN
from scheduler.core.state.cluster import ClusterState
from scheduler.loop.logins import opening_problem, rotation
from scheduler.security.sealing import SETTINGS

blueprint = Routes("users", __name__)


@blueprint.read("/v1/users", "The service's own users of Cassandra, without passwords", ref("Users"))
def list_users() -> Response:
    """Return the service's own users, and the stage of authentication and authorization on each member."""
    query()
    return answer("users", lambda found: _users(found.state))


@blueprint.start("/v1/users/rotate", "Give the service's other user a new password, and use that one from then on")
def rotate() -> Response:
    """Begin to change the password of the user that is not the current one, which becomes the current one."""
    query()
    body()
    state, sealer = snapshot().state, access().sealer
    record = state.logins
    if record is None or not record.made or state.target.spec.cassandra.authentication != ON:
        text = "The service has no users of its own: SECURITY_AUTHENTICATION is not on, or not yet on all nodes."
        raise RequestError(HTTPStatus.CONFLICT, text)
    if sealer is None:
        raise RequestError(HTTPStatus.CONFLICT, f"The new password cannot be stored: {SETTINGS} is not set.")
    if problem := opening_problem(record, sealer):
        raise RequestError(HTTPStatus.CONFLICT, f"The service cannot log in: {problem}. {HOW_TO_OPEN}.")
    identifier = str(uuid.uuid4())
    submit(rotation(state, record, sealer, identifier, g.principal))
    return answer_accepted("started", identifier)


def _users(state: ClusterState) -> dict[str, Any]:
    record = state.logins
    users = () if record is None else record.users
    return {
        "ready": record is not None and record.made,
        "users": [{"name": user.name, "current": record is not None and user.name == record.current} for user in users],
        "nodes": {
            name: {"authentication": stage.authentication, "authorization": stage.authorization}
            for name, stage in sorted(stages(state).members.items())
        },
    }
