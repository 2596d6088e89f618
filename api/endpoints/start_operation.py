"""The start of an operation: check the request, look up the names in it, seal its secrets, submit it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from flask import g

from api.documents.cluster import launched
from api.http.access import access, snapshot, submit
from api.http.errors import RequestError
from api.sentences import sentence
from executor.sentences import stamp
from executor.untrusted import MISREAD
from scheduler.core.commands.command import StartOperation
from scheduler.core.maintenance import backup_places
from scheduler.core.maintenance.replay import replaced
from scheduler.core.maintenance.request import Request, check, check_names, named_tables, names_tables
from scheduler.core.maintenance.schema import Schema, schema_in, schema_of
from scheduler.core.nodes.decommission import has_left
from scheduler.core.state.exclusion import exclusion, remarks
from scheduler.core.state.operation_kinds import DECOMMISSION, KINDS
from scheduler.loop.snapshot import QuestionRefused, Unavailable
from scheduler.security.sealing import SETTINGS

Json = Mapping[str, Any]

log = logging.getLogger(__name__)

READING = ("restore", "backup-verify")
_CONFLICT = HTTPStatus.CONFLICT


def start(kind: str, body: Json) -> tuple[str, str]:
    """Begin an operation and return its id and a remark for the operator.

    Raises:
        RequestError: The request is refused; nothing has changed.
        Unavailable: A node or the loop did not answer; nothing has changed.
    """
    state = snapshot().state
    # The record of a node that has left stays until its task has ended: no job could run there any more.
    nodes = [node.name for node in launched(state) if kind == DECOMMISSION or not has_left(state, node)]
    request = checked(check(kind, body, nodes))
    if not nodes:
        raise RequestError(_CONFLICT, f"{KINDS[kind].title} cannot begin: no node was launched yet.")
    # Before any question to a node; the command itself decides again, on the state of that moment.
    if (reason := exclusion(state, kind, request.request)) is not None:
        raise RequestError(_CONFLICT, f"{reason}.")
    check_key(request.secrets)
    with of_a_node():
        facts, schema = _look_up(kind, request)
        if schema is not None and (problems := check_names(kind, request, schema)):
            raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(problems))
        if schema is not None and kind not in READING and (named := named_tables(request, schema)):
            facts = {**facts, "named": named}
    if request.request.get("external_location"):
        facts = {**facts, "places": list(places()), **access().backup_keys.facts(kind)}
    identifier = str(uuid.uuid4())
    command = StartOperation(
        plan=kind,
        id=identifier,
        nodes=request.nodes,
        request=request.request,
        principal=g.principal,
        facts=facts,
        tuning=request.tuning,
        sealed=seal(identifier, request.secrets),
    )
    submit(command)
    return identifier, remarks(state, kind)


def storage_question(request: Request) -> dict[str, Any]:
    """Return the location of backups and its secrets, as a question to an executor has them."""
    fields = request.request
    location = {name: fields[name] for name in ("external_location", "region", "endpoint", "tls_ca")}
    location |= {"path_style": fields["uses_emc"], "allowed": list(places())}
    return {"location": location, "secrets": {**request.secrets, **access().backup_keys.secrets}}


@contextmanager
def one_of_few() -> Iterator[None]:
    """Hold one of the few places for questions to a store; raises Unavailable when none is free."""
    questions = access().questions
    if not questions.enter():
        raise Unavailable(f"{questions.limit} questions to stores wait for an answer already, as many as may")
    try:
        yield
    finally:
        questions.leave()


@contextmanager
def of_a_node() -> Iterator[None]:
    """Raise Unavailable for what Python raises over a node's answer that has another form than this version reads."""
    try:
        yield
    except MISREAD as error:
        log.exception("a node's answer cannot be read")
        raise Unavailable(f"the answer of a node cannot be read: {error}") from error


def ask_storage(subject: str, request: Request, **more: Any) -> Json:
    """Return the answer to a question about backups; 400 with the storage's message if it refuses.

    Raises:
        QuestionRefused: The one backup that the question is about does not exist.
    """
    try:
        with one_of_few():
            return access().gateway.question(subject, {**storage_question(request), **more})
    except QuestionRefused as error:
        if subject == "backup" and error.kind == "unknown":
            raise
        place = request.request["external_location"]
        raise RequestError(HTTPStatus.BAD_REQUEST, f"{place} cannot be used: {str(error).rstrip('.')}.") from error


def checked(found: Request | tuple[str, ...]) -> Request:
    """Return a request that has no problem, and whose location is allowed. Raises RequestError."""
    if isinstance(found, tuple):
        raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(found))
    if (rule := backup_places.problem(places(), found.request)) is not None:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"external_location {rule}.")
    return found


def places() -> tuple[str, ...]:
    """Return the places where backups may be kept, as BACKUP_LOCATIONS allows them."""
    return backup_places.parse(access().settings.backup_locations)


def checked_with_backup(kind: str, body: Json, nodes: list[str]) -> tuple[Request, Json]:
    """Check a request about a backup against the backup itself, and return both.

    Raises:
        RequestError: The request is refused.
        Unavailable: No node could read the backup.
    """
    request = checked(check(kind, body, nodes))
    if not nodes:
        raise RequestError(_CONFLICT, f"{KINDS[kind].title} cannot begin: no node was launched yet.")
    with of_a_node():
        backup = _complete_backup(request)
        problems = check_names(kind, request, schema_in(backup))
    if problems:
        raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(problems))
    return request, backup


def check_key(secrets: Mapping[str, str]) -> None:
    """Raise RequestError for secrets that cannot be sealed."""
    if (reason := credentials_problem(secrets)) is not None:
        raise RequestError(_CONFLICT, reason)


def credentials_problem(secrets: Mapping[str, str]) -> str | None:
    """Return why the credentials of a request cannot be stored until its operation ends; None if they can."""
    if secrets and access().sealer is None:
        return (
            f"Credentials are refused: {SETTINGS} is not set, and they are never stored in plain text. Set it, or "
            "give the agents credentials of their own and send none."
        )
    return None


def seal(identifier: str, secrets: Mapping[str, str]) -> str:
    """Return an operation's secrets as they are stored."""
    sealer = access().sealer
    return sealer.seal(identifier, secrets) if secrets and sealer is not None else ""


def _look_up(kind: str, request: Request) -> tuple[Json, Schema | None]:
    """Return the facts that the operation needs from its start, and the schema for the names in the request."""
    if kind in READING:
        backup = _complete_backup(request)
        if refusals := distrust(request, backup):
            raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(refusals))
        # Its tables are checked here, and can be too many to store.
        return {
            "backup": {name: value for name, value in backup.items() if name not in ("key_spaces", "views")}
        }, schema_in(backup)
    schema = _schema() if names_tables(request) else None
    if kind == "backup":
        _check_unused(request)
    elif kind == "backup-delete":
        _check_deletion(request)
    return {}, schema


def distrust(request: Request, backup: Json) -> list[str]:
    """Return why a backup must not be read without the operator's word, a sentence each; empty if it may."""
    if request.request.get("trust"):
        return []
    refusal = str(backup.get("refusal") or "")
    found = [sentence(refusal)] if refusal else []
    if access().backup_keys.signing and (words := replaced(snapshot().state, request.request, backup)):
        found.append(words)
    return found


def _schema() -> Schema:
    try:
        with of_a_node():
            return schema_of(access().gateway.question("schema", {}))
    except (Unavailable, QuestionRefused) as error:
        raise Unavailable(f"the names cannot be checked against the cluster's schema: {error}") from error


def _complete_backup(request: Request) -> Json:
    name, place = request.request["backup_name"], request.request["external_location"]
    found = _backup(request)
    if found is None:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"There is no backup {name} at {place}.")
    if found.get("state") != "complete":
        words = "it lacks its last file, which completes it"
        raise RequestError(HTTPStatus.BAD_REQUEST, f"The backup {name} at {place} is unfinished: {words}.")
    return found


def _check_unused(request: Request) -> None:
    """Refuse the name of a complete backup, and that of another cluster's unfinished one."""
    name, place = request.request["backup_name"], request.request["external_location"]
    found = _backup(request)
    if found is not None and found.get("state") == "complete":
        finished = found.get("finished_at")
        when = f" since {stamp(finished) if isinstance(finished, int | float) else finished}" if finished else ""
        raise RequestError(
            _CONFLICT, f"There is a backup {name} at {place} already{when}: choose another name, or delete it first."
        )
    cluster = snapshot().state.cluster_id or ""
    if found is not None and found.get("cluster") not in (None, cluster):
        began = f" began it at {found['started_at']}" if found.get("started_at") else " began it"
        words = f"the cluster {found.get('cluster_name')}, which is not this one,{began}, and can still complete it"
        raise RequestError(
            _CONFLICT,
            f"There is an unfinished backup {name} at {place}: {words}; choose another name, or delete it first.",
        )


def _check_deletion(request: Request) -> None:
    name, place = request.request["backup_name"], request.request["external_location"]
    if name is None:
        ask_storage("backups", request)
    elif _backup(request) is None:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"There is no backup {name} at {place}.")


def _backup(request: Request) -> Json | None:
    try:
        return ask_storage("backup", request, backup_name=request.request["backup_name"])
    except QuestionRefused:
        return None
