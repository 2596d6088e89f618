"""Concern: mark a member as missing that most peers see as down and whose executor does not answer.

Mesos gives up an agent after more than a minute. Cassandra's gossip notices within seconds. A member is missing if
both hold:

- More than half of the other members that are up and answer see it as down, or had no gossip from it for seconds. Only
  statuses that are newer than its own last one count.
- Its executor has left queries unanswered.

So neither a peer that is cut off from the others nor an absent agent is enough. Nothing is launched, replaced or
released for it. The node only counts as down, until it answers or as many peers see it as up again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from executor.sentences import stamp
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.state.cluster import Asked, ClusterState, Sighting
from scheduler.core.state.lifecycle import by_index, is_running, is_up
from scheduler.core.state.node import Missing, NodeRecord

# Queries without an answer before a node counts as silent; the second follows the first after two seconds.
SILENT = 2
# The number of nodes that a sentence names, and of such sentences.
NAMED = 5
_MODE, _UP = "UNKNOWN", "NORMAL"


@dataclass(frozen=True)
class _Views:
    """The views of members that are up and answer: their statuses, and by address the members that see it as down."""

    voters: tuple[tuple[NodeRecord, Sighting], ...]
    unreachable: Mapping[str, tuple[NodeRecord, ...]]


def note_missing(cycle: Cycle) -> None:
    """Mark members as missing, and clear the mark of those that most peers see again."""
    if not _is_any_accused(cycle.state) and all(node.missing is None for node in cycle.state.nodes.values()):
        return
    views = _views(cycle.state)
    for node in list(cycle.state.nodes.values()):
        if node.missing is not None:
            if is_running(node) and _is_seen_again(views, node):
                cycle.put(replace(node, mode=_UP, missing=None))
        elif node.deployed is not None and is_up(node) and is_silent(cycle.state, node):
            since = _heard_at(cycle.state, node)
            if peers := _majority(views, node, since):
                cycle.put(replace(node, mode=_MODE, missing=Missing(cycle.now, since, peers)))


def doubted_members(state: ClusterState) -> set[str]:
    """Return the members to query at once.

    These are members that a peer sees as down; once they are silent, also the peers with an older view.
    """
    found: set[str] = set()
    if not _is_any_accused(state):
        return found
    views = _views(state)
    for node in state.nodes.values():
        if node.deployed is None or not is_up(node) or node.address not in views.unreachable:
            continue
        found.add(node.name)
        if state.memory.asked.get(node.name, Asked(0.0)).unanswered:
            accusers = {peer.name for peer in views.unreachable[node.address or ""]}
            since = _heard_at(state, node)
            found |= {peer.name for peer, item in views.voters if peer.name not in accusers or item.at < since}
    return found


def is_silent(state: ClusterState, node: NodeRecord) -> bool:
    """Return whether the node's executor leaves queries unanswered."""
    asked = state.memory.asked.get(node.name)
    return asked is not None and asked.unanswered >= SILENT


def describe_missing(node: NodeRecord) -> str:
    """Return a clause for a reason: the peers that see the node as down, and since when it is silent."""
    assert node.missing is not None
    peers = node.missing.peers
    names = list(peers[:NAMED])
    last = f"{len(peers) - NAMED} more" if len(peers) > NAMED else names.pop()
    who = f"{', '.join(names)} and {last}" if names else last
    see = "does" if len(peers) == 1 else "do"
    return f"{who} {see} not see it; its agent has not answered since {stamp(node.missing.silent_since)}"


def _is_any_accused(state: ClusterState) -> bool:
    """Return whether any node sees another as down. In most cycles none does, and no view is counted."""
    return any(seen.status.unreachable or seen.status.doubted for seen in state.sightings.values())


def _views(state: ClusterState) -> _Views:
    up = (node for node in state.nodes.values() if node.deployed is not None and is_up(node))
    members = [node for node in up if not is_silent(state, node)]
    voters = tuple((node, sighting) for node in members if (sighting := state.sighting_of(node)) is not None)
    found: dict[str, list[NodeRecord]] = {}
    for node, sighting in voters:
        for address in (*sighting.status.unreachable, *sighting.status.doubted):
            found.setdefault(address, []).append(node)
    return _Views(voters, {address: tuple(peers) for address, peers in found.items()})


def _majority(views: _Views, node: NodeRecord, since: float) -> tuple[str, ...]:
    """Return the peers that see the node as down if they are more than half of the others; none otherwise."""
    accusers = {peer.name for peer in views.unreachable.get(node.address or "", ())}
    if not accusers:  # when many nodes are silent, each would count all others
        return ()
    others = [(peer, sighting) for peer, sighting in views.voters if peer.name != node.name]
    votes = [peer for peer, sighting in others if peer.name in accusers and sighting.at >= since]
    return tuple(peer.name for peer in by_index(votes)) if 2 * len(votes) > len(others) else ()


def _is_seen_again(views: _Views, node: NodeRecord) -> bool:
    assert node.missing is not None
    # Those see it as down. In an outage of many nodes, looking each up in all lists of live peers takes seconds.
    if 2 * len(views.unreachable.get(node.address or "", ())) >= len(views.voters):
        return False
    others = [sighting for peer, sighting in views.voters if peer.name != node.name]
    newer = [item for item in others if item.at > node.missing.since]
    seen = [item for item in newer if node.address in item.status.live and node.address not in item.status.doubted]
    return 2 * len(seen) > len(others)


def _heard_at(state: ClusterState, node: NodeRecord) -> float:
    """Return the time of the node's last status; after a start of the scheduler, of its task's last update."""
    sighting = state.sighting_of(node)
    assert node.task is not None
    return node.task.updated_at if sighting is None else sighting.at
