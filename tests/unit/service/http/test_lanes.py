"""Which requests never wait, and whose turn it is among those that do."""

from __future__ import annotations

import re
import threading
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from api.http.roles import OPEN
from service.http.lanes import Lane, is_quick
from tests.unit.api.serving import application


def request(method: str, path: str) -> Request:
    head = f"{method} {path} HTTP/1.1\r\nHost: api\r\n\r\n".encode()
    return Request(Config(), IterUnreader([head]), ("127.0.0.1", 1))


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    (tmp_path / "tokens").write_text("uSeR_t0k3n")
    return application(str(tmp_path))


def test_what_needs_no_token_is_quick_and_nothing_else(app: Flask) -> None:
    """No other path is: its thread might wait, and Marathon's health check behind it."""
    for rule in app.url_map.iter_rules():
        path = re.sub("<[^>]*>", "x", rule.rule)
        assert is_quick(request("GET", path)) == (rule.endpoint.rpartition(":")[2] in OPEN), path


@pytest.mark.parametrize(("method", "path", "quick"), [
    ("HEAD", "/v1/artifacts/executor.tar.gz", True),
    ("GET", "//service/cassandra//v1//artifacts//executor.tar.gz", True),
    ("GET", "/v1/health/", True),
    ("GET", "/v1/health?since=1", True),
    ("PUT", "/v1/health", False),
    ("GET", "/v1/artifacts/a/b", False),
    ("GET", "/v1/healthy", False),
    ("GET", "/" * 4000, False),
])  # fmt: skip
def test_quick_paths(method: str, path: str, quick: bool) -> None:
    assert is_quick(request(method, path)) is quick


def test_each_address_has_its_turn() -> None:
    lane = Lane("api-test", 1)
    begun, release, done = threading.Event(), threading.Event(), threading.Event()
    order: list[str] = []

    def hold() -> None:
        begun.set()
        release.wait(10)

    lane.submit("a", hold)
    assert begun.wait(10)
    for address, name in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("b", "b2")):
        lane.submit(address, partial(order.append, name))
    lane.submit("a", done.set)
    release.set()
    assert done.wait(10)
    assert order == ["a1", "b1", "a2", "b2", "a3"]
    lane.end()
    lane.join(10)
