"""Which backups there are at a place, as one of the nodes sees it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify, request

from api.endpoints.start_operation import ask_storage
from api.http.arguments import query
from api.http.errors import RequestError
from scheduler.core.maintenance.request import Request, check_location
from scheduler.loop.snapshot import QuestionRefused

blueprint = Blueprint("backups", __name__)

PARAMETERS = ("external_location", "region", "endpoint", "tls_ca", "uses_emc")
HEADERS = {
    "X-S3-Access-Key": "s3_access_key",
    "X-S3-Secret-Key": "s3_secret_key",
    "X-S3-Session-Token": "s3_session_token",
}


@blueprint.get("/v1/backups")
def listed() -> Response:
    """All backups at a place, unfinished ones too. The credentials come in headers: addresses are logged on the way."""
    try:
        return jsonify(dict(ask_storage("backups", _place())))
    except QuestionRefused:
        return jsonify(backups=[])


@blueprint.get("/v1/backups/<backup>")
def one(backup: str) -> Response:
    """One backup: its nodes and tables, and what it lacks."""
    found = _place()
    try:
        return jsonify(backup_name=backup, **ask_storage("backup", found, backup_name=backup))
    except QuestionRefused as error:
        place = found.request["external_location"]
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is no backup {backup} at {place}.") from error


def _place() -> Request:
    """Where to look, from the query and the headers. Raises RequestError."""
    given: dict[str, Any] = dict(query(*PARAMETERS))
    emc = given.get("uses_emc")
    if emc is not None:
        given["uses_emc"] = {"true": True, "false": False}.get(emc.lower(), emc)
    given |= {field: request.headers[header] for header, field in HEADERS.items() if header in request.headers}
    found = check_location(given)
    if isinstance(found, tuple):
        raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(found))
    return found
