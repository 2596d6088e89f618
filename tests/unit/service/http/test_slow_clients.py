"""Clients that do not end what they send, or do not read what they get: they lose, and nobody else waits."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack

import pytest

from service.http.limits import Limits
from tests.unit.service.http.serving import LARGE, THREADS, Serve, Served, dead, ended, get, read_all
from tests.waiting import patient, wait_for

UNFINISHED = b"GET /v1/health HTTP/1.1\r\nHost: api\r\nX-Endless: "


def held(served: Served, stack: ExitStack, count: int, data: bytes) -> list[socket.socket]:
    """Open connections that have sent `data` and wait."""
    clients = [stack.enter_context(served.connect()) for _ in range(count)]
    for client in clients:
        client.sendall(data)
    return clients


@pytest.mark.parametrize("count", [16, 500])
def test_headers_that_never_end_keep_nobody_waiting_and_are_answered_408(serve: Serve, count: int) -> None:
    served = serve(Limits(head_seconds=3.0))
    with ExitStack() as stack:
        clients = held(served, stack, count, UNFINISHED)
        served.ping()
        assert served.ask(get("/hello")).endswith(b"pong")
        for client in clients:
            answer = read_all(client)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert answer.endswith(b'{"message": "The request\'s headers did not arrive in time."}\n')
        served.ping()


@pytest.mark.parametrize(("begin", "word"), [
    pytest.param(b"GET / HTTP/1.1\r\nHost: api\r\nX-Endless: ", b"headers", id="headers"),
    pytest.param(b"PUT /echo HTTP/1.1\r\nHost: api\r\nContent-Length: 1000\r\n\r\n", b"body", id="body"),
    pytest.param(b"PUT /echo HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n", b"body", id="chunk"),
    pytest.param(b"PUT /echo HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n\r\n", b"body", id="chunk-size"),
    pytest.param(
        b"PUT /echo HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: ", b"body", id="trailers"
    ),
])  # fmt: skip
def test_what_comes_byte_by_byte_has_a_deadline_for_the_whole(serve: Serve, begin: bytes, word: bytes) -> None:
    served = serve(Limits(head_seconds=1.0, body_seconds=1.0))
    with served.connect() as client:
        client.sendall(begin)
        began = time.monotonic()
        client.settimeout(0.1)
        answer = b""
        while not answer:
            assert time.monotonic() - began < patient(30)
            client.sendall(b"1")
            try:
                answer = client.recv(1000)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert word in answer
    assert served.application.bodies == []


def test_a_client_that_says_nothing_is_closed_without_an_answer(serve: Serve) -> None:
    served = serve(Limits(head_seconds=1.0))
    with served.connect() as client:
        assert read_all(client) == b""


def test_a_kept_connection_is_closed_when_idle_and_has_the_whole_time_for_its_next_request(serve: Serve) -> None:
    served = serve(Limits(idle_seconds=2.0, head_seconds=4.0))
    with served.connect() as client:
        client.sendall(get("/hello", ""))
        assert client.recv(1000).endswith(b"pong")
        client.sendall(b"GET /hello HTT")
        began = time.monotonic()
        assert b" 408 " in read_all(client)
        assert time.monotonic() - began > 3.0
    with served.connect() as client:
        client.sendall(get("/hello", ""))
        assert client.recv(1000).endswith(b"pong")
        assert read_all(client) == b""


@pytest.mark.parametrize("path", ["/v1/artifacts/bundle.tar.gz", "/large", "/stream"])
def test_answers_that_are_never_read_hold_no_thread_for_long_and_are_given_up(serve: Serve, path: str) -> None:
    served = serve(Limits(send_seconds=2.0))
    with ExitStack() as stack:
        clients = [stack.enter_context(served.connect(receive_bytes=4096)) for _ in range(4 * THREADS)]
        for client in clients:
            client.sendall(get(path))
        served.ping()
        if path != "/stream":  # of which each holds a thread, as long as it lasts
            assert served.ask(get("/hello")).endswith(b"pong")
        wait_for("the server has given them up", lambda: b"pong" in served.ask(get("/hello")), 20)
        wait_for("no connection is left", lambda: all(dead(client) for client in clients), 20)


def test_a_slow_reader_that_makes_progress_gets_everything(serve: Serve) -> None:
    served = serve(Limits(send_seconds=2.0, send_rate=50_000))
    received = 0
    with served.connect(receive_bytes=65_536) as client:
        client.sendall(get("/large"))
        began = time.monotonic()
        while part := client.recv(65_536):
            received += len(part)
            threading.Event().wait(0.03)
    assert time.monotonic() - began > 2.0
    assert received > len(LARGE)


def test_a_stream_that_nobody_reads_ends_its_generator(serve: Serve) -> None:
    served = serve(Limits(send_seconds=1.0))
    with served.connect(receive_bytes=4096) as client:
        client.sendall(get("/stream"))
        wait_for("the stream is closed", lambda: served.application.ends == ["closed"], 15)


def test_a_stream_whose_client_is_gone_ends_at_its_next_events(serve: Serve) -> None:
    """As with a socket: the kernel takes one event after the end, and refuses the second."""
    served = serve(Limits())
    with served.connect() as client:
        client.sendall(get("/events"))
        data = b""
        while b"event 1" not in data:
            data += client.recv(1000)
    for _ in range(2):
        assert served.application.ends == []
        served.application.steps.release()
    wait_for("the stream is closed", lambda: served.application.ends == ["closed"], 5)


def test_commands_that_wait_for_the_scheduler_keep_no_ping_and_no_artifact_waiting(serve: Serve) -> None:
    served = serve(Limits())
    with ExitStack() as stack:
        clients = held(served, stack, 3 * THREADS, get("/wait"))
        served.ping()
        assert len(served.ask(get("/v1/artifacts/bundle.tar.gz"))) > 60_000_000
        assert not any(ended(client) for client in clients)
        served.application.released.set()
        for client in clients:
            client.settimeout(20)
            assert read_all(client).endswith(b"pong")
