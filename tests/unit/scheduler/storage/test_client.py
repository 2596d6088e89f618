"""kazoo's client as the scheduler sets it up."""

from __future__ import annotations

from scheduler.security.zookeeper import Access
from scheduler.storage.client import ClientLog, make_client
from tests.silent_server import SESSION_SECONDS, expect_another_attempt, silent_server


def test_a_server_that_takes_a_connection_and_never_answers_does_not_cost_the_session() -> None:
    with silent_server() as (server, address):
        client = make_client(address, SESSION_SECONDS, Access(), ClientLog())
        client.start_async()
        try:
            expect_another_attempt(server)
        finally:
            client.stop()
            client.close()
