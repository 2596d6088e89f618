"""Maintenance operations: start, stop, continue, tune, status and history."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, g, jsonify, request

from api.documents import curves, operations
from api.documents.backups import with_history
from api.endpoints.start_operation import ask_storage, check_key, checked, of_a_node, seal, start
from api.http.access import answer, answer_accepted, snapshot, submit
from api.http.arguments import body, document, query
from api.http.errors import RequestError
from api.openapi.json_schema import list_of, ref
from api.openapi.operation import parameter
from api.openapi.routes import Routes
from api.openapi.schemas import any_request
from scheduler.core.commands.command import OperationCommand, ResumeOperation, StopOperation, TuneOperation
from scheduler.core.maintenance.request import NAME, Request, check_location, check_login, check_tuning
from scheduler.core.state.operation_kinds import KINDS, ROTATION
from scheduler.loop.snapshot import QuestionRefused
from scheduler.settings.texts import plain

blueprint = Routes("operations", __name__)

# The kind backup-verify has the path /v1/backup/verify, every other one its own name.
_BELOW_BACKUP = {kind.removeprefix("backup-"): kind for kind in KINDS if kind.startswith("backup-")}
_OTHER_KINDS = tuple(kind for kind in KINDS if kind not in _BELOW_BACKUP.values())
# The scheduler begins the others itself, or at another path.
_STARTED_KINDS = tuple(kind for kind in _OTHER_KINDS if not KINDS[kind].own)
# The original service's spelling.
_OTHER_PATHS = {"upgradesstable": "upgradesstables"}

# Of repair, the only kind that takes a login and can be continued.
_LOGIN = ("cassandra_username", "cassandra_password")

_KIND = f"/v1/<any({', '.join((*_OTHER_KINDS, *_OTHER_PATHS))}):kind>"
_STARTED = f"/v1/<any({', '.join((*_STARTED_KINDS, *_OTHER_PATHS))}):kind>"
_STOPPED = f"/v1/<any({', '.join((*_STARTED_KINDS, ROTATION, *_OTHER_PATHS))}):kind>"
_WORK = f"/v1/backup/<any({', '.join(_BELOW_BACKUP)}):work>"

# What the list of backups tells of each, beside its name and state.
_TEXTS = ("cluster", "cluster_name", "signature", "message")
_TIMES = ("started_at", "finished_at")
_NUMBERS = ("nodes", "objects", "bytes")
_PARAMETERS = ("external_location", "region", "endpoint", "tls_ca", "uses_emc")
_HEADERS = {
    "X-S3-Access-Key": "s3_access_key",
    "X-S3-Secret-Key": "s3_secret_key",
    "X-S3-Session-Token": "s3_session_token",
}
_LOCATION = (
    *(
        parameter(name, "query", "As in a backup's request", required=name == "external_location")
        for name in _PARAMETERS
    ),
    *(parameter(name, "header", f"As {field} there") for name, field in _HEADERS.items()),
)


@blueprint.start(_WORK, "Begin to verify, or to delete, backups", any_request(_BELOW_BACKUP.values()))
@blueprint.start(f"{_STARTED}/start", "Begin an operation", any_request(_STARTED_KINDS))
def begin(**path: str) -> Response:
    """Begin an operation of this kind."""
    query()
    return answer_accepted("started", *start(_name(**path), document()))


@blueprint.start(f"{_WORK}/stop", "Stop the verification or deletion")
@blueprint.start(f"{_STOPPED}/stop", "Stop an operation; its jobs are cancelled")
def stop(**path: str) -> Response:
    """Stop the operation; its jobs are cancelled."""
    query()
    body()
    return _submit(StopOperation(_name(**path), g.principal), "stopping")


@blueprint.start(
    f"{_STARTED}/continue", "Continue a stopped operation, of the kinds that work on tables", ref("ContinueRequest")
)
def resume(kind: str) -> Response:
    """Continue a stopped operation. Its login was removed at the stop, so the request has it again."""
    query()
    name = _name(kind)
    secrets = check_login(body(_LOGIN if name == "repair" else ()))
    if isinstance(secrets, tuple):
        raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(secrets))
    check_key(secrets)
    found = snapshot().state.operations.get(name)
    sealed = "" if found is None else seal(found.id, secrets)
    return _submit(ResumeOperation(name, sealed), "started")


@blueprint.start(f"{_STARTED}/tune", "Change the throttle of a running backup or restore", ref("Tuning"))
def tune(kind: str) -> Response:
    """Change the throttle while the operation runs."""
    query()
    values = check_tuning(document())
    if isinstance(values, tuple):
        raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(values))
    return _submit(TuneOperation(_name(kind), values), "tuned")


@blueprint.read(f"{_WORK}/status", "The newest verification or deletion", ref("Operation"))
@blueprint.read(f"{_KIND}/status", "The newest operation of a kind", ref("Operation"))
def status(**path: str) -> Response:
    """Return the newest operation of this kind."""
    query()
    kind = _name(**path)
    return answer(f"{kind}/status", lambda found: operations.status(found, kind))


@blueprint.read(f"{_WORK}/curve", "Progress of the newest verification or deletion over its time", ref("Curve"))
@blueprint.read(f"{_KIND}/curve", "Progress and rate of the newest operation over its time", ref("Curve"))
def curve(**path: str) -> Response:
    """Return the samples of the newest operation of this kind, kept in memory since the scheduler's start."""
    query()
    kind = _name(**path)
    return answer(f"{kind}/curve", lambda found: curves.curve(found, kind))


@blueprint.read(f"{_WORK}/history", "Ended verifications or deletions, newest first", list_of("OperationEnded"))
@blueprint.read(f"{_KIND}/history", "Ended operations of a kind, newest first", list_of("OperationEnded"))
def history(**path: str) -> Response:
    """Return the ended operations of this kind, newest first."""
    query()
    kind = _name(**path)
    return answer(f"{kind}/history", lambda found: operations.history(found, kind))


def _name(kind: str = "", work: str = "") -> str:
    """Return the kind of an operation from what its path names."""
    return _BELOW_BACKUP[work] if work else _OTHER_PATHS.get(kind, kind)


def _submit(command: OperationCommand, word: str) -> Response:
    found = snapshot().state.operations.get(command.plan)
    submit(command)
    return answer_accepted(word, None if found is None else found.id)


@blueprint.read("/v1/backups", "The backups at a location", ref("Backups"), parameters=_LOCATION, failures=("400",))
def list_names() -> Response:
    """Return all backups at a location, unfinished ones too.

    The credentials come in headers, because routers log addresses.
    """
    location = _location()
    found, state = ask_storage("backups", location), snapshot().state
    with of_a_node():
        listed = with_history(map(_listed, found["backups"]), state, location.request)
    return jsonify({**found, "backups": listed})


@blueprint.read(
    "/v1/backups/<backup>",
    "One backup: its nodes and tables, and what it lacks",
    ref("Backup"),
    parameters=_LOCATION,
    failures=("400",),
)
def backup_details(backup: str) -> Response:
    """Return one backup: its nodes and tables, and what it lacks."""
    found = _location()
    if not NAME.fullmatch(backup):
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is no backup {plain(backup)}.")
    try:
        return jsonify({**ask_storage("backup", found, backup_name=backup), "backup_name": backup})
    except QuestionRefused as error:
        place = found.request["external_location"]
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is no backup {backup} at {place}.") from error


def _listed(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return one backup of a list. Raises ValueError for what another version or a hostile node can have made of it."""
    found = {**dict.fromkeys((*_TIMES, *_NUMBERS)), **item}
    wrong = [name for name in ("backup_name", "state") if not isinstance(found[name], str)]
    wrong += [name for name in _TEXTS if not isinstance(found.get(name), str | None)]
    wrong += [name for name in _TIMES if not isinstance(found[name], str | int | float | None)]
    wrong += [name for name in _NUMBERS if not isinstance(found[name], int | None) or (found[name] or 0) < 0]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} of a listed backup")
    return found


def _location() -> Request:
    """Read the location from the query and the headers.

    Raises:
        RequestError: A value is invalid.
    """
    given: dict[str, Any] = dict(query(*_PARAMETERS))
    emc = given.get("uses_emc")
    if emc is not None:
        given["uses_emc"] = {"true": True, "false": False}.get(emc.lower(), emc)
    given |= {field: request.headers[header] for header, field in _HEADERS.items() if header in request.headers}
    return checked(check_location(given))
