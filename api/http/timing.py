"""The duration of each request, for `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Collection

from flask import Flask, Response, g, request

from api.http.access import access
from api.http.path_template import path_template


def register(app: Flask, mounts: Collection[str]) -> None:
    """Observe every request; `mounts` are the prefixes below which the same paths are served again."""
    prefixes = sorted(filter(None, mounts), key=len, reverse=True)

    def observe(response: Response) -> Response:
        method, path = _labels(prefixes)
        access().metrics.observe_request(method, path, response.status_code, time.perf_counter() - g.began)
        return response

    app.before_request(_begin)
    app.after_request(observe)


def _begin() -> None:
    g.began = time.perf_counter()


def _labels(prefixes: list[str]) -> tuple[str, str]:
    """Return the method, and the path's template without its mount.

    Both are empty where no route matches: clients could invent any number of labels.
    """
    if request.url_rule is None:
        return "", ""
    path = path_template(request.url_rule.rule)
    own = next((path.removeprefix(prefix) for prefix in prefixes if path.startswith(f"{prefix}/")), path)
    return request.method, own
