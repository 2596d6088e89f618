from __future__ import annotations

import pytest

from executor.node.poller import CHANGING_SECONDS, SETTLED_SECONDS, STARTING_SECONDS, STEADY_SECONDS, pause
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
