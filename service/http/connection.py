"""One client's connection, on the event loop: reads requests, hands them on, sends answers, and keeps to deadlines."""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus
from selectors import EVENT_READ, EVENT_WRITE
from typing import Protocol

from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request

from service.http.channel import Channel, Plain
from service.http.exchange import Exchange
from service.http.limits import Limits
from service.http.outgoing import BytesPart, FilePart, Outgoing
from service.http.requests import RequestReader, Stage
from service.http.tally import Cause
from service.http.tls import NotTls, Tls, failure

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Close at once and forget what the kernel still holds for a client that does not read.
_NO_LINGER = struct.pack("ii", 1, 0)


def origin(address: str) -> str:
    """Return the address that limits count by: for IPv6 its /64, as one machine has all of those."""
    if ":" not in address:
        return address
    found = ipaddress.IPv6Address(address.partition("%")[0])
    mapped = found.ipv4_mapped
    return str(mapped) if mapped is not None else str(ipaddress.IPv6Network((int(found), 64), strict=False))


class Phase(Enum):
    """Where a connection is."""

    HANDSHAKE = auto()  # of TLS, before the first request
    WAITING = auto()  # for a complete request
    REQUEST = auto()  # inside a request, until its answer is sent
    LINGER = auto()  # after the last answer, until the client has closed too
    CLOSED = auto()


class Owner(Protocol):
    """What a connection needs of the event loop."""

    def now(self) -> float:
        """Return the monotonic time in seconds."""

    def watch(self, connection: Connection, events: int) -> None:
        """Call `receive` or `flush` on these events, none for 0."""

    def begin(self, connection: Connection, request: Request) -> Exchange:
        """Have a thread answer the request."""

    def shake(self, connection: Connection, step: Callable[[], bool]) -> None:
        """Have a thread run a step of the handshake, and call `shaken` with its outcome."""

    def reject(self, connection: Connection, error: ParseException) -> tuple[HTTPStatus, str]:
        """Return status and sentence for a request that gunicorn's parser refuses."""

    def changed(self, connection: Connection) -> None:
        """Take notice of another phase, or of other sizes."""

    def note(self, cause: Cause, detail: str = "") -> None:
        """Count a connection that had to be closed; the detail of the last one is logged."""


class Connection:
    """One client. All methods run on the event loop."""

    def __init__(
        self,
        sock: socket.socket,
        client: tuple[str, int],
        owner: Owner,
        reader: RequestReader,
        limits: Limits,
        tls: Tls | None = None,
    ) -> None:
        self.sock = sock
        self.client = client
        self.address = origin(client[0])
        self.phase = Phase.WAITING if tls is None else Phase.HANDSHAKE
        self.channel: Channel = Plain(sock) if tls is None else tls
        self._tls = tls
        self._shaking = False
        self._shaken: bool | Exception = False
        self.began = owner.now()
        self._owner = owner
        self._reader = reader
        self._limits = limits
        self._outgoing = Outgoing(limits)
        self._exchange: Exchange | None = None
        self._keep: bool | None = None
        self._deadline = self.began + limits.head_seconds
        self._stage = Stage.NOTHING
        self._used = False
        self._discarded = 0

    @property
    def held(self) -> int:
        """Bytes in memory: received ones, and those of the present request and its answer."""
        return len(self._reader) + self.channel.held + (self._exchange.held if self._exchange is not None else 0)

    @property
    def files(self) -> int:
        """Descriptors beside the socket's own."""
        return self._outgoing.files

    @property
    def idle(self) -> bool:
        """Whether nothing of a request has come."""
        if self.phase is Phase.HANDSHAKE:
            return self._tls is None or not self._tls.begun
        return self.phase is Phase.WAITING and self._reader.stage is Stage.NOTHING

    def receive(self) -> None:
        """Take what the client has sent, unless a request is under way: the next one waits in the kernel."""
        if self.phase is Phase.REQUEST:  # an event of this turn, from before the request was read
            return
        try:
            if self.phase is Phase.HANDSHAKE:
                self._take()
            elif self.phase is Phase.LINGER:
                size = self.channel.discard()
                self._discarded += size
                if not size or self._discarded > 2 * self._limits.body_bytes:
                    self.close()
            else:
                self._feed(self.channel.receive())
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()

    def _feed(self, data: bytes) -> None:
        """Take bytes of requests; none at the client's end."""
        if data:
            self._reader.feed(data)
            self._advance()
        elif self._reader.stage is Stage.BODY:
            self._refuse(HTTPStatus.BAD_REQUEST, "The connection ended before the end of the body.")
        else:
            self.close()

    def flush(self) -> None:
        """Send what the client takes now."""
        if self.phase is Phase.HANDSHAKE:
            self._push()
        if self.phase is not Phase.REQUEST:
            return
        try:
            freed = self._outgoing.send(self.channel)
        except OSError:
            self.close()
            return
        if freed and self._exchange is not None:
            self._exchange.sent(freed)
        if self._outgoing:
            self._owner.watch(self, EVENT_WRITE)
        elif self._keep is not None:
            self._end()
        else:
            self._owner.watch(self, 0)
        self._owner.changed(self)

    def put(self, part: BytesPart | FilePart) -> None:
        """Send a part of the answer, after all before it."""
        if self.phase is Phase.CLOSED:
            part.close()
            return
        self._outgoing.put(part, self._owner.now())
        self.flush()
        if self._exchange is not None and isinstance(part, BytesPart):
            self._exchange.tried()

    def finish(self, keep: bool) -> None:
        """End the request once its answer is sent; `keep`: the connection is for further requests."""
        if self.phase is Phase.REQUEST:
            self._keep = keep and not self.channel.outdated
            self.flush()

    def check(self, now: float) -> None:
        """Close, or refuse the request, if a deadline has passed."""
        if self.phase is Phase.REQUEST:
            if self._outgoing.stalled(now):
                self._owner.note(Cause.UNREAD)
                self.abandon()
        elif now >= self._deadline and self.phase is not Phase.CLOSED:
            if self.phase is Phase.LINGER or self.idle:
                self.close()
            elif self.phase is Phase.HANDSHAKE:
                self._owner.note(Cause.HANDSHAKE, f"{self.client[0]}: it did not end in time")
                self.close()
            else:
                self._owner.note(Cause.LATE)
                what = "body" if self._stage is Stage.BODY else "headers"
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"The request's {what} did not arrive in time.")

    def hasten(self, deadline: float) -> None:
        """Wait no longer than until `deadline` for what is not inside a request."""
        self._deadline = min(self._deadline, deadline)

    def abandon(self) -> None:
        """Close without sending what is left."""
        if self.phase is not Phase.CLOSED:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.close()

    def close(self) -> None:
        """Close the socket and forget everything; a thread that still answers is told at its next write."""
        if self.phase is Phase.CLOSED:
            return
        self._owner.watch(self, 0)
        self.phase = Phase.CLOSED
        self._outgoing.close()
        if self._exchange is not None:
            self._exchange.give_up()
            self._exchange = None
        # What OpenSSL holds is freed at once, and not when the collector finds this object's circles.
        self._tls, self.channel = None, Plain(self.sock)
        self.sock.close()
        self._owner.changed(self)

    def _advance(self) -> None:
        """Begin the next request if it is complete, else wait for more of it."""
        try:
            request = self._reader.next()
        except ParseException as error:
            self._refuse(*self._owner.reject(self, error))
            return
        if request is None:
            self._wait()
            return
        self._enter()
        self._exchange = self._owner.begin(self, request)
        self._owner.changed(self)

    def _wait(self) -> None:
        """Set the deadline of what has to come next."""
        stage = self._reader.stage
        if stage is Stage.BODY and self._stage is not Stage.BODY:
            self._deadline = self._owner.now() + self._limits.body_seconds
        elif self._stage is Stage.NOTHING and self._used:
            self._deadline = self._owner.now() + self._limits.head_seconds
        self._stage = stage
        if self._reader.expects_continue():
            # A few bytes before any answer: the kernel takes them, or the client has broken the protocol.
            try:
                self.channel.send(memoryview(_CONTINUE))
            except OSError:
                self.close()
                return
        self._owner.changed(self)

    def _enter(self) -> None:
        self.phase, self._used = Phase.REQUEST, True
        self.began = self._owner.now()
        self._keep = None
        self._owner.watch(self, 0)
        self._owner.changed(self)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Send an error, which needs no thread, then close."""
        body = json.dumps({"message": message}).encode() + b"\n"
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._enter()
        self._keep = False
        self.put(BytesPart(head.encode() + body))

    def _end(self) -> None:
        """Turn to the next request, or close after the last answer."""
        keep, self._keep, self._exchange = self._keep, None, None
        now = self._owner.now()
        self.began = now
        if keep:
            self.phase, self._stage = Phase.WAITING, Stage.NOTHING
            self._deadline = now + self._limits.idle_seconds
            self._owner.watch(self, EVENT_READ)
            if self._reader.stage is not Stage.NOTHING:
                self._advance()
            return
        self._linger()

    def _linger(self) -> None:
        """Close after the client has: what it has sent meanwhile would take back bytes that are under way."""
        self.phase = Phase.LINGER
        self._deadline = self._owner.now() + self._limits.linger_seconds
        try:
            self.channel.end()
        except OSError:
            self.close()
            return
        self._owner.watch(self, EVENT_READ)
        self._owner.changed(self)

    def shaken(self, outcome: bool | Exception) -> None:
        """Take the outcome of a step of the handshake: whether it is done, or why it has failed."""
        self._shaking = False
        if self.phase is Phase.HANDSHAKE:
            self._shaken = outcome
            self._push()

    def _take(self) -> None:
        """Take bytes of the handshake, and have a thread continue it."""
        if self._tls is None or self._shaking:
            return
        try:
            whole = self._tls.take()
            self._owner.changed(self)
            if whole:
                self._shaking = True
                self._owner.watch(self, 0)
                self._owner.shake(self, self._tls.step)
        except NotTls as error:
            self._refuse_plain(error.http)

    def _push(self) -> None:
        """Send what the handshake has to say, then turn to what follows."""
        if self._tls is None or self._shaking:
            return
        try:
            self._tls.push()
            if self._shaken is True:
                self.phase = Phase.WAITING
                self._owner.watch(self, EVENT_READ)
                self._owner.changed(self)
                self._feed(self._tls.decrypt())
            elif self._shaken is False:
                self._owner.watch(self, EVENT_READ)
            else:
                self._owner.note(Cause.HANDSHAKE, f"{self.client[0]}: {failure(self._shaken)}")
                self._linger()
        except BlockingIOError:
            self._owner.watch(self, EVENT_READ if self.phase is Phase.WAITING else EVENT_WRITE)
        except OSError:
            self.close()

    def _refuse_plain(self, http: bool) -> None:
        """Tell a client of HTTP that this is HTTPS; close what speaks neither."""
        self._owner.note(Cause.PLAIN, self.client[0])
        if http:
            self.channel = Plain(self.sock)
            self._refuse(HTTPStatus.BAD_REQUEST, "This port speaks HTTPS: write https:// instead of http://.")
        else:
            self.close()
