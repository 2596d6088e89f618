"""Arguments of requests: known query parameters, each once, and a body that is empty or a JSON object."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import request

from api.http.bounds import BoundsError, read_json
from api.http.errors import MAX_BODY, RequestError
from scheduler.settings.texts import plain, sign_rule


def check_size() -> None:
    """Refuse a body over 1 MB before it is read."""
    if request.content_length is not None and request.content_length > MAX_BODY:
        raise _too_large()


def query(*allowed: str) -> Mapping[str, str]:
    """Return the query parameters that are not empty; 400 for an unknown one and for one that is there twice."""
    for name, values in request.args.lists():
        if name not in allowed:
            known = f"; known: {', '.join(allowed)}" if allowed else ""
            raise _bad(f"The query parameter {plain(name)} is unknown{known}.")
        if len(values) > 1:
            raise _bad(f"The query parameter {name} must be there once.")
        if (rule := sign_rule(values[0])) is not None:
            raise _bad(f"The query parameter {name} {rule}.")
    return {name: value for name, value in request.args.items() if value}


def flag(arguments: Mapping[str, str], name: str, default: bool = False) -> bool:
    """Return a query parameter that is true or false, `default` if it is missing; 400 for anything else."""
    return choice(arguments, name, ("true", "false"), "true" if default else "false") == "true"


def choice(arguments: Mapping[str, str], name: str, words: Sequence[str], default: str) -> str:
    """Return a query parameter that is one of `words`, `default` if it is missing; 400 for anything else."""
    value = arguments.get(name, default)
    if value not in words:
        raise _bad(f"The query parameter {name} must be {' or '.join(words)}, not {plain(value)}.")
    return value


def body(allowed: Collection[str] = ()) -> Mapping[str, object]:
    """Return the fields of the body, none for an empty one; 415 if it is not JSON, 400 for bad JSON or fields."""
    found = document()
    for name in found:
        if name not in allowed:
            known = f"known: {', '.join(allowed)}" if allowed else "this request has none"
            raise _bad(f"The field {plain(name)} is unknown; {known}.")
    return found


def document() -> Mapping[str, Any]:
    """Return the body without a check of its fields; 415 if it is not JSON, 400 for bad JSON."""
    data = _read()
    if not data:
        return {}
    if request.mimetype != "application/json":
        found = request.mimetype or "none"
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body's Content-Type must be application/json, not {plain(found)}."
        )
    try:
        found = read_json(data)
    except BoundsError as error:
        raise _bad(str(error)) from error
    if not isinstance(found, dict):
        raise _bad("The body must be a JSON object.")
    return found


def _read() -> bytes:
    """Read the whole body. One sent in chunks has no length before its end, so it is refused once it is too long."""
    data = b""
    while part := _part(MAX_BODY + 1 - len(data)):
        data += part
        if len(data) > MAX_BODY:
            raise _too_large()
    return data


def _part(size: int) -> bytes:
    try:
        return request.stream.read(size)
    except Exception as error:  # the HTTP server's own, for a body that is cut off or has chunks without a length
        raise _bad("The body is cut off, or its chunks are not as they must be.") from error


def _too_large() -> RequestError:
    return RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body must be at most {MAX_BODY} bytes.")


def _bad(message: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, message)
