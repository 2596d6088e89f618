"""The search for the leading master while ZooKeeper starts."""

from __future__ import annotations

import asyncio
import threading

import pytest

from localmesos.election.detector import ZooKeeperDetector
from tests.silent_server import expect_another_attempt, silent_server


def test_a_server_that_takes_a_connection_and_never_answers_is_tried_again() -> None:
    with silent_server() as (server, address):
        detector = ZooKeeperDetector(f"zk://{address}/mesos")

        def search() -> None:
            with pytest.raises(OSError, match="ZooKeeper"):
                asyncio.run(detector.leader())

        searching = threading.Thread(target=search)
        searching.start()
        try:
            expect_another_attempt(server)
        finally:
            searching.join()
