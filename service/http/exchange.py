"""A request's stand-in for the socket: a thread writes to it, and the event loop sends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import BinaryIO

from gunicorn.http.body import LengthReader
from gunicorn.http.message import Request

from scheduler.security.client_names import ClientCertificate
from service.http.outgoing import BytesPart, FilePart

# A stream that is this far ahead of its client waits. An answer in one piece never does.
AHEAD_BYTES = 256 * 1024

Post = Callable[[BytesPart | FilePart], None]


class Exchange:
    """One request and its answer. The names are those of a socket, and of a connection of gunicorn's thread worker."""

    def __init__(
        self,
        request: Request,
        client: tuple[str, int],
        server: tuple[str, int],
        post: Post,
        certificate: ClientCertificate | None = None,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        """`post` hands a part to the event loop, from any thread; `certificate` is the client's.

        `finish` ends a detached answer and its connection.
        """
        self.certificate = certificate
        self.client = client
        self.server = server
        self._request: Request | None = request
        self._body = request.body.reader.length if isinstance(request.body.reader, LengthReader) else 0
        self._post = post
        self._finish = finish
        self._is_chunked = request.version >= (1, 1)
        self._detached = False
        self._head = b""
        self._begun = False
        self._changed = threading.Condition()
        self._unsent = 0
        self._posted = 0
        self._tried = 0
        self._broken = False

    @property
    def sock(self) -> Exchange:
        """What the answer is written to."""
        return self

    @property
    def held(self) -> int:
        """Bytes in memory: the request's body, and what waits to be sent."""
        return self._body + self._unsent

    @property
    def detached(self) -> bool:
        """Whether the answer goes on without its thread."""
        return self._detached

    @property
    def busy(self) -> bool:
        """Whether bytes wait to be sent."""
        return self._unsent > 0

    def detach(self) -> None:
        """Drop what the thread still writes, which is gunicorn's end of the answer: `push` and `end` continue it."""
        self.flush()
        self._detached = True

    def push(self, data: bytes) -> bool:
        """Send bytes of a detached answer without waiting; return False if the client is gone."""
        return self._push(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    def end(self) -> None:
        """End a detached answer."""
        if not self._is_chunked or self._push(b"0\r\n\r\n"):
            self._finish()

    def start(self) -> Request | None:
        """Return the request, on the thread that is to answer it; None if the client is gone meanwhile."""
        with self._changed:
            request, self._request = self._request, None
            return request

    def sendall(self, data: bytes) -> None:
        """Take bytes of the answer; its head waits for what follows, so that both leave together.

        Raises:
            BrokenPipeError: the client is gone.
        """
        if self._detached:
            return
        if not self._begun:
            self._begun, self._head = True, bytes(data)
            return
        self._put(data)

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int = 0) -> None:
        """Take a part of a file. The event loop sends it, at the pace of the client."""
        self.flush()
        self._post(FilePart(file.fileno(), offset, count))

    def flush(self) -> None:
        """Let go of the head."""
        if self._head:
            self._put(b"")

    def gettimeout(self) -> float:
        """Return what makes gunicorn take this for a socket that never blocks."""
        return 0.0

    def shutdown(self, how: int) -> None:
        """Refuse: the event loop closes, after it has sent everything."""
        raise OSError("the event loop closes the connection")

    def close(self) -> None:
        """Leave the connection to the event loop."""

    def sent(self, count: int) -> None:
        """Note, from the event loop, that bytes are sent."""
        with self._changed:
            self._unsent -= count
            self._changed.notify_all()

    def tried(self) -> None:
        """Note, from the event loop, that a part has had its first try."""
        with self._changed:
            self._tried += 1
            self._changed.notify_all()

    def give_up(self) -> None:
        """Note, from the event loop, that the client is gone."""
        with self._changed:
            self._broken = True
            self._request = None  # one that still waits for its thread would keep its body in memory
            self._changed.notify_all()

    def _push(self, data: bytes) -> bool:
        with self._changed:
            if self._broken:
                return False
            self._unsent += len(data)
        self._post(BytesPart(data))
        return True

    def _put(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if head and len(data) <= AHEAD_BYTES:
            head, data = head + data, b""
        for part in (head, data):
            if not part:
                continue
            self._wait(lambda: self._unsent <= AHEAD_BYTES)
            with self._changed:
                self._unsent += len(part)
                self._posted += 1
            self._post(BytesPart(part))
            # A stream learns at once that its client is gone, as from a socket; its place is then free.
            if self._posted > 2:
                self._wait(lambda: self._tried >= self._posted)

    def _wait(self, ready: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: ready() or self._broken)
            if self._broken:
                raise BrokenPipeError("the client is gone")
