"""The polls of a Cassandra, and their end."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import cast

import pytest

from executor.cassandra.process import Cassandra
from executor.node.events import Event
from executor.node.poller import CHANGING_SECONDS, SETTLED_SECONDS, STARTING_SECONDS, STEADY_SECONDS, Poller, pause
from executor.protocol import NodeStatus

SERVING = NodeStatus(mode="NORMAL", native_transport_running=True)


@pytest.mark.parametrize(
    ("status", "unchanged", "seconds"),
    [
        (SERVING, SETTLED_SECONDS, STEADY_SECONDS),
        (SERVING, SETTLED_SECONDS - 0.1, CHANGING_SECONDS),
        (NodeStatus(mode="NORMAL"), 1000.0, CHANGING_SECONDS),
        (NodeStatus(mode="JOINING", native_transport_running=True), 1000.0, CHANGING_SECONDS),
        (NodeStatus(mode="ISOLATED"), SETTLED_SECONDS, STEADY_SECONDS),
        (NodeStatus(mode="UNKNOWN"), 1000.0, CHANGING_SECONDS),
        (NodeStatus(mode="UNKNOWN"), 1.0, STARTING_SECONDS),
        (NodeStatus(mode="NORMAL"), 1.0, STARTING_SECONDS),
    ],
)
def test_a_steady_node_is_asked_less_often(status: NodeStatus, unchanged: float, seconds: float) -> None:
    assert pause(status, unchanged) == seconds


class _Hangs:
    """A Cassandra whose status does not come: the disk of its volume hangs."""

    def __init__(self) -> None:
        self.begun, self.free = threading.Event(), threading.Event()

    def status(self, _timeout: float) -> NodeStatus:
        self.begun.set()
        self.free.wait(3600)
        return SERVING


def test_a_poll_that_hangs_does_not_hold_up_the_end() -> None:
    hangs, events = _Hangs(), SimpleQueue[Event]()
    poller = Poller(cast(Cassandra, hangs), events)
    assert hangs.begun.wait(10)
    poller.stop()  # or it would wait for an hour
    hangs.free.set()
    poller.stop()
