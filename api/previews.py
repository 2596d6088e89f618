"""What other settings would do, asked before anybody gives them: nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify

from api import shapes
from api.access import snapshot
from api.arguments import document, query
from api.errors import RequestError
from scheduler.cassandra_options import OPTIONS
from scheduler.core.preview import Preview, preview
from scheduler.settings import InvalidSettings, parse
from scheduler.settings_table import TABLE

blueprint = Blueprint("previews", __name__)

_NAMES = frozenset((*(setting.name for setting in TABLE), *(option.name for option in OPTIONS)))
# What is read from a file, or is a secret, is nobody's to try out through the API.
_AT_START = ("_FILE", "_DIR", "SECRETS_KEY")


@blueprint.post("/v1/config/preview")
def ask() -> Response:
    """What the settings of this start would do if those of the body were added to them; null takes one away."""
    query()
    environ = dict(os.environ)
    for name, value in document().items():
        _check(name)
        environ[name] = _text(name, value)
    try:
        wanted = parse(environ).cluster_spec()
    except InvalidSettings as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(error.problems)) from error
    return jsonify(_shape(preview(snapshot().state, wanted)))


def _check(name: str) -> None:
    if name not in _NAMES:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"{name} is not a setting.")
    if name.endswith(_AT_START):
        raise RequestError(HTTPStatus.BAD_REQUEST, f"{name} is read at the scheduler's start only: it has no preview.")


def _text(name: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
    raise RequestError(HTTPStatus.BAD_REQUEST, f"{name} must be a text, a number, true, false or null.")


def _shape(found: Preview) -> Mapping[str, shapes.Json | Any]:
    return {
        "allowed": not found.refusals,
        "refusals": list(found.refusals),
        "changes": [
            {"name": item.name, "old": item.old, "new": item.new, "effect": "restart" if item.restart else "none"}
            for item in found.changes
        ],
        "restarts": list(found.restarts),
        "leaves": list(found.leaves),
    }
