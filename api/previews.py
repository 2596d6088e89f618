"""What other settings would do, asked before anybody gives them: nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, Response, jsonify

from api.documents import cluster
from api.endpoints.settings_trial import tried
from api.given import on_top, read_changes
from api.http.access import access, snapshot
from api.http.errors import RequestError
from scheduler.core.plans.preview import preview
from scheduler.settings import InvalidSettings
from scheduler.settings.effective import wanted

blueprint = Blueprint("previews", __name__)

# What is read from a file, or is a secret, is nobody's to try out through the API.
_AT_START = ("_FILE", "_DIR", "SECRETS_KEY")


@blueprint.post("/v1/config/preview")
def ask() -> Response:
    """What the settings of the body would do on top of the present ones; null takes one of the API back."""
    asked = read_changes(_problem)
    state = snapshot().state
    try:
        found = wanted(access().settings.given, on_top(state, asked.changes))
    except InvalidSettings as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(error.problems)) from error
    outlook = preview(state, found)
    trial = tried(state, found.spec, outlook, asked.check)
    if (refusal := trial.refusal) is not None:
        outlook = replace(outlook, refusals=(refusal,), restarts=(), leaves=())
    return jsonify({**cluster.preview(outlook), "cassandra_check": trial.document()})


def _problem(name: str) -> str | None:
    if name.endswith(_AT_START):
        return f"{name} is read at the scheduler's start only: it has no preview."
    return None
