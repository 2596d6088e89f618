"""What HTTP clients rely on: kept connections, pipelines, HEAD, HTTP/1.0, 100-continue, half-closed connections."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack

import pytest

from service.http.limits import Limits
from tests.unit.service.http.serving import LARGE, Serve, Served, get, read_all


@pytest.fixture
def server(serve: Serve) -> Served:
    return serve(Limits())


def receive(client: socket.socket, count: int) -> bytes:
    """Return what has come once `count` answers with the body `pong` are there."""
    data = b""
    while data.count(b"pong") < count:
        part = client.recv(10_000)
        assert part, data
        data += part
    return data


def test_a_connection_is_kept(server: Served) -> None:
    with server.connect() as client:
        for _ in range(3):
            client.sendall(get("/hello", ""))
            assert b"Connection: keep-alive" in receive(client, 1)


def test_requests_in_a_pipeline_are_answered_in_order(server: Served) -> None:
    with server.connect() as client:
        client.sendall(get("/hello", "") * 20 + get("/hello"))
        data = read_all(client)
    assert data.count(b"HTTP/1.1 200 OK") == data.count(b"pong") == 21
    assert data.count(b"Connection: close") == 1


def test_no_header_moves_the_path(server: Served) -> None:
    for header in ("SCRIPT_NAME: /hel", "SCRIPT_NAME: /elsewhere", "PATH_INFO: /fail"):
        answer = server.ask(f"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{header}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 200 "), header
        assert answer.endswith(b"pong")


def test_http_1_0(server: Served) -> None:
    assert server.ask(b"GET /hello HTTP/1.0\r\n\r\n").endswith(b"pong")
    with server.connect() as client:
        client.sendall(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
        receive(client, 2)


def test_head_has_no_body(server: Served) -> None:
    answer = server.ask(b"HEAD /v1/artifacts/a HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 60000000" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_client_that_waits_for_100_continue(server: Served) -> None:
    with server.connect() as client:
        client.sendall(b"PUT /echo HTTP/1.1\r\nHost: api\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert client.recv(1000).endswith(b"hello")
    assert server.application.bodies == [b"hello"]


def test_a_client_that_has_ended_its_side_is_answered(server: Served) -> None:
    with server.connect() as client:
        client.sendall(get("/hello"))
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).endswith(b"pong")


@pytest.mark.parametrize("head", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_body_that_is_cut_off_is_a_bad_request(server: Served, head: str) -> None:
    with server.connect() as client:
        client.sendall(f"PUT /echo HTTP/1.1\r\nHost: api\r\n{head}\r\n\r\n4\r\n".encode())
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"message": "The connection ended before the end of the body."}\n')
    assert server.application.bodies == []


@pytest.mark.parametrize(("request_", "status"), [
    (b"GET / HTTP/1.1\nHost: a\n\n", b"400"),
    (b"GET /" + b"a" * 5000, b"414"),
    (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n", b"431"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked, x\r\n\r\n", b"501"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", b"417"),
])  # fmt: skip
def test_what_is_no_request_is_refused_and_the_connection_closed(
    server: Served, request_: bytes, status: bytes
) -> None:
    answer = server.ask(request_ + get("/hello"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert json.loads(body)["message"].startswith("The request is not valid HTTP: ")


def test_a_defect_of_the_application_is_500(server: Served) -> None:
    assert server.ask(get("/fail")).startswith(b"HTTP/1.1 500 ")
    server.ping()


def test_a_large_answer_comes_whole(server: Served) -> None:
    assert server.ask(get("/large")).partition(b"\r\n\r\n")[2] == LARGE


def test_a_body_of_the_greatest_size(server: Served) -> None:
    body = b"z" * Limits().body_bytes
    head = f"PUT /echo HTTP/1.1\r\nHost: api\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    assert server.ask(head.encode() + body).endswith(body)


def test_at_its_end_the_worker_answers_what_has_begun_and_closes_the_rest(server: Served) -> None:
    with ExitStack() as stack:
        waiting, idle = (stack.enter_context(server.connect()) for _ in range(2))
        waiting.sendall(get("/wait", ""))
        idle.sendall(get("/hello", ""))
        receive(idle, 1)
        server.worker.handle_exit(15, None)
        assert read_all(idle) == b""
        server.application.released.set()
        assert read_all(waiting).endswith(b"pong")
