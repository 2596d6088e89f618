"""Settings through the API: give some, take them back, or return to those of a configuration that was there before."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, g, jsonify

from api.documents import cluster
from api.endpoints.settings_trial import tried
from api.http.access import access, snapshot
from api.http.arguments import body, document, query
from api.http.errors import RequestError, refused
from scheduler.core.commands.apply import command_target
from scheduler.core.commands.command import Refusal, SetTarget
from scheduler.core.configuration.differences import launch_differences, listed_differences
from scheduler.core.configuration.overrides import Wanted, active_overrides, change_overrides, restore_overrides
from scheduler.core.configuration.target import canary_of
from scheduler.core.nodes.rollout import first_node
from scheduler.core.plans.preview import preview
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Configuration, Overrides
from scheduler.settings import NAMES, InvalidSettings
from scheduler.settings.effective import CHANGEABLE, RECORDED, wanted

blueprint = Blueprint("changes", __name__)

CANARY = "canary"
CHECK = "check"

# What is read from a file, or is a secret, is nobody's to try out through the API.
_AT_START = ("_FILE", "_DIR", "SECRETS_KEY")


@blueprint.put("/v1/config")
def change() -> Response:
    """Have the cluster follow the settings of the body on top of the present ones; null takes one of the API back."""
    asked = read_changes(_problem)
    state = snapshot().state
    try:
        found = wanted(access().settings.given, on_top(state, asked.changes))
    except InvalidSettings as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, " ".join(error.problems)) from error
    return _submit(state, found, asked.check, canary=asked.canary)


@blueprint.post("/v1/config/rollback")
def roll_back() -> Response:
    """Return to the configuration before the present one, or to the one that the body names."""
    query()
    state = snapshot().state
    fields = dict(body(("configuration", CHECK)))
    check = flag(fields, CHECK, default=True)
    aim = _aim(state, fields.get("configuration"))
    given = access().settings.given
    assert aim.settings is not None
    try:
        found = wanted(given, restore_overrides(present(state), given, RECORDED, aim.settings))
    except InvalidSettings as error:
        raise _not_now(f"The configuration {aim.id} cannot be brought back: {' '.join(error.problems)}") from error
    if differences := launch_differences(aim.spec, found.spec):
        text = "what is read at the scheduler's start only has changed since, and nodes would be launched with"
        raise _not_now(f"The configuration {aim.id} cannot be brought back: {text} {listed_differences(differences)}.")
    return _submit(state, found, check, configuration=aim.id)


def _problem(name: str) -> str | None:
    if name not in CHANGEABLE:
        return f"{name} is read at the scheduler's start only: change it in the scheduler's environment."
    return None


def _aim(state: ClusterState, name: object) -> Configuration:
    if name is None:
        name = state.previous
        if name is None:
            raise _not_now("There is no configuration before the present one.")
    if not isinstance(name, str):
        raise RequestError(HTTPStatus.BAD_REQUEST, "configuration must be the id of one.")
    found = state.configurations.get(name)
    if found is None:
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is no configuration {name}.")
    if found.settings is None:
        raise _not_now(f"The configuration {name} cannot be brought back: its version recorded no settings.")
    return found


def _submit(state: ClusterState, found: Wanted, check: bool, canary: bool = False, configuration: str = "") -> Response:
    """Have the loop carry it out, unless nothing differs; computed here first, for the answer.

    Cassandra tries the settings before that; what it would not start with is refused.
    """
    before = state.overrides
    command = SetTarget(
        new_id=str(uuid.uuid4()),
        wanted=found,
        base=state.target.id,
        base_overrides=before,
        names=tuple(sorted(name for name in {*before, *found.overrides} if _differs(name, before, found.overrides))),
        canary=canary,
        configuration=configuration,
        tried=True,
    )
    outcome = command_target(state, command, time.time())
    if isinstance(outcome, Refusal):
        raise refused(outcome)
    outlook = preview(state, found)
    trial = tried(state, found.spec, outlook, check)
    if (words := trial.refusal) is not None:
        raise _not_now(f"{words}.")
    if outcome is not state and (refusal := access().gateway.submit(command, g.principal)) is not None:
        raise refused(refusal)
    answer = {"configuration": outcome.target.id, "canary": _canary(outcome), "cassandra_check": trial.document()}
    return jsonify({**cluster.preview(outlook), **answer})


def _canary(state: ClusterState) -> str | None:
    """The node that has the target before all others, or will."""
    canary, first = canary_of(state), first_node(state)
    if canary is None:
        return None
    return canary.node or (None if first is None else first.name)


def _differs(name: str, before: Overrides, after: Overrides) -> bool:
    return before.get(name) != after.get(name)


def _not_now(message: str) -> RequestError:
    return RequestError(HTTPStatus.CONFLICT, message)


@dataclass(frozen=True)
class Given:
    """What a body asks for: settings as texts, None for one that is taken back; a canary; a trial by Cassandra."""

    changes: Mapping[str, str | None]
    canary: bool
    check: bool


def read_changes(problem: Callable[[str], str | None]) -> Given:
    """Read the settings of the body. `problem` says what is wrong with giving this setting, if anything is."""
    query()
    fields = dict(document())
    canary, check = flag(fields, CANARY, default=False), flag(fields, CHECK, default=True)
    for name in fields:
        if name not in NAMES:
            raise _bad(f"{name} is not a setting.")
        if (words := problem(name)) is not None:
            raise _bad(words)
    return Given({name: _text(name, value) for name, value in fields.items()}, canary, check)


def flag(fields: dict[str, Any], name: str, default: bool) -> bool:
    """Take a field that is true or false out of a body."""
    value = fields.pop(name, default)
    if not isinstance(value, bool):
        raise _bad(f"{name} must be true or false.")
    return value


def present(state: ClusterState) -> Overrides:
    """The settings given through the API before that hold."""
    return active_overrides(state.overrides, access().settings.given, CHANGEABLE)


def on_top(state: ClusterState, changes: Mapping[str, str | None]) -> Overrides:
    """Those with these changes."""
    return change_overrides(present(state), access().settings.given, changes)


def _text(name: str, value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value).strip()
    raise _bad(f"{name} must be a text, a number, true, false or null.")


def _bad(message: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, message)


@blueprint.post("/v1/config/preview")
def ask() -> Response:
    """What the settings of the body would do on top of the present ones; null takes one of the API back."""
    asked = read_changes(_previews_problem)
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


def _previews_problem(name: str) -> str | None:
    if name.endswith(_AT_START):
        return f"{name} is read at the scheduler's start only: it has no preview."
    return None
