"""One node's Cassandra is kept off while an operator works on its files; the others serve."""

from __future__ import annotations

import pytest

from tests.cluster.world import World
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(300)]


def step(world: World) -> dict[str, str]:
    (found,) = [item for item in world.read("/v1/plans/recovery")["phases"][0]["steps"] if item["name"] == "node-1"]
    return dict(found)


def test_a_node_is_paused_and_resumed(world: World) -> None:
    tasks, pids = world.task_ids(), world.cassandras()
    before = world.read("/v1/nodes/node-1/status")["host_id"]
    newest = world.read("/v1/events")["newest"]
    assert world.put("/v1/nodes/node-1/pause") == (200, [tasks["node-1"]])
    wait_for("node-1 is paused", lambda: world.read("/v1/nodes/node-1/info")["mode"] == "PAUSED", 120.0)
    assert (step(world)["status"], step(world)["reason"]) == ("WAITING", "PAUSED")
    assert len(world.cassandras() & pids) == 2
    assert world.read("/v1/nodes/node-1/status")["mode"] == "PAUSED"
    code, answer = world.put("/v1/nodes/restart?node=node-0")
    assert (code, answer["message"]) == (
        409,
        "The pause of node-1 is under way; with force=true the restart of node-0 waits for that.",
    )

    code, (paused,) = world.put("/v1/nodes/node-1/resume")
    assert code == 200
    assert paused != tasks["node-1"]
    wait_for("all is well", lambda: world.read("/v1/plans/recovery")["status"] == "COMPLETE", 120.0)
    status = world.read("/v1/nodes/node-1/status")
    assert (status["mode"], status["host_id"]) == ("NORMAL", before)
    events = world.read(f"/v1/events?since={newest}&node=node-1")["events"]
    kinds = [event["kind"] for event in events]
    assert [kind for kind in kinds if kind in ("COMMAND", "KILLED", "LAUNCHED", "UP")] == [
        *("COMMAND", "KILLED", "LAUNCHED"),
        *("COMMAND", "KILLED", "LAUNCHED", "UP"),
    ]
