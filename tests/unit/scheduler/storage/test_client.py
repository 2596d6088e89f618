"""kazoo's client as the scheduler sets it up."""

from __future__ import annotations

import socket

import pytest

from scheduler.security.zookeeper import Access
from scheduler.storage.client import ClientLog, make_client

SESSION_SECONDS = 9.0


def test_a_server_that_takes_a_connection_and_never_answers_does_not_cost_the_session() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        # A ZooKeeper that starts does so now and then. The second attempt comes while the session would still live.
        server.settimeout(SESSION_SECONDS - 1)
        servers = f"127.0.0.1:{server.getsockname()[1]}"
        client = make_client(servers, SESSION_SECONDS, Access(), ClientLog())
        client.start_async()
        try:
            with server.accept()[0]:
                try:
                    server.accept()[0].close()
                except TimeoutError:
                    pytest.fail("it waits for the first server as long as the session lives")
        finally:
            client.stop()
            client.close()
