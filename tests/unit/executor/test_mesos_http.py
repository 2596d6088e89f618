"""Streams of events over TLS: large ones arrive whole, and a refusal with all of its words."""

from __future__ import annotations

import json
import select
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from executor.mesos_http import Peer, Stream, TlsError, open_http, prepare
from tests.certificates import Authority
from tests.http_servers import HttpServer, QuietHandler
from tests.waiting import patient

EVENTS, BYTES = 12, 70_000
REFUSAL = b"401 Unauthorized. " + b"x" * 30_000


class Handler(QuietHandler):
    """Streams large events at once; refuses those who ask for /refused, in pieces."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if self.path == "/refused":
            self.reply(401, REFUSAL)
            return
        if self.path == "/call":
            self.reply(200, b'{"answer": 1}')
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        data = json.dumps({"type": "EVENT", "text": "x" * BYTES}).encode()
        record = (f"{len(data)}\n".encode() + data) * EVENTS
        self.wfile.write(f"{len(record):x}\r\n".encode() + record + b"\r\n0\r\n\r\n")


class Callback:
    """The part of a driver that a stream needs."""

    stream_id = None

    def __init__(self, path: str) -> None:
        self.path = path
        self.events: list[dict[str, Any]] = []

    def gen_request(self) -> bytes:
        return f"POST {self.path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n".encode()

    def process_event(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def on_close(self) -> None:
        pass


@pytest.fixture(params=[True, False], ids=["TLS", "plain"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[HttpServer, Peer | None]]:
    if not request.param:
        with HttpServer(Handler) as server:
            yield server, None
        return
    authority = Authority(tmp_path)
    issued = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    trusting = prepare(ssl.create_default_context(cafile=str(authority.ca)))
    with HttpServer(Handler, context) as server:
        yield server, Peer(trusting, "127.0.0.1", "the server", "CA", "CERTIFICATE")


def converse(stream: Stream) -> None:
    """Serve the stream until it ends, as the drivers do."""
    deadline = time.monotonic() + patient(20)
    alive = True
    while alive:
        assert time.monotonic() < deadline
        writing = [stream] if stream.want_write() or not stream.connected else []
        readable, writable, _ = select.select([stream], writing, [], 5.0)
        if not stream.connected:
            assert stream.handle_connect_event() == ""
        if writable:
            alive = stream.write()
        if alive and readable:
            alive = stream.read()


def test_large_events_arrive_whole(served: tuple[HttpServer, Peer | None]) -> None:
    server, peer = served
    callback = Callback("/events")
    stream = Stream(server.address, callback, peer)
    converse(stream)
    stream.close()
    assert [len(event["text"]) for event in callback.events] == [BYTES] * EVENTS


def test_a_refusal_has_its_words(served: tuple[HttpServer, Peer | None]) -> None:
    server, peer = served
    stream = Stream(server.address, Callback("/refused"), peer)
    with pytest.raises(RuntimeError, match=r"Failed with HTTP 401: b'.*x'$"):
        converse(stream)
    stream.close()


def test_calls(served: tuple[HttpServer, Peer | None]) -> None:
    server, peer = served
    connection = open_http(server.address, 5.0, peer)
    connection.request("POST", "/call")
    assert json.loads(connection.getresponse().read()) == {"answer": 1}
    connection.close()


@pytest.mark.parametrize("name", [".x", "a" * 70, "a\x00b", "\ud800", ""])
def test_a_name_that_no_certificate_can_have_is_said(name: str) -> None:
    context = prepare(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    peer = Peer(context, name, "the Mesos master h:5050", "CA", "CERTIFICATE")
    one, other = socket.socketpair()
    with (
        other,
        pytest.raises(TlsError, match="which no certificate can have") as caught,
    ):
        peer.wrap(one)
    assert caught.value.other_name
    assert one.fileno() == -1
