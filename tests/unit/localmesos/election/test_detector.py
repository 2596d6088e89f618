"""The search for the leading master while ZooKeeper starts."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from localmesos.election.detector import ZooKeeperDetector


def test_a_server_that_takes_a_connection_and_never_answers_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(9.0)
        detector = ZooKeeperDetector(f"zk://127.0.0.1:{server.getsockname()[1]}/mesos")

        def search() -> None:
            with pytest.raises(OSError, match="ZooKeeper"):
                asyncio.run(detector.leader())

        searching = threading.Thread(target=search)
        searching.start()
        try:
            with server.accept()[0]:
                try:
                    server.accept()[0].close()
                except TimeoutError:
                    pytest.fail("it waits for the first server as long as the session lives")
        finally:
            searching.join()
