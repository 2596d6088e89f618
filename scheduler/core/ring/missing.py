"""Concern: a member that its peers do not see, and whose own executor does not answer, is down, whatever Mesos says.

Mesos gives a machine up after more than a minute; Cassandra's gossip knows better within seconds. Both are asked for:
more than half of the other members that are up and answer hold it for down, or have not heard of it for seconds, in
what they said after its own last word; and its executor has left questions unanswered. So neither a peer that is cut
off from the others nor an agent that is away is enough. Nothing is launched, replaced or released for it: the node
only counts as down, until it speaks, or as many peers hold it for up again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from scheduler.core.cycle.workspace import Cycle
from scheduler.core.state.cluster import Asked, ClusterState, Sighting
from scheduler.core.state.lifecycle import by_index, is_running, is_up
from scheduler.core.state.node import Missing, NodeRecord

# So many questions without an answer are silence: the second is put two seconds after the first.
SILENT = 2
# So many peers are named.
NAMED = 5
_MODE, _UP = "UNKNOWN", "NORMAL"


@dataclass(frozen=True)
class _Views:
    """What members that are up and answer hold of addresses."""

    voters: tuple[tuple[NodeRecord, Sighting], ...]
    unreachable: Mapping[str, tuple[NodeRecord, ...]]


def note_missing(cycle: Cycle) -> None:
    """Note who is missing by the peers' word, and who is not any more."""
    views = _views(cycle.state)
    for node in list(cycle.state.nodes.values()):
        if node.missing is not None:
            if is_running(node) and _is_seen_again(views, node):
                cycle.put(replace(node, mode=_UP, missing=None))
        elif node.deployed is not None and is_up(node) and is_silent(cycle.state, node):
            since = _heard_at(cycle.state, node)
            if peers := _majority(views, node, since):
                cycle.put(replace(node, mode=_MODE, missing=Missing(cycle.now, since, peers)))


def doubted(state: ClusterState) -> set[str]:
    """Who has to be asked now: members that a peer does not see, and once they are silent, who may know better."""
    views = _views(state)
    found: set[str] = set()
    if not views.unreachable:
        return found
    for node in state.nodes.values():
        if node.deployed is None or not is_up(node) or node.address not in views.unreachable:
            continue
        found.add(node.name)
        if state.memory.asked.get(node.name, Asked(0.0)).unanswered:
            blaming = {peer.name for peer in views.unreachable[node.address or ""]}
            since = _heard_at(state, node)
            found |= {peer.name for peer, item in views.voters if peer.name not in blaming or item.at < since}
    return found


def is_silent(state: ClusterState, node: NodeRecord) -> bool:
    """Whether its executor leaves questions unanswered."""
    return state.memory.asked.get(node.name, Asked(0.0)).unanswered >= SILENT


def sentence(node: NodeRecord) -> str:
    """For people: who does not see the node, and since when nothing was heard of it."""
    assert node.missing is not None
    peers = node.missing.peers
    names = list(peers[:NAMED])
    last = f"{len(peers) - NAMED} more" if len(peers) > NAMED else names.pop()
    who = f"{', '.join(names)} and {last}" if names else last
    since = datetime.fromtimestamp(node.missing.silent_since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    see = "does" if len(peers) == 1 else "do"
    return f"{who} {see} not see it; its agent has not answered since {since}"


def _views(state: ClusterState) -> _Views:
    up = (node for node in state.nodes.values() if node.deployed is not None and is_up(node))
    members = [node for node in up if not is_silent(state, node)]
    voters = tuple((node, sighting) for node in members if (sighting := _own(state, node)) is not None)
    found: dict[str, list[NodeRecord]] = {}
    for node, sighting in voters:
        for address in (*sighting.status.unreachable, *sighting.status.doubted):
            found.setdefault(address, []).append(node)
    return _Views(voters, {address: tuple(peers) for address, peers in found.items()})


def _majority(views: _Views, node: NodeRecord, since: float) -> tuple[str, ...]:
    """Those that hold the node for down, if they are more than half of the others; else none."""
    blaming = {peer.name for peer in views.unreachable.get(node.address or "", ())}
    others = [(peer, sighting) for peer, sighting in views.voters if peer.name != node.name]
    said = [peer for peer, sighting in others if peer.name in blaming and sighting.at >= since]
    return tuple(peer.name for peer in by_index(said)) if 2 * len(said) > len(others) else ()


def _is_seen_again(views: _Views, node: NodeRecord) -> bool:
    assert node.missing is not None
    others = [sighting for peer, sighting in views.voters if peer.name != node.name]
    newer = [item for item in others if item.at > node.missing.since]
    seen = [item for item in newer if node.address in item.status.live and node.address not in item.status.doubted]
    return 2 * len(seen) > len(others)


def _heard_at(state: ClusterState, node: NodeRecord) -> float:
    """When the node spoke last; after a start of the scheduler, when Mesos last spoke of its task."""
    sighting = _own(state, node)
    assert node.task is not None
    return node.task.updated_at if sighting is None else sighting.at


def _own(state: ClusterState, node: NodeRecord) -> Sighting | None:
    """What the newest task of the node has said last."""
    sighting = state.sightings.get(node.name)
    return None if sighting is None or node.task is None or sighting.task_id != node.task.id else sighting
