"""gunicorn's worker process around the event loop."""

from __future__ import annotations

import errno
import functools
import logging
import time
from http import HTTPStatus
from types import FrameType
from typing import TYPE_CHECKING, Any

from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request
from gunicorn.workers.gthread import ThreadWorker

from api.http import client_roles, streaming
from service.http.descriptors import reserve
from service.http.exchange import Exchange
from service.http.limits import Limits
from service.http.loop import HttpLoop
from service.http.tls import Identities

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

# A refused request may be part of the reason, with all of its bytes.
REASON_CHARACTERS = 200
# How long kept connections stay open after SIGTERM: a request may be under way on one, and is answered.
STOP_SECONDS = 2.0
_CLIENT_GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)


class Worker(ThreadWorker):
    """A thread worker whose threads get only complete requests, and never wait for a client.

    If `identities` is set before `run`, it speaks TLS with the certificate that this returns.
    """

    def __init__(self, *arguments: Any, limits: Limits | None = None) -> None:
        super().__init__(*arguments)
        # By default a client of this machine could choose the path below which the API believes itself to be.
        self.cfg.set("forwarder_headers", "")
        self._limits = limits or Limits()
        self.identities: Identities | None = None
        self._loop: HttpLoop | None = None

    def load_wsgi(self) -> None:
        """Load the application: a request's environment has the client's certificate, and the way to stream."""
        super().load_wsgi()
        application = self.wsgi

        @functools.wraps(application)
        def with_exchange(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ[client_roles.ENVIRON] = environ["gunicorn.socket"].certificate
            environ[streaming.ENVIRON] = environ["gunicorn.socket"]
            answer: Iterable[bytes] = application(environ, start_response)
            return answer

        self.wsgi = with_exchange

    def run(self) -> None:
        """Serve until told to end, then answer what has begun, for as long as gunicorn allows."""
        descriptors = reserve(self._limits.connections)
        loop = self._loop = HttpLoop(self.sockets, self.cfg, self, self._limits, descriptors, self.identities)
        loop.accept(True)
        while self.alive and self.is_parent_alive():
            self.notify()
            loop.turn(1.0)
        loop.hasten(STOP_SECONDS)
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while len(loop) and time.monotonic() < deadline:
            self.notify()
            loop.turn(STOP_SECONDS / 10)
        self._loop = None
        loop.close()
        for listener in self.sockets:
            listener.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end: SIGTERM."""
        self.alive = False
        if self._loop is not None:
            self._loop.wake()

    def answer(self, request: Request, exchange: Exchange) -> bool:
        """Have the application answer, on a thread; return whether the connection may go on."""
        try:
            return self.handle_request(request, exchange)
        except StopIteration:  # the application failed within its answer, which gunicorn has logged
            return False
        except OSError as error:
            if error.errno not in _CLIENT_GONE and not isinstance(error, BrokenPipeError):
                log.exception("%s %s could not be answered", request.method, request.path)
            return False
        except (Exception, SystemExit) as error:  # noqa: BLE001 the application's border: gunicorn logs it and answers 500
            self.handle_error(request, exchange, exchange.client, error)
            return False

    def reject(self, error: ParseException, client: tuple[str, int]) -> tuple[HTTPStatus, str]:
        """Log what is no request as gunicorn does, and return the status that it would answer, with a sentence."""
        answer = _Collected()
        self.handle_error(None, answer, client, error)
        status = HTTPStatus(int(answer.data.split(b" ", 2)[1]))
        return status, f"The request is not valid HTTP: {str(error)[:REASON_CHARACTERS]}."


class _Collected:
    """A socket as far as gunicorn writes an error to it."""

    def __init__(self) -> None:
        self.data = bytearray()

    def sendall(self, data: bytes) -> None:
        """Keep the bytes."""
        self.data += data

    def gettimeout(self) -> float:
        """Return what makes gunicorn take this for a socket that never blocks."""
        return 0.0
