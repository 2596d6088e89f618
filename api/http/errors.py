"""Errors as JSON {"message": "<sentence>"} with their status code."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as WerkzeugResponse

from api.sentences import sentence
from scheduler.core.commands.command import Refusal, RefusalKind
from scheduler.loop.snapshot import Unavailable
from scheduler.settings.texts import plain

MAX_BODY = 1024 * 1024
MAX_MESSAGE = 8192

_CODES = {
    RefusalKind.UNKNOWN: HTTPStatus.NOT_FOUND,
    RefusalKind.INVALID: HTTPStatus.BAD_REQUEST,
    RefusalKind.CONFLICT: HTTPStatus.CONFLICT,
}


class RequestError(Exception):
    """A refused request; `message` is one sentence for the client."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def refusal_error(refusal: Refusal) -> RequestError:
    """Return the error for a command that the scheduler refused."""
    return RequestError(_CODES[refusal.kind], sentence(refusal.message))


def register(app: Flask) -> None:
    """Register the handlers of all errors."""
    app.register_error_handler(RequestError, _request_error)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(HTTPException, http_error)


def _request_error(error: RequestError) -> Response:
    return _message(error.status, error.message)


def _unavailable(error: Unavailable) -> Response:
    response = _message(HTTPStatus.SERVICE_UNAVAILABLE, sentence(str(error)))
    response.headers["Retry-After"] = "1"
    return response


def http_error(error: HTTPException) -> Response | WerkzeugResponse:
    """Return the answer to an error of HTTP, such as a path where nothing is."""
    if isinstance(error, RequestRedirect) or error.code is None:
        return error.get_response(request.environ)
    headers = error.get_response(request.environ).headers
    allow = ", ".join(sorted(headers.get("Allow", "").split(", ")))
    response = _message(HTTPStatus(error.code), _explain(error, allow))
    if allow:
        response.headers["Allow"] = allow
    if "Content-Range" in headers:
        response.headers["Content-Range"] = headers["Content-Range"]
    return response


def _explain(error: HTTPException, allow: str) -> str:
    match error.code:
        case 404:
            return f"There is nothing at {_shown_path()}."
        case 405:
            return f"{plain(request.method)} is not allowed at {_shown_path()}; allowed: {allow}."
        case 500:
            return "The request failed: an error in the scheduler; its log has the cause."
    return error.description or error.name


def _shown_path() -> str:
    """Return the whole path of the request, with the mount that it came through."""
    return plain(f"{request.root_path}{request.path}")


def _message(status: HTTPStatus, message: str) -> Response:
    response = jsonify(message=message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…")
    response.status_code = status
    return response
