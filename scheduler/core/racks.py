"""Whether all nodes of one rack may be away together: where that takes no more than one replica of any range away.

Cassandra's NetworkTopologyStrategy puts the replicas of a range into different racks as long as there are as many racks
as replicas. How many there are, and whether a key space disregards racks, each node tells with its status.
"""

from __future__ import annotations

from scheduler.core.lifecycle import is_up
from scheduler.core.seeds import by_index
from scheduler.core.state import ClusterState, NodeRecord

# With fewer, no majority of the racks is left.
LEAST_RACKS = 3


def rack_problem(state: ClusterState) -> str | None:
    """Why no rack may be away as a whole, as far as is known now; None if any of them may."""
    members = [node for node in by_index(state.nodes.values()) if node.deployed is not None]
    racks = {node.rack for node in members}
    if len(racks) < LEAST_RACKS:
        return f"the members are in {_count(len(racks), 'rack')}, and it takes {LEAST_RACKS}"
    up = [node for node in members if is_up(node)]
    if not up:
        return "no member is up that could tell how the key spaces are replicated"
    return next((problem for node in up if (problem := _told(state, node, len(racks))) is not None), None)


def _told(state: ClusterState, node: NodeRecord, racks: int) -> str | None:
    sighting = state.sightings.get(node.name)
    if sighting is None or node.task is None or sighting.task_id != node.task.id:
        return f"{node.name} has not told its status yet"
    status = sighting.status
    if status.most_replicas is None:
        return f"{node.name} has not told how the key spaces are replicated"
    if status.disregards_racks is not None:
        return f"the replicas of the key space {status.disregards_racks} are placed without regard to racks"
    if status.most_replicas > racks:
        return f"a key space has {_count(status.most_replicas, 'replica')}, more than the {racks} racks there are"
    return None


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
