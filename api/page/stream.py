"""News of open views as server-sent events: the thread of all streams asks the page as a browser would.

Session and rights are checked with each part.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Flask, Response
from werkzeug.test import run_wsgi_app

from api.http.open_streams import OpenStreams
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
# The thread works for this share of the time: with many streams, news come later, but never so late that a page
# takes itself for old.
_SHARE, _LONGEST_REST_SECONDS = 0.1, 3.0
# What belongs to the stream's own request, not to those that are made for it.
_OWN = ("gunicorn.", "werkzeug.", "wsgi.input", "wsgi.file_wrapper", "flask.")
_RETRY = b"retry: 3000\n\n"


@dataclass(eq=False)
class ViewStream:
    """One open view: where its news go, and which part it shows."""

    app: Flask
    outlet: Outlet
    environ: WSGIEnvironment
    address: str
    query: Mapping[str, str]
    tag: str
    began: float
    sent_at: float

    def send(self, found: Snapshot, fresh: bool) -> bool:
        """Push the part that is new, or a sign of life; return whether the stream goes on."""
        message = b""
        if fresh or not self.tag:
            part = self._part()
            if part is None:
                self.outlet.end()
                return False
            message = part
        now = time.monotonic()
        if not message and now - self.sent_at >= ALIVE_SECONDS:
            message = _message("alive", f"{max(0.0, time.time() - found.at):.0f}")
        if message:
            self.sent_at = now
            return self.outlet.push(message)
        return True

    def _part(self) -> bytes | None:
        """Return the message with the part that is new, empty if none is, None if the reader may see none any more."""
        query = urlencode({**self.query, LIVE: self.tag})
        environ = {**self.environ, "QUERY_STRING": query, "wsgi.input": io.BytesIO()}
        chunks, status, headers = run_wsgi_app(self.app.wsgi_app, environ, buffered=True)
        code = int(status.partition(" ")[0])
        if code == HTTPStatus.NO_CONTENT:
            return b""
        if code != HTTPStatus.OK:
            return None
        self.tag = headers.get(TAG, "")
        return _message("part", b"".join(chunks).decode())


class Streams(OpenStreams):
    """The open streams of an application."""

    def __init__(self, app: Flask, gateway: Gateway) -> None:
        super().__init__("page-streams", gateway, MOST, MOST_OF_ADDRESS)
        self._app = app

    def answer(self, outlet: Outlet, environ: WSGIEnvironment, address: str, query: Mapping[str, str]) -> Response:
        """Answer with a stream of a view's news; 503 if there are too many.

        Args:
            outlet: The rest of the answer.
            environ: The request's environment, whose path is that of the view.
            address: The client's address.
            query: The view's query; `live` is the tag of what the browser shows.
        """
        now = time.monotonic()
        kept = {name: value for name, value in environ.items() if not name.startswith(_OWN)}
        stream = ViewStream(self._app, outlet, kept, address, query, query.get(LIVE, ""), now, now)
        found = self.open(stream, _RETRY)
        if found is None:
            return Response("There are too many streams.", HTTPStatus.SERVICE_UNAVAILABLE, mimetype="text/plain")
        return found

    def _next(self, last: Snapshot | None, spent: float | None) -> Snapshot | None:
        if spent is not None:
            self._rest(min(max(PERIOD_SECONDS, spent / _SHARE) - spent, _LONGEST_REST_SECONDS))
        try:
            return self._gateway.snapshot()
        except Unavailable:
            return None

    def _rest(self, seconds: float) -> None:
        """Wait, but not beyond the end of the process."""
        until = time.monotonic() + seconds
        while not self._gateway.ending and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, PERIOD_SECONDS / 4))


def _message(event: str, text: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"event: {event}\n{lines}\n".encode()


def streams(app: Any) -> Streams:
    """Return those of an application."""
    found = app.extensions[EXTENSION]
    assert isinstance(found, Streams)
    return found
