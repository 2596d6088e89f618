"""Open streams of server-sent events: they hold no thread, and one thread serves all of a kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Protocol

from flask import Response

from api.http.streaming import Outlet
from scheduler.loop.snapshot import Gateway, Snapshot, Unavailable

# A client that vanished must not have a stream for good; another one begins again after this.
LONGEST_SECONDS = 3600.0
_NEWER_SECONDS = 1.0


class Stream(Protocol):
    """One open stream; `began` is its begin on the monotonic clock."""

    outlet: Outlet
    address: str
    began: float

    def send(self, found: Snapshot, fresh: bool) -> bool:
        """Push what is new, if anything is; return False once the stream has ended. `fresh`: the snapshot is new."""


class OpenStreams:
    """The open streams of one kind. Their thread runs while there are any."""

    def __init__(self, name: str, gateway: Gateway, most: int, most_of_address: int) -> None:
        self._name = name
        self._gateway = gateway
        self._most, self._most_of_address = most, most_of_address
        self._open: list[Stream] = []
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def open(self, stream: Stream, first: bytes) -> Response | None:
        """Return the answer that begins with these bytes and goes on as the stream; None if there are too many."""
        with self._lock:
            own = sum(item.address == stream.address for item in self._open)
            if self._gateway.ending or len(self._open) >= self._most or own >= self._most_of_address:
                return None
        return event_stream(self._begin(stream, first))

    def _begin(self, stream: Stream, first: bytes) -> Iterator[bytes]:
        """Yield the first bytes, then hand the rest of the answer to the thread of all streams."""
        yield first
        stream.outlet.detach()
        with self._lock:
            self._open.append(stream)
            # A thread that a fault has ended must not leave all later streams without news.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        last: Snapshot | None = None
        spent: float | None = None
        while True:
            found = self._next(last, spent)
            began = time.monotonic()
            self._serve_all(found, fresh=found is not last)
            last, spent = found, time.monotonic() - began
            with self._lock:
                if not self._open:
                    self._thread = None
                    return

    def _next(self, last: Snapshot | None, spent: float | None) -> Snapshot | None:
        """Return the next snapshot to serve, after a wait; None if there is none.

        Args:
            last: The one that the streams have.
            spent: The seconds that it took to serve that, None before the first one.
        """
        try:
            return self._gateway.newer(last, _NEWER_SECONDS)
        except Unavailable:
            return None

    def _serve_all(self, found: Snapshot | None, fresh: bool) -> None:
        with self._lock:
            streams = list(self._open)
        ended = [item for item in streams if not self._serve(item, found, fresh)]
        with self._lock:
            self._open = [item for item in self._open if item not in ended]

    def _serve(self, stream: Stream, found: Snapshot | None, fresh: bool) -> bool:
        """Send one stream its news; return whether it goes on."""
        if self._gateway.ending or found is None or time.monotonic() - stream.began > LONGEST_SECONDS:
            stream.outlet.end()
            return False
        # A client that is slow gets the newest once it has taken what was pushed.
        return True if stream.outlet.busy else stream.send(found, fresh)


def event_stream(parts: Iterator[bytes]) -> Response:
    """Return an answer of server-sent events."""
    response = Response(parts, mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"  # nginx, the admin router's server, would hold events back
    return response
