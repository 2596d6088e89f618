"""Figures of Cassandra, once the scheduler has asked nodes again that answered before others had joined."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cluster.world import World
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]


def test_they_are_in_status_and_metrics(world: World) -> None:
    def figures() -> list[Any]:
        return [node["owns"] for node in world.read("/v1/nodes/status")["nodes"]]

    def owns_all() -> bool:
        shares = figures()
        return None not in shares and sum(shares) == pytest.approx(1.0, abs=0.001)

    # The scheduler asks each node for its status every half a minute.
    wait_for("the figures of all nodes, which own the whole ring", owns_all, 60.0)
    for node in world.read("/v1/nodes/status")["nodes"]:
        assert node["load_bytes"] > 0
        assert 0 < node["disk_free_bytes"] < node["disk_bytes"]
    live = world.read("/v1/nodes/node-1/status")["figures"]
    assert 0 < live["heap_used_bytes"] < live["heap_max_bytes"]
    assert live["dropped_messages"] == {}
    text = world.get("/metrics").body.decode()
    for name in ("load_bytes", "heap_used_ratio", "gc_seconds_total", "pending_compactions", "hinted_peers"):
        assert len(re.findall(rf'^cassandra_{name}{{node="node-\d"}} ', text, re.MULTILINE)) == 3, name
