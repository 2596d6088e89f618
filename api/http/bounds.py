"""The limits of what a request may hold, checked before anything looks at it."""

from __future__ import annotations

import json
from typing import Any

from executor.untrusted import finite
from scheduler.settings.texts import LINE_SIGNS, plain, sign_rule

MAX_DEPTH = 16
MAX_ITEMS = 100_000
MAX_TEXT = 262_144
MAX_NAME = 512
_INTEGER = 2**63


class BoundsError(ValueError):
    """A document that cannot be taken; the text is one sentence."""


def read_json(data: bytes) -> Any:
    """Return the document. Raises BoundsError for what is no JSON, or holds more than any request needs."""
    try:
        found = json.loads(
            data.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once
        )
    except UnicodeDecodeError as error:
        raise BoundsError("The body is not JSON: it is not UTF-8.") from error
    except RecursionError as error:
        raise BoundsError(f"The body must not be nested more than {MAX_DEPTH} deep.") from error
    except BoundsError:
        raise
    except ValueError as error:
        raise BoundsError(f"The body is not JSON: {str(error)[:200]}.") from error
    _check(found)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Raises BoundsError for a name that it has twice: only one of the values could count."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BoundsError(f"The field {plain(name)} must be there once.")
        found[name] = value
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _finite(text: str) -> float:
    try:
        return finite(text)
    except ValueError:
        raise ValueError(f"{plain(text)} is no number") from None


def _check(document: Any) -> None:
    """Walk through all of it, without recursion."""
    left: list[tuple[str, Any, int]] = [("The body", document, 0)]
    seen = 0
    while left:
        place, value, depth = left.pop()
        if isinstance(value, dict | list):
            seen += len(value)
            if depth >= MAX_DEPTH:
                raise BoundsError(f"{place} must not be nested more than {MAX_DEPTH} deep.")
            if seen > MAX_ITEMS:
                raise BoundsError(f"The body must have at most {MAX_ITEMS} fields and items.")
        if isinstance(value, dict):
            for name, item in value.items():
                _check_name(name)
                left.append((plain(name) if depth == 0 else place, item, depth + 1))
        elif isinstance(value, list):
            left += ((place, item, depth + 1) for item in value)
        else:
            _check_value(place, value)


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME:
        raise BoundsError(f"The field {plain(name)} has a name of more than {MAX_NAME} characters.")
    if (rule := sign_rule(name)) is not None:
        raise BoundsError(f"The name of the field {plain(name)} {rule}.")


def _check_value(place: str, value: Any) -> None:
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise BoundsError(f"{place} must be at most {MAX_TEXT} characters long.")
        if (rule := sign_rule(value, LINE_SIGNS)) is not None:
            raise BoundsError(f"{place} {rule}.")
    elif isinstance(value, int) and not -_INTEGER <= value < _INTEGER:
        raise BoundsError(f"{place} must be a number of at most 64 bits.")
