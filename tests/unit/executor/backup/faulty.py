"""An HTTP proxy before the S3 server that does to some requests what networks and busy servers do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.unit.executor.backup.s3_server import Server

_ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message></Error>"


@dataclass(frozen=True)
class Request:
    """A request to the proxy: `number` counts all requests from 1 on."""

    method: str
    path: str
    number: int
    headers: Any


@dataclass(frozen=True)
class Refuse:
    """An answer of S3's own kind."""

    status: int
    code: str
    message: str = "because the test says so"


@dataclass(frozen=True)
class Cut:
    """The connection ends without an answer; `after` the request was done, or before."""

    after: bool = False


@dataclass(frozen=True)
class Truncate:
    """The answer ends in its midst."""


@dataclass(frozen=True)
class Delay:
    """The answer comes late, at the latest when the proxy is `awake`."""

    seconds: float


Fault = Refuse | Cut | Truncate | Delay
Rule = Callable[[Request], Fault | None]


@dataclass
class Proxy:
    """The proxy: `server` is its address, `rule` may be changed while it runs, `seen` lists all requests."""

    server: Server
    rule: Rule = lambda request: None
    seen: list[Request] = field(default_factory=list)
    awake: threading.Event = field(default_factory=threading.Event)

    def requests(self, method: str, part: str = "") -> list[Request]:
        """Return the requests of a method whose path contains a text."""
        return [item for item in self.seen if item.method == method and part in item.path]


def times(number: int, fault: Fault, method: str, part: str = "") -> Rule:
    """Return the fault for the first so many requests of a method whose path contains a text."""
    left = [number]

    def rule(request: Request) -> Fault | None:
        if request.method != method or part not in request.path or left[0] == 0:
            return None
        left[0] -= 1
        return fault

    return rule


@contextmanager
def proxy_of(target: Server) -> Iterator[Proxy]:
    """Run a proxy before a server."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

        def do_GET(self) -> None:
            self._serve()

        def do_HEAD(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def _serve(self) -> None:
            with lock:
                request = Request(self.command, self.path, len(proxy.seen) + 1, self.headers)
                proxy.seen.append(request)
                fault = proxy.rule(request)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if isinstance(fault, Refuse):
                self._answer(fault.status, [], _ERROR.format(fault.code, fault.message).encode())
                return
            if isinstance(fault, Cut) and not fault.after:
                self.close_connection = True
                return
            status, headers, content = self._forward(body)
            if isinstance(fault, Cut):
                self.close_connection = True
                return
            if isinstance(fault, Delay):
                proxy.awake.wait(fault.seconds)
            self._answer(status, headers, content, truncate=isinstance(fault, Truncate))

        def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection(target.host, target.port, timeout=30.0)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            finally:
                connection.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, truncate: bool = False) -> None:
            left_out = {"content-length", "transfer-encoding", "connection", "date", "server"}
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in left_out:
                    self.send_header(name, value)
            told = {name.lower(): value for name, value in headers}.get("content-length", "0")
            self.send_header("Content-Length", told if self.command == "HEAD" else str(len(content)))
            self.end_headers()
            self.close_connection = self.close_connection or truncate
            self.wfile.write(content[: len(content) // 2] if truncate else content)

    class Listener(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Ignore clients that went away, as some tests make them do."""

    with Listener((target.host, 0), Handler) as listener:
        proxy = Proxy(Server(target.host, listener.server_address[1]))
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.awake.set()
            listener.shutdown()
            thread.join()
