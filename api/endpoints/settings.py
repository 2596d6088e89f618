"""Settings through the API: override them, preview them, or return to an earlier configuration."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify

from api.documents import cluster
from api.endpoints.settings_trial import check_by_cassandra
from api.http.access import access, snapshot, submit
from api.http.arguments import body, document, query
from api.http.errors import RequestError, refusal_error
from api.openapi.json_schema import ref
from api.openapi.routes import REASON, Routes
from scheduler.core.commands.apply import command_target
from scheduler.core.commands.command import Refusal, SetTarget
from scheduler.core.configuration.differences import launch_differences, listed_differences
from scheduler.core.configuration.overrides import Wanted, change_overrides, restore_overrides
from scheduler.core.configuration.target import canary_of
from scheduler.core.nodes.rollout import first_node
from scheduler.core.plans.preview import preview
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Configuration, Overrides
from scheduler.settings import NAMES, InvalidSettings, code
from scheduler.settings.effective import CHANGEABLE, RETURNING, in_force, misfits, wanted
from scheduler.settings.parsing import unknown_setting
from scheduler.settings.texts import plain

blueprint = Routes("changes", __name__)

CANARY = "canary"
CHECK = "check"

# Settings that name files or hold a secret have no preview.
_AT_START = ("_FILE", "_DIR", "SECRETS_KEY")


@blueprint.submit(
    "/v1/config",
    "Override settings of the environment",
    ref("Changed"),
    body=ref("Settings"),
    methods=("PUT",),
    failures=("409",),
    parameters=(REASON,),
)
def change() -> Response:
    """Override settings of the environment; null removes an override."""
    requested = read_changes(_change_problem)
    state = snapshot().state
    found = _wanted(state, requested.changes)
    return _submit(state, found, requested.check, canary=requested.canary)


@blueprint.submit(
    "/v1/config/rollback",
    "Return to the previous configuration, or to the one that the body names",
    ref("Changed"),
    body=ref("Rollback"),
    failures=("404", "409"),
    parameters=(REASON,),
)
def roll_back() -> Response:
    """Return to the previous configuration, or to the one that the body names."""
    query()
    state = snapshot().state
    fields = dict(body(("configuration", CHECK)))
    check = flag(fields, CHECK, default=True)
    aim = _aim(state, fields.get("configuration"))
    given = access().settings.given
    assert aim.settings is not None
    try:
        found = wanted(given, restore_overrides(present_overrides(state), given, RETURNING, aim.settings))
        if problems := code.problems(found.overrides, given):
            raise InvalidSettings(problems)
    except InvalidSettings as error:
        staying = {name: override for name, override in present_overrides(state).items() if name not in RETURNING}
        words = " ".join([*error.problems, *misfits(staying, given)])
        raise _conflict(f"The configuration {aim.id} cannot be brought back: {words}") from error
    if differences := launch_differences(aim.spec, found.spec):
        text = "settings that are read at the scheduler's start have changed since, and nodes would be launched with"
        raise _conflict(f"The configuration {aim.id} cannot be brought back: {text} {listed_differences(differences)}.")
    return _submit(state, found, check, configuration=aim.id)


def _wanted(state: ClusterState, changes: Mapping[str, str | None]) -> Wanted:
    """Return what the settings come to with these changes. Raises RequestError."""
    environment, overrides = access().settings.given, overrides_with(state, changes)
    named = {name: override for name, override in overrides.items() if name not in code.NAMES}
    try:
        if problems := (*code.problems(named, environment), *_change_problems(changes, environment)):
            raise InvalidSettings(problems)
        return wanted(environment, overrides)
    except InvalidSettings as error:
        kept = {name: override for name, override in overrides.items() if name not in changes}
        raise _bad(" ".join([*error.problems, *misfits(kept, environment)])) from error


def _change_problems(changes: Mapping[str, str | None], environment: Mapping[str, str]) -> tuple[str, ...]:
    found = (code.change_problem(name, text, environment) for name, text in sorted(changes.items()) if text is not None)
    return tuple(problem for problem in found if problem is not None)


def _change_problem(name: str) -> str | None:
    if name in code.NAMES:
        return f"{name} {code.ALONE}"
    if name not in CHANGEABLE:
        return f"{name} is read at the scheduler's start only: change it in the scheduler's environment."
    return None


def _aim(state: ClusterState, name: object) -> Configuration:
    if name is None:
        name = state.previous
        if name is None:
            raise _conflict("There is no previous configuration.")
    if not isinstance(name, str):
        raise RequestError(HTTPStatus.BAD_REQUEST, "configuration must be the id of a configuration.")
    found = state.configurations.get(name)
    if found is None:
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is no configuration {plain(name)}.")
    if found.settings is None:
        raise _conflict(f"The configuration {name} cannot be brought back: its version recorded no settings.")
    return found


def _submit(state: ClusterState, found: Wanted, check: bool, canary: bool = False, configuration: str = "") -> Response:
    """Submit the settings to the loop, unless nothing differs. The answer is computed here first.

    Cassandra tries the settings before; it would not start with those that are refused.
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
        raise refusal_error(outcome)
    outlook = preview(state, found)
    trial = check_by_cassandra(state, found.spec, outlook, check)
    if (words := trial.refusal) is not None:
        raise _conflict(f"{words}.")
    if outcome is not state:
        submit(command)
    answer = {"configuration": outcome.target.id, "canary": _canary(outcome), "cassandra_check": trial.document()}
    return jsonify({**cluster.preview(outlook), **answer})


def _canary(state: ClusterState) -> str | None:
    """Return the node that has the target before all others, or will have it."""
    canary, first = canary_of(state), first_node(state)
    if canary is None:
        return None
    return canary.node or (None if first is None else first.name)


def _differs(name: str, before: Overrides, after: Overrides) -> bool:
    return before.get(name) != after.get(name)


def _conflict(message: str) -> RequestError:
    return RequestError(HTTPStatus.CONFLICT, message)


@dataclass(frozen=True)
class RequestedSettings:
    """The content of a body: settings as texts, None for a removed override; a canary; a config check."""

    changes: Mapping[str, str | None]
    canary: bool
    check: bool


def read_changes(problem: Callable[[str], str | None]) -> RequestedSettings:
    """Read the settings of the body; `problem` returns why a setting must not be there, if so."""
    query()
    fields = dict(document())
    canary, check = flag(fields, CANARY, default=False), flag(fields, CHECK, default=True)
    for name in fields:
        if name not in NAMES:
            raise _bad(unknown_setting(plain(name)))
        if (words := problem(name)) is not None:
            raise _bad(words)
    return RequestedSettings({name: _text(name, value) for name, value in fields.items()}, canary, check)


def flag(fields: dict[str, Any], name: str, default: bool) -> bool:
    """Remove a field that is true or false from a body and return its value."""
    value = fields.pop(name, default)
    if not isinstance(value, bool):
        raise _bad(f"{name} must be true or false.")
    return value


def present_overrides(state: ClusterState) -> Overrides:
    """Return the overrides that still hold."""
    return in_force(state.overrides, access().settings.given)


def overrides_with(state: ClusterState, changes: Mapping[str, str | None]) -> Overrides:
    """Return the overrides that still hold, with these changes."""
    return change_overrides(present_overrides(state), access().settings.given, changes)


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


@blueprint.submit(
    "/v1/config/preview",
    "What other settings would do, without any change",
    ref("Preview"),
    body=ref("Settings"),
)
def preview_change() -> Response:
    """Return the effect of other settings; null stands for the removal of an override."""
    requested = read_changes(_preview_problem)
    state = snapshot().state
    found = _wanted(state, requested.changes)
    outlook = preview(state, found)
    foreign = bool(code.NAMES & found.overrides.keys())
    trial = check_by_cassandra(state, found.spec, outlook, requested.check, foreign)
    if (refusal := trial.refusal) is not None:
        outlook = replace(outlook, refusals=(refusal,), restarts=(), leaves=())
    return jsonify({**cluster.preview(outlook), "cassandra_check": trial.document()})


def _preview_problem(name: str) -> str | None:
    if name.endswith(_AT_START):
        return f"{name} is read at the scheduler's start only: it has no preview."
    return None
