"""A Cassandra whose JMX is silent is asked on its native transport."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from executor.cassandra.native_transport import answers


@contextmanager
def serving(answer: bytes) -> Iterator[int]:
    with socket.create_server(("127.0.44.4", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(9)
                    if answer:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("answer", "alive"),
    [
        pytest.param(bytes([0x85, 0, 0, 0, 0x06, 0, 0, 0, 0]), True, id="supported"),
        pytest.param(bytes([0x85, 0, 0, 0, 0x00, 0, 0, 0, 0]), True, id="error"),
        pytest.param(b"HTTP/1.1 400", False, id="http"),
        pytest.param(b"\x85", False, id="short"),
        pytest.param(b"", False, id="closed"),
        # A TLS alert: the server speaks TLS, and wants something else of its client.
        pytest.param(bytes([0x15, 3, 3, 0, 2, 2, 40]), True, id="tls"),
    ],
)
def test_answers(answer: bytes, alive: bool) -> None:
    with serving(answer) as port:
        assert answers("127.0.44.4", port, 2.0) is alive


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.44.4", 0)) as server:
        port = server.getsockname()[1]
    assert not answers("127.0.44.4", port, 1.0)
