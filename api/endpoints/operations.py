"""Maintenance operations: start, stop, continue and tune them, and read how they stand."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from api.documents import operations
from api.endpoints.start_operation import ask_storage, check_key, checked, seal, start
from api.http.access import accepted, access, answer, snapshot
from api.http.arguments import body, document, query
from api.http.errors import RequestError, refused
from scheduler.core.commands.command import OperationCommand, ResumeOperation, StopOperation, TuneOperation
from scheduler.core.maintenance.request import Request, check_location, check_login, check_tuning
from scheduler.core.state.operation_kinds import KINDS
from scheduler.loop.snapshot import QuestionRefused

blueprint = Blueprint("operations", __name__)

# Of kinds whose path is not their name. `upgradesstable` is the original service's spelling.
_OTHER_PATHS = {"upgradesstable": "upgradesstables"}
_BELOW_BACKUP = {"verify": "backup-verify", "delete": "backup-delete"}
PATHS = (*(kind for kind in KINDS if kind not in _BELOW_BACKUP.values()), *_OTHER_PATHS)
WORKS = tuple(_BELOW_BACKUP)

# What the only kind that takes a login and can be continued takes again.
_LOGIN = ("cassandra_username", "cassandra_password")

_KIND = f"/v1/<any({', '.join(PATHS)}):kind>"
_WORK = f"/v1/backup/<any({', '.join(WORKS)}):work>"

PARAMETERS = ("external_location", "region", "endpoint", "tls_ca", "uses_emc")
HEADERS = {
    "X-S3-Access-Key": "s3_access_key",
    "X-S3-Secret-Key": "s3_secret_key",
    "X-S3-Session-Token": "s3_session_token",
}


@blueprint.route(f"{_KIND}/start", methods=["POST", "PUT"])
def start_kind(kind: str) -> Response:
    """Begin an operation of this kind."""
    return _start(_name(kind))


@blueprint.route(_WORK, methods=["POST", "PUT"])
def start_work(work: str) -> Response:
    """Begin to verify, or to delete, backups."""
    return _start(_BELOW_BACKUP[work])


@blueprint.route(f"{_KIND}/stop", methods=["POST", "PUT"])
def stop_kind(kind: str) -> Response:
    """End the operation; its jobs are cancelled."""
    return _stop(_name(kind))


@blueprint.route(f"{_WORK}/stop", methods=["POST", "PUT"])
def stop_work(work: str) -> Response:
    """The same for what is below /v1/backup."""
    return _stop(_BELOW_BACKUP[work])


@blueprint.route(f"{_KIND}/continue", methods=["POST", "PUT"])
def resume(kind: str) -> Response:
    """Go on with an operation that was stopped; its login, which is forgotten at a stop, is given anew."""
    query()
    name = _name(kind)
    secrets = check_login(body(_LOGIN if name == "repair" else ()))
    if isinstance(secrets, tuple):
        raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(secrets))
    check_key(secrets)
    found = snapshot().state.operations.get(name)
    sealed = "" if found is None else seal(found.id, secrets)
    return _carry_out(ResumeOperation(name, sealed), "started")


@blueprint.route(f"{_KIND}/tune", methods=["POST", "PUT"])
def tune(kind: str) -> Response:
    """Change the throttle while the operation runs."""
    query()
    values = check_tuning(document())
    if isinstance(values, tuple):
        raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(values))
    return _carry_out(TuneOperation(_name(kind), values), "tuned")


@blueprint.get(f"{_KIND}/status")
def status_of_kind(kind: str) -> Response:
    """How the newest operation of this kind stands."""
    return _status(_name(kind))


@blueprint.get(f"{_WORK}/status")
def status_of_work(work: str) -> Response:
    """The same for what is below /v1/backup."""
    return _status(_BELOW_BACKUP[work])


@blueprint.get(f"{_KIND}/history")
def history_of_kind(kind: str) -> Response:
    """The operations of this kind that have ended."""
    return _history(_name(kind))


@blueprint.get(f"{_WORK}/history")
def history_of_work(work: str) -> Response:
    """The same for what is below /v1/backup."""
    return _history(_BELOW_BACKUP[work])


def _name(path: str) -> str:
    return _OTHER_PATHS.get(path, path)


def _start(kind: str) -> Response:
    query()
    return accepted("started", *start(kind, document()))


def _stop(kind: str) -> Response:
    query()
    body()
    return _carry_out(StopOperation(kind, g.principal), "stopping")


def _carry_out(command: OperationCommand, word: str) -> Response:
    found = snapshot().state.operations.get(command.plan)
    refusal = access().gateway.submit(command, g.principal)
    if refusal is not None:
        raise refused(refusal)
    return accepted(word, None if found is None else found.id)


def _status(kind: str) -> Response:
    query()
    return answer(f"{kind}/status", lambda found: operations.status(found, kind))


def _history(kind: str) -> Response:
    query()
    return answer(f"{kind}/history", lambda found: operations.history(found, kind))


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
    return checked(check_location(given))
