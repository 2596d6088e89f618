"""Small HTTP servers whose answers a test decides: each runs in a thread, on a port of its own."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_POLL_SECONDS = 0.02


class QuietHandler(BaseHTTPRequestHandler):
    """A handler that logs nothing, so that a test's output stays readable."""

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send a complete answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class _TlsServer(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Print nothing about clients that do not trust the server."""


class HttpServer:
    """A server on 127.0.0.1 that serves, one thread for each connection, until it is closed."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> None:
        self._server = (ThreadingHTTPServer if tls is None else _TlsServer)(("127.0.0.1", 0), handler)
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            # The handshake is the thread's of the connection: one that fails must not end the server.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Return the port that the kernel chose."""
        return self._server.server_port

    @property
    def address(self) -> str:
        """Return host and port: ``127.0.0.1:40001``."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Return the base of all its URLs."""
        return f"{self._scheme}://{self.address}"

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
