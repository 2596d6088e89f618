"""Requests of the page to the REST API, in this process: each is checked exactly as one from outside."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Flask, current_app, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api.http import roles
from api.http.auth import VOUCHED
from scheduler.security.tokens import Role

# Those that the API reads to learn where a request comes from.
_FORWARDED = ("Host", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto")


@dataclass(frozen=True)
class Answer:
    """The API's answer; `message` is its sentence for people, if it has one."""

    status: int
    document: Any

    @property
    def accepted(self) -> bool:
        """Return whether the API did what was asked."""
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def message(self) -> str:
        """The sentence of the answer; empty if there is none."""
        found = self.document.get("message", "") if isinstance(self.document, dict) else ""
        return str(found)


def call(
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request to the API as the holder of the present session, and return its answer."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    sent = {name: request.headers[name] for name in _FORWARDED if name in request.headers} | dict(headers or {})
    environ = EnvironBuilder(
        path=path,
        method=method,
        query_string=dict(query or {}),
        headers=list(sent.items()),
        data=None if body is None else json.dumps(body),
        content_type=None if body is None else "application/json",
    ).get_environ()
    environ["REMOTE_ADDR"] = request.remote_addr or ""
    environ[VOUCHED] = g.holder
    # A context of its own: the request below has its own `g`.
    return contextvars.Context().run(_run, app, environ)


def _run(app: Flask, environ: dict[str, Any]) -> Answer:
    chunks, status, _ = run_wsgi_app(app.wsgi_app, environ, buffered=True)
    text = b"".join(chunks)
    try:
        found = json.loads(text)
    except ValueError:
        found = {"message": text.decode("utf-8", "replace")}
    return Answer(int(status.partition(" ")[0]), found)


def role_of(method: str, path: str) -> Role:
    """Return the role that the API wants for a request."""
    try:
        endpoint, _ = current_app.url_map.bind("").match(path, method)
    except HTTPException:
        return Role.ADMIN
    return roles.needed(endpoint) or Role.READ
