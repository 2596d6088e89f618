"""A raw client of the scheduler API: single requests, and subscriptions read by a thread."""

import json
import queue
import socket
import threading
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from localmesos.protocol.streams import Decoder
from tests.waiting import patient

Json = dict[str, Any]

_SECONDS = 15.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


def send(method: str, host: str, port: int, path: str, headers: dict[str, str], body: object) -> HTTPConnection:
    """Send a request exactly as given: `body` as JSON, a str as it is, None for no body."""
    connection = HTTPConnection(host, port, timeout=patient(_SECONDS))
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    data = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    if method not in ("GET", "HEAD") or data:
        connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data)
    return connection


def request(method: str, host: str, port: int, path: str, headers: dict[str, str], body: object) -> Answer:
    """Return the whole answer to a request; of a stream its head and first record."""
    connection = send(method, host, port, path, headers, body)
    try:
        response = connection.getresponse()
        found = dict(response.getheaders())
        if found.get("Transfer-Encoding") == "chunked" and response.status == 200:
            length = response.readline()
            return Answer(200, found, response.read(int(length)).decode())
        return Answer(response.status, found, response.read().decode(errors="replace"))
    finally:
        connection.close()


class Subscription:
    """A stream of events; `events` ends with None."""

    def __init__(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        assert connection.sock is not None
        self._socket: socket.socket = connection.sock
        self._socket.settimeout(None)
        self.events: queue.SimpleQueue[Json | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        decoder = Decoder()
        try:
            while data := self._response.read1(1 << 16):
                for record in decoder.feed(data):
                    self.events.put(json.loads(record))
        except (OSError, HTTPException, ValueError):
            pass
        self.events.put(None)

    def close(self) -> None:
        """Hang up, as a scheduler that dies."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(patient(_SECONDS))
        self._response.close()
        self._connection.close()


def subscribe(host: str, port: int, headers: dict[str, str], body: Json) -> tuple[Answer, Subscription | None]:
    """Return the head of the answer, and the stream if there is one."""
    connection = send("POST", host, port, "/api/v1/scheduler", headers, body)
    response = connection.getresponse()
    found = dict(response.getheaders())
    if response.status != 200:
        answer = Answer(response.status, found, response.read().decode())
        connection.close()
        return answer, None
    return Answer(200, found, "<stream>"), Subscription(connection, response)
