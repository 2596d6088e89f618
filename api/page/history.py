"""The events of the cluster, newest first, with a filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.number_text import whole_within
from scheduler.core.events.log import KEPT, entries_after
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import EntryKind
from scheduler.core.state.lifecycle import by_index

SHOWN = 100
_AROUND = 20


def context(state: ClusterState, chosen: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the values of the view: the events that were chosen, and what can be chosen.

    Args:
        state: The state with the events.
        chosen: `node` and `kind` filter, `before` is a sequence for older ones, `at` that of the one to be around.
    """
    entries = [
        entry
        for entry in reversed(entries_after(state, 0, KEPT))
        if chosen["node"] in ("", entry.node) and chosen["kind"] in ("", entry.kind.value)
    ]
    before = whole_within(chosen["before"], 0)
    at = whole_within(chosen["at"], 0)
    if at is not None:
        before = at + _AROUND
    if before is not None:
        entries = [entry for entry in entries if entry.sequence < before]
    shown = entries[:SHOWN]
    return {
        "chosen": chosen,
        "entries": shown,
        "older": shown[-1].sequence if len(entries) > SHOWN else None,
        "kinds": [kind.value for kind in EntryKind],
        "nodes": [node.name for node in by_index(state.nodes.values())][:200],
    }
