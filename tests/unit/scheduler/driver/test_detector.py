"""The detection of the leading master while ZooKeeper starts."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from pymesos.scheduler import MesosSchedulerDriver

from scheduler.driver import detector as module
from scheduler.driver.detector import Detector
from tests.silent_server import SESSION_SECONDS, expect_another_attempt, silent_server


@pytest.fixture
def silent() -> Iterator[tuple[socket.socket, str]]:
    with silent_server() as found:
        yield found


@pytest.fixture
def detector(silent: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Detector]:
    monkeypatch.setattr(module, "_SESSION_SECONDS", SESSION_SECONDS)
    found = Detector(silent[1], MesosSchedulerDriver.__new__(MesosSchedulerDriver))
    yield found
    found.stop()


def test_a_server_that_never_answers_is_left_for_another_attempt(
    silent: tuple[socket.socket, str], detector: Detector
) -> None:
    detector.zk.start_async()
    expect_another_attempt(silent[0])


def test_a_client_that_does_not_end_in_time_is_stopped_all_the_same(
    silent: tuple[socket.socket, str], detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RuntimeError("Cannot close connection until it is stopped")

    detector.zk.start_async()
    with silent[0].accept()[0], monkeypatch.context() as patch:
        patch.setattr(detector.zk, "close", refuse)
        detector.stop()
    assert detector.ended
