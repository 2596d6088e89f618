"""The event loop: one thread that accepts, reads, sends and closes for all connections."""

from __future__ import annotations

import logging
import math
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Protocol

from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request

from service.http.connection import Connection, Phase
from service.http.crowd import Crowd
from service.http.descriptors import lift
from service.http.exchange import Exchange
from service.http.lanes import Lane, is_quick
from service.http.limits import Limits
from service.http.outgoing import BytesPart, FilePart
from service.http.requests import RequestReader
from service.http.tally import Cause, Tally
from service.http.tls import Identities, Tls

log = logging.getLogger(__name__)

# Connections accepted before those that exist have their turn again.
ACCEPT_AT_ONCE = 128
CHECK_SECONDS = 0.5
# How long no connection is accepted after the process has run out of descriptors.
PAUSE_SECONDS = 0.2
# The kernel holds at most this much unsent for a client, so that the loop sees what the client takes.
UNSENT_BYTES = 128 * 1024
_NOTSENT_LOWAT = 25  # Linux' TCP_NOTSENT_LOWAT, which the socket module lacks


class Answers(Protocol):
    """What answers requests."""

    def answer(self, request: Request, exchange: Exchange) -> bool:
        """Write the answer, on a thread of its own; return whether the connection may go on."""

    def reject(self, error: ParseException, client: tuple[str, int]) -> tuple[HTTPStatus, str]:
        """Return status and sentence for what is no request."""


class HttpLoop:
    """Connections of listening sockets. `turn` does all the work; only `call` and `wake` are for other threads."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        config: Config,
        answers: Answers,
        limits: Limits,
        descriptors: int,
        identities: Identities | None = None,
    ) -> None:
        """`identities` gives the certificate of new connections; without it the API speaks plain HTTP."""
        self._listeners = tuple(listeners)
        self._config = config
        self._answers = answers
        self._limits = limits
        self._crowd = Crowd(limits, descriptors)
        self._selector = selectors.DefaultSelector()
        self._watched: dict[Connection, int] = {}
        self._calls: deque[tuple[Connection, Callable[[], None]]] = deque()
        self._tally = Tally(self.now())
        # Reentrant: a signal handler may interrupt its holder.
        self._open = threading.RLock()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._lane = Lane("api", config.threads)
        self._quick_lane = Lane("api-quick", limits.quick_threads)
        self._identities = identities
        self._tls_lane = Lane("api-tls", limits.handshake_threads if identities is not None else 0)
        self._lanes = (self._lane, self._quick_lane, self._tls_lane)
        self._accepting = False
        self._accept_from = 0.0
        self._next_check = 0.0
        self._until = math.inf

    def __len__(self) -> int:
        """Return the number of connections."""
        return len(self._crowd)

    def now(self) -> float:
        """Return the monotonic time in seconds."""
        return time.monotonic()

    def call(self, connection: Connection, work: Callable[[], None]) -> None:
        """Run the connection's `work` in the loop's next turn; from any thread."""
        with self._open:
            if self._wake >= 0:
                self._calls.append((connection, work))
                os.eventfd_write(self._wake, 1)
                return
        work()  # all connections are closed: they free what they are given

    def wake(self) -> None:
        """Have the present turn end; from a signal handler of the loop's thread too."""
        with self._open:
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    def accept(self, wanted: bool) -> None:
        """Begin or end to accept connections."""
        if wanted and not self._accepting:
            for listener in self._listeners:
                listener.setblocking(False)
                self._selector.register(listener, selectors.EVENT_READ, partial(self._accept, listener))
        if self._accepting and not wanted:
            for listener in self._listeners:
                self._selector.unregister(listener)
        self._accepting = wanted

    def turn(self, seconds: float) -> None:
        """Do what can be done now; wait for at most so long for something to do."""
        if self._accepting is False and 0.0 < self._accept_from <= self.now():
            self._accept_from = 0.0
            self.accept(True)
        for key, events in self._selector.select(min(seconds, CHECK_SECONDS)):
            if isinstance(key.data, Connection):
                self._serve(key.data, events)
            elif key.data is not None:
                self._guard(None, key.data)
            else:
                os.eventfd_read(self._wake)
        for _ in range(len(self._calls)):
            self._guard(*self._calls.popleft())
        while (connection := self._crowd.heaviest()) is not None:
            self.note(Cause.MEMORY)
            connection.abandon()
        if self.now() >= self._next_check:
            self._check()

    def hasten(self, seconds: float) -> None:
        """End to accept; wait only so long for further requests on the connections that exist."""
        self.accept(False)
        self._accept_from = 0.0
        self._until = self.now() + seconds

    def close(self) -> None:
        """Close everything but the listening sockets."""
        self.accept(False)
        for lane in self._lanes:
            lane.end()
        for connection in self._crowd.all():
            connection.close()
        self._selector.close()
        with self._open:
            os.close(self._wake)
            self._wake = -1
        while self._calls:
            self._guard(*self._calls.popleft())

    def join(self, seconds: float) -> None:
        """Wait for the threads after `close`."""
        for lane in self._lanes:
            lane.join(seconds)

    def watch(self, connection: Connection, events: int) -> None:
        """Call the connection on these events, none for 0."""
        before = self._watched.get(connection, 0)
        if events == before:
            return
        if not events:
            self._selector.unregister(connection.sock)
            del self._watched[connection]
            return
        if before:
            self._selector.modify(connection.sock, events, connection)
        else:
            self._selector.register(connection.sock, events, connection)
        self._watched[connection] = events

    def begin(self, connection: Connection, request: Request) -> Exchange:
        """Have a thread answer the request."""

        def post(part: BytesPart | FilePart) -> None:
            self.call(connection, partial(connection.put, part))

        def answer() -> None:
            keep = False
            try:
                if (started := exchange.start()) is not None:
                    keep = self._answers.answer(started, exchange)
                    exchange.flush()
            except OSError:
                keep = False  # the client is gone
            finally:
                if not exchange.detached:
                    self.call(connection, partial(connection.finish, keep))

        def finish() -> None:
            self.call(connection, partial(connection.finish, False))

        if connection.channel.scheme == "https":  # else a router on this machine may have said so
            request.scheme = "https"
        server, certificate = connection.sock.getsockname()[:2], connection.channel.certificate
        exchange = Exchange(request, connection.client, server, post, certificate, finish)
        lane = self._quick_lane if is_quick(request) else self._lane
        del request  # the exchange alone has it, and forgets it with the client
        lane.submit(connection.address, answer)
        return exchange

    def shake(self, connection: Connection, step: Callable[[], bool]) -> None:
        """Have a thread run a step of the handshake, and call `shaken` with its outcome."""

        def work() -> None:
            outcome: bool | Exception = False
            try:
                if connection.phase is Phase.HANDSHAKE:  # else it was closed while it waited for its turn
                    outcome = step()
            except (OSError, ValueError, KeyError) as error:
                outcome = error
            self.call(connection, partial(connection.shaken, outcome))

        self._tls_lane.submit(connection.address, work)

    def reject(self, connection: Connection, error: ParseException) -> tuple[HTTPStatus, str]:
        """Return status and sentence for a request that gunicorn's parser refuses."""
        return self._answers.reject(error, connection.client)

    def changed(self, connection: Connection) -> None:
        """Take notice of another phase, or of other sizes."""
        self._crowd.update(connection)

    def note(self, cause: Cause, detail: str = "") -> None:
        """Count a connection that had to be closed; the detail of the last one is logged."""
        self._tally.add(cause, detail)

    def _check(self) -> None:
        now = self.now()
        self._next_check = now + CHECK_SECONDS
        for connection in self._crowd.all():
            connection.hasten(self._until)
            self._guard(connection, partial(connection.check, now))
        self._tally.report(now)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                sock, client = _accepted(listener)
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                log.error("no connection can be accepted for %.1f s: %s", PAUSE_SECONDS, error)
                self.accept(False)
                self._accept_from = self.now() + PAUSE_SECONDS
                return
            self._add(sock, client)

    def _add(self, sock: socket.socket, client: tuple[str, int]) -> None:
        sock.setblocking(False)
        # The last bytes of an answer, and the alert that ends TLS, would wait 40 ms for the client's delayed ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, UNSENT_BYTES)
        reader = RequestReader(self._config, client, self._limits)
        tls = Tls(sock, self._identities) if self._identities is not None else None
        connection = Connection(sock, client, self, reader, self._limits, tls)
        self.watch(connection, selectors.EVENT_READ)
        self.changed(connection)
        while (surplus := self._crowd.surplus(connection)) is not None:
            phase = surplus.phase
            if phase is Phase.WAITING:  # its request may have come, and only not have been read yet
                self._guard(surplus, surplus.receive)
            if surplus.phase is phase:
                self.note(Cause.CROWD)
                surplus.close()

    def _serve(self, connection: Connection, events: int) -> None:
        """Pass on what the selector reports, unless an earlier event of this turn has closed the connection."""
        if connection.phase is not Phase.CLOSED:
            work = connection.receive if events & selectors.EVENT_READ else connection.flush
            self._guard(connection, work)

    def _guard(self, connection: Connection | None, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # the loop's border: a defect that one connection brings out must not end all others
            log.exception("a connection failed")
            if connection is not None:
                connection.close()


def _accepted(listener: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
    """Return a new connection and its client's address; raises OSError if there is none, or no descriptor."""
    first, client = listener.accept()
    with first:
        return socket.socket(first.family, first.type, first.proto, lift(first.fileno())), client[:2]
