"""A server that takes connections and never answers, as a ZooKeeper that starts does now and then."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SESSION_SECONDS = 9.0


@contextmanager
def silent_server() -> Iterator[tuple[socket.socket, str]]:
    """Yield it with its address. It waits for a connection less long than a session lives."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SESSION_SECONDS - 1)
        yield server, f"127.0.0.1:{server.getsockname()[1]}"


def expect_another_attempt(server: socket.socket) -> None:
    """Take one connection; fail unless the client tries again while the session would still live."""
    with server.accept()[0]:
        try:
            server.accept()[0].close()
        except TimeoutError:
            pytest.fail("it waits for the first server as long as the session lives")
