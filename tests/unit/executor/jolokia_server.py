"""A server in place of the Jolokia agent, that answers as the test says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from executor.jmx.jolokia import Jolokia
from tests.http_servers import HttpServer, QuietHandler

Answer = Callable[[Any], tuple[int, bytes]]
CREDENTIAL = "Basic " + base64.b64encode(b"executor:secret").decode()
# In place of a status: the connection is closed.
NO_ANSWER = 0


class Server:
    """A server that answers every request with `answer`, and with 401 without the right credential."""

    def __init__(self) -> None:
        self.answer: Answer = lambda body: (200, b"[]")
        self.bodies: list[Any] = []
        self._server = HttpServer(_handler(self))

    def client(self, password: str = "secret") -> Jolokia:
        return Jolokia("127.0.0.1", self._server.port, "executor", password)

    def close(self) -> None:
        self._server.close()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.bodies.append(body)
            status, text = server.answer(body) if self.headers["Authorization"] == CREDENTIAL else (401, b"")
            if status == NO_ANSWER:
                return
            self.reply(status, text)

    return Handler
