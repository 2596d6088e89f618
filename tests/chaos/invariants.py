"""The rules that hold after every fault, and those that hold all the time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from devcluster.requests import UnreachableError
from tests.cluster.world import World

_LIVE = frozenset({"TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"})


def check_nothing_twice(world: World) -> None:
    """Check that no node has two tasks and no volume two Cassandras; this holds at any moment."""
    for agent in world.layout.agents:
        running = world.cassandras_on(agent)
        assert len(running) <= 1, f"{agent.name} has the Cassandras {running}"
    try:
        counts = _live_tasks(world)
    except UnreachableError:  # no master at the moment: it is asked again
        return
    assert not [name for name, number in counts.items() if number > 1], counts


def missing(world: World) -> str:
    """Return what is missing until every node is NORMAL on one task and one Cassandra; empty if nothing is.

    The nodes are asked themselves: right after a fault the scheduler does not know of it yet.
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
    """Return the difference between Mesos' reservations and the nodes' records; empty if there is none."""
    kept, recorded = _reserved(world), _recorded(world)
    return "" if kept == recorded else f"reserved at the master {sorted(kept)}, in the records {sorted(recorded)}"


def _live_tasks(world: World) -> Counter[str]:
    """Return the live tasks by name: a node's task has the node's name, a job's its step's."""
    frameworks: list[dict[str, Any]] = world.master("/state")["frameworks"]
    return Counter(str(task["name"]) for found in frameworks for task in found["tasks"] if str(task["state"]) in _LIVE)


def _reserved(world: World) -> set[tuple[str, str]]:
    """Return host and label of every reservation."""
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
