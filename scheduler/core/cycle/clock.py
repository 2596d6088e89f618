"""A clock that was set back: times in the future are clamped to now, so that no back-off grows.

If a clock jumps ahead, due work is done a little early, and all of it can be done twice. What destroys a volume in the
end is the exception: the time of grace of garbage, and the absence after which a node is replaced. They go on counting
from where they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from scheduler.core.state.cluster import ClusterState, Memory, Sighting, Stray
from scheduler.core.state.lifecycle import LIVE
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.record_kinds import COLLECTIONS, Collection, with_collections

Key = TypeVar("Key")
Value = TypeVar("Value")


def set_back(state: ClusterState, now: float) -> ClusterState:
    """Return the state as of `now`, in seconds since the epoch; the same state if the clock was not set back.

    Past events happened at the latest now. A back-off lasts at most its whole length from now.
    """
    if 0.0 < state.memory.at <= now:
        return state
    clamped = {kind.attribute: _clamp(kind, state, now) for kind in COLLECTIONS}
    state = with_collections(state, clamped)
    logins = state.logins
    if logins is not None and logins.changed_at is not None and logins.changed_at > now:
        # Otherwise no password would be old before the clock says that time again.
        state = replace(state, logins=replace(logins, changed_at=now))
    # In its first cycle a process has only the records, which a machine with another clock may have written.
    return state if state.memory.at == 0.0 else _forget_ahead(state, now)


def set_ahead(state: ClusterState, seconds: float) -> ClusterState:
    """Return the state after the clock has jumped ahead: no wait that ends in a release became shorter."""
    garbage = {name: replace(record, found_at=record.found_at + seconds) for name, record in state.garbage.items()}
    nodes = {name: _later(node, seconds) for name, node in state.nodes.items()}
    calm = state.memory.calm_since
    memory = state.memory if calm is None else replace(state.memory, calm_since=calm + seconds)
    return replace(state, garbage=garbage, nodes=nodes, memory=memory)


def _later(node: NodeRecord, seconds: float) -> NodeRecord:
    """Return the node with the same time since the last word of a task that does not live as far as is known."""
    if node.task is None or node.task.state in LIVE:
        return node
    return replace(node, task=replace(node.task, updated_at=node.task.updated_at + seconds))


def _clamp(kind: Collection[Any], state: ClusterState, now: float) -> Mapping[str, Any]:
    records, clamp = kind.of(state), kind.clamp
    return records if clamp is None else {key: clamp(record, now) for key, record in records.items()}


def _forget_ahead(state: ClusterState, now: float) -> ClusterState:
    """Clamp the times that only this process has."""
    progress = state.reconciliation
    return replace(
        state,
        sightings=_each(state.sightings, lambda seen: _sighting(seen, now)),
        jobs=_each(state.jobs, lambda seen: replace(seen, at=now) if seen.at > now else seen),
        reconciliation=replace(
            progress, next_at=min(progress.next_at, now), requested_at=min(progress.requested_at, now)
        ),
        memory=_memory(state.memory, now),
    )


def _memory(memory: Memory, now: float) -> Memory:
    return replace(
        memory,
        strays=_each(memory.strays, lambda stray: _stray(stray, now)),
        asked=_each(memory.asked, lambda asked: replace(asked, at=min(asked.at, now))),
        told=_each(memory.told, lambda at: min(at, now)),
        settling=_each(memory.settling, lambda at: min(at, now)),
        certified=_each(memory.certified, lambda at: min(at, now)),
        refused=_each(memory.refused, lambda refused: replace(refused, at=min(refused.at, now))),
        calm_since=None if memory.calm_since is None else min(memory.calm_since, now),
        revived_at=min(memory.revived_at, now),
        heard_at=min(memory.heard_at, now),
        probe_at=min(memory.probe_at, now),
        implicit_at=min(memory.implicit_at, now),
    )


def _sighting(seen: Sighting, now: float) -> Sighting:
    if max(seen.at, seen.figures_at) <= now:
        return seen
    return replace(
        seen,
        at=min(seen.at, now),
        figures_at=min(seen.figures_at, now),
        blind_since=_each(seen.blind_since, lambda at: min(at, now)),
        mode_since=min(seen.mode_since, now),
    )


def _stray(stray: Stray, now: float) -> Stray:
    killed_at = stray.killed_at if stray.killed_at is None else min(stray.killed_at, now)
    return replace(stray, seen_at=min(stray.seen_at, now), killed_at=killed_at)


def _each(values: Mapping[Key, Value], change: Callable[[Value], Value]) -> Mapping[Key, Value]:
    return {key: change(value) for key, value in values.items()}
