"""Authentication by `Authorization: token=<token>`, if a token file is set."""

from __future__ import annotations

import hmac
import logging
from pathlib import Path

from flask import Response, current_app, g, jsonify, request

from scheduler.security.tokens import Token, TokenFileError, parse_tokens

log = logging.getLogger(__name__)

EXTENSION = "cassandra-mesos-tokens"
# Marathon's health checks, and the fetcher of the agents, which can send no header.
OPEN_ENDPOINTS = frozenset({"health.ping", "health.healthcheck", "health.health", "artifacts.fetch"})
TRUSTED = "admin-router"


class TokenFile:
    """The tokens of a file, read again when the file changes. A file that cannot be used changes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    def holder(self, secret: str) -> str | None:
        """Return the name of the token's holder, None for a wrong token, in a time that does not depend on it."""
        found = None
        for token in self._current():
            if hmac.compare_digest(token.secret.encode(), secret.encode("utf-8", "replace")):
                found = token.name
        return found

    def _current(self) -> tuple[Token, ...]:
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                self._seen = seen
                self._tokens = parse_tokens(self._path.read_text())
        except (OSError, UnicodeDecodeError, TokenFileError) as error:
            log.error("API_TOKEN_FILE %s cannot be used: %s; the previous tokens stay valid", self._path, error)
        return self._tokens


def check() -> Response | None:
    """Store the principal of a request in `g`, or answer 401."""
    tokens = current_app.extensions[EXTENSION]
    if tokens is None:
        g.principal = TRUSTED
        return None
    if request.endpoint is not None and request.endpoint.rpartition(":")[2] in OPEN_ENDPOINTS:
        return None
    scheme, _, secret = request.headers.get("Authorization", "").partition("=")
    holder = tokens.holder(secret) if scheme.strip() == "token" else None
    if holder is None:
        return _refuse("Authorization" in request.headers)
    g.principal = holder
    return None


def _refuse(given: bool) -> Response:
    message = "The token is not valid." if given else "A token is needed: send the header Authorization: token=<token>."
    response = jsonify(message=message)
    response.status_code = 401
    response.headers["WWW-Authenticate"] = 'token realm="cassandra"'
    return response
