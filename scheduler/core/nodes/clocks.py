"""Clocks of agents that differ from the scheduler's, as the replies of executors show.

A certificate is refused before its first and after its last moment, and Cassandra orders writes by its clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from scheduler.core.state.cluster import Asked, ClusterState
from scheduler.core.state.lifecycle import by_index
from scheduler.core.state.node import NodeRecord

# Less can be a slow reply, and breaks no certificate.
TOLD_SECONDS = 60.0
# A smaller change of an offset is none: sentences must not come and go.
_STEADY_SECONDS = 10.0
# So many nodes are named, since there can be a thousand, all of them with the same cause.
MOST_NAMED = 5


def clock_offset(clock: float, asked: Asked | None, now: float, before: float) -> float:
    """Return by how many seconds an executor's clock is ahead of the scheduler's for certain; negative if behind.

    The executor read its clock after it was asked and before now.

    Args:
        clock: The executor's clock, in seconds since the epoch; 0 from an executor that does not send it.
        asked: The last query to the executor.
        now: The scheduler's clock, in seconds since the epoch.
        before: The offset that was known.
    """
    if clock <= 0.0:
        return 0.0
    found = max(0.0, clock - now)
    if not found and asked is not None:
        if asked.unanswered > 1:  # the reply can be to an earlier query
            return before
        found = min(0.0, clock - asked.at)
    return before if before and abs(found - before) < _STEADY_SECONDS else found


def wrong_clocks(state: ClusterState) -> Mapping[str, str]:
    """Return a sentence for each of the first nodes whose agent has another time than the scheduler, by node."""
    # Of a thousand nodes in each cycle, few are wrong.
    off = [name for name, sighting in state.sightings.items() if abs(sighting.clock_offset) >= TOLD_SECONDS]
    nodes = by_index(state.nodes[name] for name in off if name in state.nodes)
    seen = ((node, state.sighting_of(node)) for node in nodes)
    shown = ((node, sighting) for node, sighting in seen if sighting is not None)
    return {node.name: _words(node, sighting.clock_offset) for node, sighting in islice(shown, MOST_NAMED)}


def _words(node: NodeRecord, offset: float) -> str:
    where = "ahead of" if offset > 0 else "behind"
    return (
        f"the clock of {node.known_agent.hostname}, the agent of {node.name}, is {_time(abs(offset))} {where} the "
        "scheduler's: set the clock that is wrong, since certificates and the order of writes depend on it"
    )


def _time(seconds: float) -> str:
    for unit, name in ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"
