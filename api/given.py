"""Settings in the body of a request, and what they come to on top of the environment and of those given before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from api.access import access
from api.arguments import document, query
from api.errors import RequestError
from scheduler.core.state import ClusterState
from scheduler.core.wanted import Overrides, given, holding
from scheduler.settings import NAMES
from scheduler.wanted import CHANGEABLE

CANARY = "canary"


def read_changes(check: Callable[[str], str | None]) -> tuple[Mapping[str, str | None], bool]:
    """The settings of the body as texts, None for one that is taken back, and whether a canary is wanted.

    `check` says what is wrong with giving this setting, if anything is.
    """
    query()
    fields = dict(document())
    canary = fields.pop(CANARY, False)
    if not isinstance(canary, bool):
        raise _bad(f"{CANARY} must be true or false.")
    for name in fields:
        if name not in NAMES:
            raise _bad(f"{name} is not a setting.")
        if (problem := check(name)) is not None:
            raise _bad(problem)
    return {name: _text(name, value) for name, value in fields.items()}, canary


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
