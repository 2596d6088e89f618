"""The real API over a socket, and the command line that talks to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from flask import Flask, request
from werkzeug.serving import WSGIRequestHandler, make_server

from cli.root import main


class _Handler(WSGIRequestHandler):
    """Keeps connections open, as gunicorn does, and is silent."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@dataclass
class Served:
    """An API at an address; `rules` are the methods and the rules that were asked, in their order."""

    url: str
    rules: list[tuple[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def serve(app: Flask) -> Iterator[Served]:
    found = Served("")

    @app.before_request
    def remember() -> None:
        found.rules.append((request.method, request.url_rule.rule if request.url_rule is not None else request.path))
        found.paths.append(f"{request.root_path}{request.full_path}".rstrip("?"))

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """Runs commands in this process."""

    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Ran:
        self.capture.readouterr()
        code = main(arguments)
        captured = self.capture.readouterr()
        return Ran(code, captured.out, captured.err)
