"""Answers that go on without a thread."""

from __future__ import annotations

import signal
import socket

from service.http.limits import Limits
from tests.unit.service.http.serving import LARGE, THREADS, Serve, Served, get, read_all
from tests.waiting import wait_for


def read_until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        part = client.recv(65_536)
        assert part, data
        data += part
    return data


def opened(served: Served, number: int) -> list[socket.socket]:
    """Open so many streams, and read the first bytes of each."""
    clients = []
    outlets = served.application.outlets
    for _ in range(number):
        client = served.connect()
        client.sendall(get("/detached"))
        assert b"data: first" in read_until(client, b"data: first\n\n\r\n")
        clients.append(client)
    wait_for("the threads are done", lambda: len(outlets) == number, 5)
    return clients


def end_all(served: Served, clients: list[socket.socket]) -> None:
    for outlet in served.application.outlets:
        outlet.end()
    for client in clients:
        assert read_all(client) == b"0\r\n\r\n"
        client.close()


def test_streams_hold_no_thread(serve: Serve) -> None:
    served = serve(Limits())
    clients = opened(served, 3 * THREADS)
    assert served.ask(get("/echo")).endswith(b"\r\n\r\n")
    assert all(outlet.push(b"data: second\n\n") for outlet in served.application.outlets)
    for client in clients:
        assert read_until(client, b"\n\n\r\n") == b"e\r\ndata: second\n\n\r\n"
    end_all(served, clients)
    wait_for("no connection is left", lambda: len(served.worker._loop or ()) == 0, 5)


def test_a_client_of_http_1_0_gets_no_chunks(serve: Serve) -> None:
    served = serve(Limits())
    with served.connect() as client:
        client.sendall(b"GET /detached HTTP/1.0\r\nHost: api\r\n\r\n")
        assert read_until(client, b"data: first\n\n")
        wait_for("the thread is done", lambda: len(served.application.outlets) == 1, 5)
        (outlet,) = served.application.outlets
        assert outlet.push(b"data: second\n\n")
        outlet.end()
        assert read_all(client) == b"data: second\n\n"


def test_a_client_that_is_gone_is_noticed(serve: Serve) -> None:
    served = serve(Limits())
    opened(served, 1)[0].close()
    (outlet,) = served.application.outlets
    wait_for("a push fails", lambda: not outlet.push(b"data: more\n\n"), 5)
    outlet.end()


def test_a_client_that_does_not_read_makes_its_stream_busy_and_is_closed(serve: Serve) -> None:
    served = serve(Limits(send_seconds=1.0))
    with served.connect(receive_bytes=4096) as client:
        client.sendall(get("/detached"))
        wait_for("the thread is done", lambda: len(served.application.outlets) == 1, 5)
        (outlet,) = served.application.outlets
        assert outlet.push(LARGE)
        assert outlet.busy
        wait_for("the connection is closed", lambda: not outlet.push(b"x"), 15)


def test_a_worker_that_ends_waits_for_the_end_of_streams_only(serve: Serve) -> None:
    served = serve(Limits())
    clients = opened(served, 2)
    served.worker.handle_exit(signal.SIGTERM, None)
    end_all(served, clients)
