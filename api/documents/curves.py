"""The curve of an operation: how its progress and rate went, and how long it may still take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.sentences import stamp
from scheduler.core.state.operation import OperationState
from scheduler.loop.curves import Samples
from scheduler.loop.snapshot import Snapshot

Json = Mapping[str, Any]

# The speed of the last minutes tells more about the rest than that of the beginning.
_RECENT_SECONDS = 300.0
_FEWEST_SECONDS = 10.0


def curve(found: Snapshot, kind: str) -> Json:
    """Return the samples of a kind's newest operation, oldest first, and the seconds left if they can be told."""
    operation = found.state.operations.get(kind)
    samples = found.curves.get(kind, ())
    return {
        "kind": kind,
        "id": None if operation is None else operation.id,
        "seconds_left": time_left(found, kind),
        "samples": [{"at": stamp(item.at), "percent": item.percent, "rate": item.rate} for item in samples],
    }


def time_left(found: Snapshot, kind: str) -> float | None:
    """Return the seconds that a kind's operation still takes; None unless it runs and that can be told."""
    operation = found.state.operations.get(kind)
    running = operation is not None and operation.state is OperationState.RUNNING
    return seconds_left(found.curves.get(kind, ())) if running else None


def seconds_left(samples: Samples) -> float | None:
    """Return how long the rest takes at the speed of the last minutes; None without progress in them."""
    if not samples:
        return None
    last = samples[-1]
    recent = [item for item in samples if last.at - item.at <= _RECENT_SECONDS]
    seconds, percent = last.at - recent[0].at, last.percent - recent[0].percent
    if seconds < _FEWEST_SECONDS or percent <= 0:
        return None
    return round((100.0 - last.percent) * seconds / percent)
