"""The removal of the service with all its data."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, g

from api.http.access import access, answer_accepted, submit
from api.http.arguments import body, query
from api.http.errors import RequestError
from api.openapi.json_schema import ref
from api.openapi.routes import Routes
from scheduler.core.commands.command import Uninstall

blueprint = Routes("removal", __name__)

_THEN = "When the plan uninstall is COMPLETE, remove the scheduler's app: its next start would deploy a new cluster."


@blueprint.start("/v1/uninstall", "Remove the service for good, with all its data", ref("Uninstall"))
def begin() -> Response:
    """Begin the uninstall: end all tasks, destroy all volumes, release all reservations, remove the records.

    The body has the service's name, so that no wrong address destroys a cluster.
    """
    query()
    given, name = body(("service",)).get("service"), access().settings.service_name
    if given != name:
        text = f"service must be the name of this service, {name}: the uninstall destroys all of its data."
        raise RequestError(HTTPStatus.BAD_REQUEST, text)
    submit(Uninstall(g.principal))
    return answer_accepted("started", None, _THEN)
