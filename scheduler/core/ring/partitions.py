"""Members that serve, and that another member takes as down for longer than a restart or a pause explains."""

from __future__ import annotations

from itertools import islice

from executor.sentences import list_first
from scheduler.core.ring.missing import NAMED, is_silent
from scheduler.core.ring.readiness import own_reason
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index

# Cassandra convicts and sees again within half a minute, and its executor makes it ask once more after 30 seconds.
TOLD_SECONDS = 90.0


def partitions(state: ClusterState, now: float) -> tuple[str, ...]:
    """Return a sentence for each of the first members that take another one as down, although it serves.

    Args:
        state: The cluster.
        now: The scheduler's clock, in seconds since the epoch.
    """
    late = [
        (name, {address for address, since in sighting.blind_since.items() if now - since >= TOLD_SECONDS})
        for name, sighting in state.sightings.items()
        if sighting.blind_since
    ]
    blind = {name: addresses for name, addresses in late if addresses}
    if not blind:
        return ()
    up = {
        node.address: node.name
        for node in by_index(state.nodes.values())
        if node.deployed is not None
        and own_reason(state, node) is None
        and not is_silent(state, node)
        # One that has just come back was taken as down with good reason.
        and now - state.sightings[node.name].mode_since >= TOLD_SECONDS
    }
    found = (
        _words(name, [up[address] for address in up if address in blind[name]])
        for name in up.values()
        if name in blind and not blind[name].isdisjoint(up)
    )
    # A partition between two rooms has as many pairs as there are nodes in one times those in the other.
    return tuple(islice(found, NAMED))


def _words(name: str, unseen: list[str]) -> str:
    verb, each = ("has", "it serves") if len(unseen) == 1 else ("have", "they serve")
    return (
        f"for {name}, {list_first(unseen)} {verb} been down for more than a minute, although {each}: look at the "
        "network between their agents, and at Cassandra's log on both sides"
    )
