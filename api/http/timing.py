"""The duration of each request, for `/metrics`."""

from __future__ import annotations

import time

from flask import Flask, Response, g, request

from api.http.access import access
from api.http.path_template import path_template


def register(app: Flask) -> None:
    """Observe every request."""

    def observe(response: Response) -> Response:
        method, path = _labels()
        access().metrics.observe_request(method, path, response.status_code, time.perf_counter() - g.began)
        return response

    app.before_request(_begin)
    app.after_request(observe)


def _begin() -> None:
    g.began = time.perf_counter()


def _labels() -> tuple[str, str]:
    """Return the method, and the path's template.

    Both are empty where no route matches: clients could invent any number of labels.
    """
    if request.url_rule is None:
        return "", ""
    return request.method, path_template(request.url_rule.rule)
