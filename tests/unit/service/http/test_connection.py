"""One connection without an event loop: events that come late, and by what limits count clients."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request

from service.http.connection import Connection, Phase, origin
from service.http.exchange import Exchange
from service.http.limits import Limits
from service.http.requests import RequestReader
from service.http.tally import Cause

CLIENT = ("127.0.0.1", 1)
REQUEST = b"GET / HTTP/1.1\r\nHost: api\r\n\r\n"


class Owner:
    """An event loop that only notes what it is asked for."""

    def __init__(self) -> None:
        self.begun: list[Request] = []
        self.watched = 0

    def now(self) -> float:
        return 0.0

    def watch(self, connection: Connection, events: int) -> None:
        self.watched = events

    def begin(self, connection: Connection, request: Request) -> Exchange:
        self.begun.append(request)
        return Exchange(request, CLIENT, CLIENT, lambda _: None)

    def reject(self, connection: Connection, error: ParseException) -> tuple[HTTPStatus, str]:
        return HTTPStatus.BAD_REQUEST, str(error)

    def changed(self, connection: Connection) -> None:
        """Nothing is counted."""

    def shake(self, connection: Connection, step: Callable[[], bool]) -> None:
        raise AssertionError("plain HTTP has no handshake")

    def note(self, cause: Cause, detail: str = "") -> None:
        """Nothing is counted."""


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    client, server = socket.socketpair()
    server.setblocking(False)
    with client, server:
        yield client, server


def test_an_event_from_before_the_request_was_read_begins_no_second_one(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    client, server = pair
    owner, limits = Owner(), Limits()
    connection = Connection(server, CLIENT, owner, RequestReader(Config(), CLIENT, limits), limits)
    client.sendall(REQUEST)
    connection.receive()
    client.sendall(REQUEST)
    client.shutdown(socket.SHUT_WR)
    connection.receive()
    assert (len(owner.begun), connection.phase, owner.watched) == (1, Phase.REQUEST, 0)
    connection.finish(True)
    connection.receive()
    assert len(owner.begun) == 2


@pytest.mark.parametrize(("address", "counted"), [
    ("10.0.0.1", "10.0.0.1"),
    ("::ffff:10.0.0.1", "10.0.0.1"),
    ("2001:db8::1", "2001:db8::/64"),
    ("2001:db8::ffff:1", "2001:db8::/64"),
    ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
    ("fe80::1%eth0", "fe80::/64"),
])  # fmt: skip
def test_an_ipv6_client_counts_by_its_network(address: str, counted: str) -> None:
    assert origin(address) == counted
