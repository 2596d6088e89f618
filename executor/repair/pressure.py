"""Back-pressure: the segments that must wait, and the reason."""

from __future__ import annotations

from collections.abc import Iterable

from executor.repair.plan import Segment
from executor.repair.replicas import Replicas
from executor.repair.survey import RingState, host


class Pressure:
    """The rule for waits: one of the replicas is down, or has more pending compactions than `limit`."""

    def __init__(self, replicas: Replicas, limit: int) -> None:
        self._replicas = replicas
        self._limit = limit

    def survey(self, segments: Iterable[Segment], state: RingState) -> dict[Segment, str]:
        """Return the segments before the first that can run, each with the reason of its wait."""
        known: dict[str, str] = {}
        waiting: dict[Segment, str] = {}
        for segment in segments:
            why = self.down(segment, state) or self._busy(segment, state, known)
            if not why:
                break
            waiting[segment] = why
        return waiting

    def down(self, segment: Segment, state: RingState) -> str:
        """Return a sentence about those of its replicas that are down; empty if none is."""
        down = [host(replica) for replica in segment.replicas if replica not in state.live]
        return f"{' and '.join(down)} {'are' if len(down) > 1 else 'is'} down" if down else ""

    def _busy(self, segment: Segment, state: RingState, known: dict[str, str]) -> str:
        for replica in segment.replicas:
            if replica not in known:
                known[replica] = self._why_busy(replica, state)
            if known[replica]:
                return known[replica]
        return ""

    def _why_busy(self, replica: str, state: RingState) -> str:
        if replica == state.own:
            pending: int | None = state.pending_compactions
        else:
            pending = self._replicas.pending_compactions(replica)
        if pending is None or pending <= self._limit:
            return ""
        return f"{host(replica)} has {pending} pending compactions, more than {self._limit}"
