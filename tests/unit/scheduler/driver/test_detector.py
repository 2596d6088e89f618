"""The detection of the leading master while ZooKeeper starts."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from pymesos.scheduler import MesosSchedulerDriver

from scheduler.driver import detector as module
from scheduler.driver.detector import Detector

SESSION_SECONDS = 9.0


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never answers, as a ZooKeeper that starts does now and then."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SESSION_SECONDS - 1)
        yield server


@pytest.fixture
def detector(silent: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Detector]:
    monkeypatch.setattr(module, "_SESSION_SECONDS", SESSION_SECONDS)
    found = Detector(f"127.0.0.1:{silent.getsockname()[1]}", MesosSchedulerDriver.__new__(MesosSchedulerDriver))
    yield found
    found.stop()


def test_a_server_that_never_answers_is_left_for_another_attempt(silent: socket.socket, detector: Detector) -> None:
    detector.zk.start_async()
    with silent.accept()[0]:
        try:
            silent.accept()[0].close()
        except TimeoutError:
            pytest.fail("it waits for the first server as long as the session lives")


def test_a_client_that_does_not_end_in_time_is_stopped_all_the_same(
    silent: socket.socket, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RuntimeError("Cannot close connection until it is stopped")

    detector.zk.start_async()
    with silent.accept()[0], monkeypatch.context() as patch:
        patch.setattr(detector.zk, "close", refuse)
        detector.stop()
    assert detector.ended
