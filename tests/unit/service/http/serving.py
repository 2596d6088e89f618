"""The worker on a thread of the test, over real sockets, with an application that can be held up."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gunicorn.config import Config
from gunicorn.glogging import Logger

from api.http.streaming import Outlet
from service.http.limits import Limits
from service.http.tls import Identities
from service.http.worker import Worker
from tests.waiting import wait_for

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

THREADS = 4
LARGE = b"x" * 8_000_000


@dataclass
class Application:
    """Answers by path; `/wait` holds its thread until `released`."""

    artifact: Path
    released: threading.Event = field(default_factory=threading.Event)
    # Each lets `/events` send one more.
    steps: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(2))
    bodies: list[bytes] = field(default_factory=list)
    # How the streams ended.
    ends: list[str] = field(default_factory=list)
    # What continues the answers of `/detached`.
    outlets: list[Outlet] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"]
        if path.startswith("/v1/artifacts/"):
            start("200 OK", [("Content-Length", str(self.artifact.stat().st_size))])
            found: Iterable[bytes] = environ["wsgi.file_wrapper"](self.artifact.open("rb"))
            return found
        if path == "/stream":
            start("200 OK", [("Content-Type", "text/event-stream")])
            return self._stream()
        if path == "/events":
            start("200 OK", [("Content-Type", "text/event-stream")])
            return self._events()
        if path == "/detached":
            start("200 OK", [("Content-Type", "text/event-stream")])
            return self._detached(environ["gunicorn.socket"])
        if path == "/wait":
            self.released.wait(30)
        if path == "/fail":
            raise ValueError("a defect")
        body = LARGE if path == "/large" else b"pong"
        if path == "/client":
            certificate = environ["gunicorn.socket"].certificate
            body = f"{environ['wsgi.url_scheme']} {certificate and certificate.name}".encode()
        if path == "/echo":
            body = environ["wsgi.input"].read()
            self.bodies.append(body)
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def _detached(self, outlet: Outlet) -> Iterator[bytes]:
        yield b"data: first\n\n"
        outlet.detach()
        self.outlets.append(outlet)

    def _events(self) -> Iterator[bytes]:
        try:
            for number in range(10):
                self.steps.acquire(timeout=20)
                yield f"data: event {number}\n\n".encode()
            self.ends.append("released")
        except GeneratorExit:
            self.ends.append("closed")
            raise

    def _stream(self) -> Iterator[bytes]:
        try:
            while not self.released.is_set():
                yield b"data: " + b"y" * 65_536 + b"\n\n"
            self.ends.append("released")
        except GeneratorExit:
            self.ends.append("closed")
            raise


@dataclass
class Served:
    """A worker that serves."""

    address: tuple[str, int]
    application: Application
    worker: Worker
    # The clients' side of TLS, None for plain HTTP.
    tls: ssl.SSLContext | None = None

    def connect(self, source: str = "127.0.0.1", receive_bytes: int = 0) -> socket.socket:
        """Open a connection from an address of this machine."""
        client = socket.socket()
        client.settimeout(20)
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.bind((source, 0))
        client.connect(self.address)
        return client if self.tls is None else self.tls.wrap_socket(client, server_hostname=self.address[0])

    def connect_plain(self) -> socket.socket:
        """Open a connection without TLS."""
        return socket.create_connection(self.address, 20)

    def ask(self, data: bytes, source: str = "127.0.0.1") -> bytes:
        """Send bytes on a connection of its own, and return all that comes back until the server closes."""
        with self.connect(source) as client:
            client.sendall(data)
            return read_all(client)

    def ping(self, source: str = "127.0.0.1") -> None:
        """Ask `/admin/ping`; fail without an answer within the deadline of `ask`."""
        assert self.ask(get("/admin/ping"), source).endswith(b"pong")


def get(path: str, headers: str = "Connection: close\r\n") -> bytes:
    """Return a request."""
    return f"GET {path} HTTP/1.1\r\nHost: api\r\n{headers}\r\n".encode()


def read_all(client: socket.socket) -> bytes:
    """Return what comes until the server closes, or resets, the connection."""
    data = b""
    try:
        while part := client.recv(1_000_000):
            data += part
    except (ConnectionError, ssl.SSLEOFError):
        pass
    return data


def ended(client: socket.socket) -> bool:
    """Return whether the server has closed; bytes that have come are dropped."""
    client.setblocking(False)
    try:
        while client.recv(1_000_000):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


Serve = Callable[..., Served]
Before = Callable[[tuple[str, int]], None]


@contextmanager
def served(
    artifact: Path,
    limits: Limits,
    before: Before | None = None,
    identities: Identities | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Served]:
    """Serve until the end of the block; `before` may connect to the address while nobody accepts."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    if before is not None:
        before(listener.getsockname())
    config = Config()
    config.set("threads", THREADS)
    config.set("graceful_timeout", 5)
    config.set("errorlog", os.devnull)
    logger = Logger(config)
    worker = Worker(1, os.getppid(), [listener], None, 30, config, logger, limits=limits)
    application = Application(artifact)
    worker.wsgi = application
    worker.identities = identities
    thread = threading.Thread(target=worker.run, name="worker")
    thread.start()
    try:
        yield Served(listener.getsockname(), application, worker, tls)
    finally:
        application.released.set()
        worker.handle_exit(signal.SIGTERM, None)
        thread.join(20)
        worker.tmp.close()
        for handler in (*logger.error_log.handlers, *logger.access_log.handlers):
            handler.close()
        assert not thread.is_alive()
        wait_for("no thread is left", lambda: not any(item.name.startswith("api") for item in threading.enumerate()))


_CLOSED = 7  # TCP_CLOSE of linux/tcp_states.h


def dead(client: socket.socket) -> bool:
    """Return whether the server has reset the connection, without reading from it."""
    state = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0 or state == _CLOSED
