"""Whether all nodes of one rack may be away together: where that takes no more than one replica of any range away.

Cassandra's NetworkTopologyStrategy puts the replicas of a range into different racks as long as there are as many racks
as replicas. How many there are, and whether a key space disregards racks, each node tells with its status.
"""

from __future__ import annotations

from scheduler.core.ring.readiness import sighting_since
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index, is_up
from scheduler.core.state.node import NodeRecord

# With fewer, no majority of the racks is left.
LEAST_RACKS = 3


def rack_problem(state: ClusterState) -> str | None:
    """Why no rack may be away as a whole; None if any of them may.

    While nodes of a rack are being restarted, only what was said since the first of them began is believed.
    """
    members = [node for node in by_index(state.nodes.values()) if node.deployed is not None]
    racks = {node.rack for node in members}
    if len(racks) < LEAST_RACKS:
        return f"the members are in {_count(len(racks), 'rack')}, and it takes {LEAST_RACKS}"
    up = [node for node in members if is_up(node)]
    if not up:
        return "no member is up that could tell how the key spaces are replicated"
    since = _first_begun(state)
    return next((problem for node in up if (problem := _told(state, node, len(racks), since)) is not None), None)


def unreported_members(state: ClusterState) -> set[str]:
    """The nodes to ask how the key spaces are replicated, so that more of a rack may begin beside the first."""
    since = _first_begun(state)
    waits = any(node.intent and node.intent.by_rack and node.intent.begun_at is None for node in state.nodes.values())
    if not since or not waits:
        return set()
    members = [node for node in state.nodes.values() if node.deployed is not None and is_up(node)]
    return {node.name for node in members if sighting_since(state, node, since) is None}


def _first_begun(state: ClusterState) -> float:
    """When the first of those nodes was told to end that are being restarted with their rack; 0 without any."""
    intents = [node.intent for node in state.nodes.values() if node.intent is not None and node.intent.by_rack]
    return min((intent.begun_at for intent in intents if intent.begun_at is not None), default=0.0)


def _told(state: ClusterState, node: NodeRecord, racks: int, since: float) -> str | None:
    sighting = sighting_since(state, node, since)
    if sighting is None:
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
