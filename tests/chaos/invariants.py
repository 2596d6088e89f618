"""What has to hold after every fault, and what has to hold all the time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from devcluster.requests import UnreachableError
from tests.cluster.world import World

_LIVE = frozenset({"TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"})


def check_nothing_twice(world: World) -> None:
    """No node has two tasks at once, nor a volume two Cassandras; asked at any moment."""
    for agent in world.layout.agents:
        running = world.cassandras_on(agent)
        assert len(running) <= 1, f"{agent.name} has the Cassandras {running}"
    try:
        counts = _live_tasks(world)
    except UnreachableError:  # no master at the moment: it is asked again
        return
    assert not [name for name, number in counts.items() if number > 1], counts


def missing(world: World) -> str:
    """What is not yet as it has to be: every node NORMAL, on one task and one Cassandra. Empty when all of it is.

    The nodes are asked themselves, since right after a fault the scheduler has not heard of it.
    """
    running = len(world.cassandras())
    if running != world.layout.nodes:
        return f"{running} Cassandras run"
    names = world.read("/v1/nodes/list")
    counts = _live_tasks(world)
    if {name: counts[name] for name in names} != dict.fromkeys(names, 1):
        return f"live tasks: {dict(counts)}"
    answers = {name: world.get(f"/v1/nodes/{name}/status") for name in names}
    modes = {name: answer.json().get("mode", answer.json()) for name, answer in answers.items()}
    return "" if list(modes.values()) == ["NORMAL"] * world.layout.nodes else f"modes: {modes}"


def leaked(world: World) -> str:
    """What is reserved and in no node's record, or the other way round; empty when they agree."""
    kept, recorded = _reserved(world), _recorded(world)
    return "" if kept == recorded else f"reserved at the master {sorted(kept)}, in the records {sorted(recorded)}"


def _live_tasks(world: World) -> Counter[str]:
    """By name: a node's task has the node's, a job's its step's."""
    frameworks: list[dict[str, Any]] = world.master("/state")["frameworks"]
    return Counter(str(task["name"]) for found in frameworks for task in found["tasks"] if str(task["state"]) in _LIVE)


def _reserved(world: World) -> set[tuple[str, str]]:
    """Host and label of every reservation."""
    return {
        (str(slave["hostname"]), str(label["value"]))
        for slave in world.master("/slaves")["slaves"]
        for pieces in slave["reserved_resources_full"].values()
        for piece in pieces
        for reservation in piece["reservations"]
        for label in reservation.get("labels", {}).get("labels", [{"key": "resource_id", "value": "none"}])
        if label["key"] == "resource_id"
    }


def _recorded(world: World) -> set[tuple[str, str]]:
    records = [record for path, record in world.records().items() if "/nodes/" in path]
    return {(str(record["agent"]["hostname"]), str(record["reservation"]["id"])) for record in records}
