"""Settings in the body of a request, and what they come to on top of the environment and of those given before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api.http.access import access
from api.http.arguments import document, query
from api.http.errors import RequestError
from scheduler.core.configuration.overrides import Overrides, given, holding
from scheduler.core.state.cluster import ClusterState
from scheduler.settings import NAMES
from scheduler.settings.effective import CHANGEABLE

CANARY = "canary"
CHECK = "check"


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
    return holding(state.overrides, access().settings.given, CHANGEABLE)


def on_top(state: ClusterState, changes: Mapping[str, str | None]) -> Overrides:
    """Those with these changes."""
    return given(present(state), access().settings.given, changes)


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
