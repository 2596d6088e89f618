"""Restarts by rack: all nodes of a rack may be away together if no range loses more than one replica.

Cassandra's NetworkTopologyStrategy puts the replicas of a range into different racks as long as there are as many racks
as replicas. Each node's status has the highest replication factor, and a keyspace that disregards racks, if any.
"""

from __future__ import annotations

from executor.sentences import number_of
from scheduler.core.ring.missing import NAMED
from scheduler.core.ring.readiness import sighting_since
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index, is_up
from scheduler.core.state.node import NodeRecord

# With fewer racks, no majority of them remains.
LEAST_RACKS = 3


def rack_problem(state: ClusterState) -> str | None:
    """Return why no rack may be away as a whole; None if any of them may.

    While nodes of a rack restart, only statuses count that are newer than the first of these restarts.
    """
    members = [node for node in by_index(state.nodes.values()) if node.deployed is not None]
    racks = {node.rack for node in members}
    if len(racks) < LEAST_RACKS:
        return f"the members are in {number_of(len(racks), 'rack')}, at least {LEAST_RACKS} are needed"
    up = [node for node in members if is_up(node)]
    if not up:
        return "no member is up to report how the keyspaces are replicated"
    since = _first_begun(state)
    return next(
        (problem for node in up if (problem := _status_problem(state, node, len(racks), since)) is not None), None
    )


def foreign_racks(state: ClusterState) -> tuple[str, ...]:
    """Return a sentence for each of the first nodes whose agent is in another rack than they are for Cassandra."""
    attribute = state.target.spec.rack_attribute
    found = []
    for node in by_index(state.nodes.values()):
        # An agent without the attribute says nothing.
        place = node.agent.attributes.get(attribute) if node.agent is not None and attribute else None
        if place is not None and node.deployed is not None and node.rack != place:
            found.append(
                f"for Cassandra, {node.name} is in rack {node.rack}, and its agent is in {place}: if {place} fails, "
                f"replicas of two racks are away; replace {node.name} once an agent of {node.rack} has room"
            )
    return tuple(found[:NAMED])


def unreported_members(state: ClusterState) -> set[str]:
    """Return the members to query for replication before more nodes of a rack restart beside the first."""
    since = _first_begun(state)
    waits = any(node.intent and node.intent.by_rack and node.intent.begun_at is None for node in state.nodes.values())
    if not since or not waits:
        return set()
    members = [node for node in state.nodes.values() if node.deployed is not None and is_up(node)]
    return {node.name for node in members if sighting_since(state, node, since) is None}


def _first_begun(state: ClusterState) -> float:
    """Return the time of the first restart by rack that is under way; 0 without any."""
    intents = [node.intent for node in state.nodes.values() if node.intent is not None and node.intent.by_rack]
    return min((intent.begun_at for intent in intents if intent.begun_at is not None), default=0.0)


def _status_problem(state: ClusterState, node: NodeRecord, racks: int, since: float) -> str | None:
    sighting = sighting_since(state, node, since)
    if sighting is None:
        return f"{node.name} has not reported its status yet"
    status = sighting.status
    if status.most_replicas is None:
        return f"{node.name} has not reported how the keyspaces are replicated"
    if status.disregards_racks is not None:
        return f"the replicas of the keyspace {status.disregards_racks} are placed without regard to racks"
    if status.most_replicas > racks:
        return f"a keyspace has {number_of(status.most_replicas, 'replica')}, but there are only {racks} racks"
    return None
