"""The second and the third node of a cluster join at once: the only case in which two nodes may.

A node that joins gets the data of its ranges from one replica, and takes the place of another. If two do so at once,
both may get them from the same replica, so that a write which that one has missed is lost at QUORUM. A single member
has missed no write, and is where both get them from. Cassandra refuses joins at once unless it is told otherwise.
"""

from __future__ import annotations

from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import is_up, may_live
from scheduler.core.state.node import NodeRecord

# Cassandra's check whether another node joins. It is a rule of its start alone: a later launch does not have it.
JVM_OPTIONS = ("-Dcassandra.consistent.rangemovement=false",)
# With these, both could choose the same tokens.
_ALLOCATES = ("allocate_tokens_for_keyspace", "allocate_tokens_for_local_replication_factor", "initial_token")


def may_pair(state: ClusterState, node: NodeRecord) -> bool:
    """Return whether the node, which is about to be placed, can have the next one join beside it."""
    return _is_new(node) and _next(state, node) is not None and _has_one_member(state, node)


def companion(state: ClusterState, first: NodeRecord) -> NodeRecord | None:
    """Return the node that may join beside this one, which was launched for that; None if none may."""
    if first.task is None or not first.task.paired or first.deployed is not None or not may_live(first):
        return None
    node = _next(state, first)
    return node if node is not None and _has_one_member(state, first) else None


def _is_new(node: NodeRecord) -> bool:
    return node == NodeRecord(node.index)


def _next(state: ClusterState, node: NodeRecord) -> NodeRecord | None:
    """Return the next node of the target, if it has never been placed and its tokens are random."""
    spec = state.target.spec
    after = NodeRecord(node.index + 1)
    if after.index >= spec.nodes or state.nodes.get(after.name, after) != after:
        return None
    return None if any(spec.cassandra.options.get(name) is not None for name in _ALLOCATES) else after


def _has_one_member(state: ClusterState, first: NodeRecord) -> bool:
    """Return whether one node is all of the ring, by the records and by what that node sees."""
    others = [node for node in state.nodes.values() if node.index != first.index and not _is_new(node)]
    if len(others) != 1 or others[0].deployed is None or not is_up(others[0]):
        return False
    sighting = state.sighting_of(others[0])
    known = {others[0].address, first.address}
    return sighting is not None and {*sighting.status.live, *sighting.status.unreachable} <= known
