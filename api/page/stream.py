"""News of open views as server-sent events: one thread for all streams, which asks the page as a browser would."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Flask, Response
from werkzeug.test import run_wsgi_app

from api.http.streaming import Outlet
from api.page.live import LIVE, TAG
from scheduler.loop.snapshot import Gateway, Snapshot, Unavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

EXTENSION = "cassandra-mesos-page-streams"
# Of all browsers, and of one address: further ones ask for news themselves.
MOST, MOST_OF_ADDRESS = 64, 16
PERIOD_SECONDS = 1.0
# A sign of life, for the page that tells when it is old, and for routers that close what is silent.
ALIVE_SECONDS = 1.5
# A browser begins again after this; its session and its rights are checked with each part all the same.
LONGEST_SECONDS = 3600.0
# The thread works for this share of the time: with many streams, news come later, but never so late that a page
# takes itself for old.
_SHARE, _LONGEST_REST_SECONDS = 0.1, 3.0
# What belongs to the stream's own request, not to those that are made for it.
_OWN = ("gunicorn.", "werkzeug.", "wsgi.input", "wsgi.file_wrapper", "flask.")
_RETRY = b"retry: 3000\n\n"


@dataclass
class Stream:
    """One open view: where its news go, and which part it shows."""

    outlet: Outlet
    environ: WSGIEnvironment
    address: str
    query: Mapping[str, str]
    tag: str
    began: float
    sent_at: float


class Streams:
    """The open streams of an application. Its thread runs while there are any."""

    def __init__(self, app: Flask, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway
        self._open: list[Stream] = []
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def answer(self, outlet: Outlet, environ: WSGIEnvironment, address: str, query: Mapping[str, str]) -> Response:
        """Answer with a stream of a view's news; 503 if there are too many.

        Args:
            outlet: The rest of the answer.
            environ: The request's environment, whose path is that of the view.
            address: The client's address.
            query: The view's query; `live` is the tag of what the browser shows.
        """
        with self._lock:
            counts = Counter(item.address for item in self._open)
            if self._gateway.ending or len(self._open) >= MOST or counts[address] >= MOST_OF_ADDRESS:
                return Response("There are too many streams.", HTTPStatus.SERVICE_UNAVAILABLE, mimetype="text/plain")
        now = time.monotonic()
        kept = {name: value for name, value in environ.items() if not name.startswith(_OWN)}
        made = Stream(outlet, kept, address, query, query.get(LIVE, ""), now, now)
        response = Response(self._begin(made), mimetype="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"  # nginx, the admin router's server, would hold events back
        return response

    def _begin(self, stream: Stream) -> Iterator[bytes]:
        """Yield the first bytes, then hand the rest of the answer to the thread of all streams."""
        yield _RETRY
        stream.outlet.detach()
        with self._lock:
            self._open.append(stream)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="page-streams", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        last: Snapshot | None = None
        while True:
            began = time.monotonic()
            last = self._news(last)
            with self._lock:
                if not self._open:
                    self._thread = None
                    return
            spent = time.monotonic() - began
            self._rest(min(max(PERIOD_SECONDS, spent / _SHARE) - spent, _LONGEST_REST_SECONDS))

    def _rest(self, seconds: float) -> None:
        """Wait, but not beyond the end of the process."""
        until = time.monotonic() + seconds
        while not self._gateway.ending and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, PERIOD_SECONDS / 4))

    def _news(self, last: Snapshot | None) -> Snapshot | None:
        """Send each stream what is new; forget those whose client is gone. Return the snapshot that they have now."""
        try:
            found: Snapshot | None = self._gateway.snapshot()
        except Unavailable:
            found = None
        with self._lock:
            streams = list(self._open)
        ended = [item for item in streams if not self._serve(item, found, fresh=found is not last)]
        with self._lock:
            self._open = [item for item in self._open if item not in ended]
        return found

    def _serve(self, stream: Stream, found: Snapshot | None, fresh: bool) -> bool:
        """Send one stream its news; return whether it goes on."""
        now = time.monotonic()
        if self._gateway.ending or found is None or now - stream.began > LONGEST_SECONDS:
            stream.outlet.end()
            return False
        if stream.outlet.busy:  # its client is slow: it gets the newest part once it has taken this one
            return True
        message = b""
        if fresh or not stream.tag:
            part = self._part(stream)
            if part is None:
                stream.outlet.end()
                return False
            message = part
        if not message and now - stream.sent_at >= ALIVE_SECONDS:
            message = _message("alive", f"{max(0.0, time.time() - found.at):.0f}")
        if message:
            stream.sent_at = now
            return stream.outlet.push(message)
        return True

    def _part(self, stream: Stream) -> bytes | None:
        """Return the message with the part that is new, empty if none is, None if the reader may see none any more."""
        query = urlencode({**stream.query, LIVE: stream.tag})
        environ = {**stream.environ, "QUERY_STRING": query, "wsgi.input": io.BytesIO()}
        chunks, status, headers = run_wsgi_app(self._app.wsgi_app, environ, buffered=True)
        code = int(status.partition(" ")[0])
        if code == HTTPStatus.NO_CONTENT:
            return b""
        if code != HTTPStatus.OK:
            return None
        stream.tag = headers.get(TAG, "")
        return _message("part", b"".join(chunks).decode())


def _message(event: str, text: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"event: {event}\n{lines}\n".encode()


def streams(app: Any) -> Streams:
    """Return those of an application."""
    found = app.extensions[EXTENSION]
    assert isinstance(found, Streams)
    return found
