"""One repair of Cassandra from its start to its end: watched, and ended on its own if necessary."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from executor.jmx.jolokia import Jolokia, JolokiaError, NotReachableError
from executor.jobs import chosen
from executor.jobs.context import JobContext
from executor.repair.activity import Activity
from executor.repair.plan import Segment
from executor.repair.replicas import Replicas
from executor.repair.sessions import Sessions

_FIRST_POLL, _LONGEST_POLL = 0.05, 2.0
# After this time, a repair that was failed and does not end is left alone: a segment is short.
_END_SECONDS = 30.0
# A Cassandra that does not answer for this long has ended: its executor restarts it.
_PATIENCE_SECONDS = 120.0
_LONG_RANGES = re.compile(r"\[?\(-?\d+,-?\d+\](?:, ?\(-?\d+,-?\d+\])*\]?")
_WORDS = 500
# Cassandra waits without end for the replicas of a table that was dropped: without progress for this long, look for it.
_IDLE_SECONDS = 10.0


class End(Enum):
    """The kinds of end of a repair.

    REFUSED: a replica refused to take part now. DROPPED: one of its tables does not exist any more.
    """

    DONE = "done"
    NOTHING = "nothing to do"
    FAILED = "failed"
    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Outcome:
    """The end of a repair, with Cassandra's own words."""

    end: End
    words: str = ""


@dataclass(frozen=True)
class Style:
    """The manner of a repair, the same for all segments."""

    incremental: bool
    parallelism: str
    stall_seconds: float


class Repairer:
    """A runner of one segment after another. Methods raise JolokiaError if Cassandra has ended, and Cancelled."""

    def __init__(self, context: JobContext, sessions: Sessions, replicas: Replicas, style: Style) -> None:
        self._context = context
        self._jolokia: Jolokia = context.node.jolokia
        self._sessions = sessions
        self._replicas = replicas
        self._style = style

    def run(self, segment: Segment) -> Outcome:
        """Repair a segment; a repair that Cassandra has forgotten, or without progress, counts as failed."""
        number = self._sessions.start(segment.key_space, options(segment, self._style))
        if number == 0:
            return Outcome(End.NOTHING)
        try:
            return self._watch(number, segment)
        except BaseException:
            # Also for an answer that cannot be read: another attempt would run beside this repair.
            self._end(number)
            raise

    def _watch(self, number: int, segment: Segment) -> Outcome:
        activity = Activity(number, segment, self._style.stall_seconds)
        answered, running, poll = time.monotonic(), False, _FIRST_POLL
        while True:
            self._context.wait(poll)
            poll = min(poll * 1.5, _LONGEST_POLL)
            try:
                status = self._sessions.status(number)
                if status and status[0] != "IN_PROGRESS":
                    return outcome(status)
                if not status and running:
                    return Outcome(End.FAILED, f"Cassandra has no repair {number} any more; it can have restarted")
                running = bool(status)
                idle = activity.idle_seconds(self._jolokia, self._sessions, self._replicas)
                dropped = idle > _IDLE_SECONDS and self._is_dropped(segment)
                answered = time.monotonic()
            except NotReachableError:
                if time.monotonic() - answered > _PATIENCE_SECONDS:
                    raise
                continue
            if dropped:
                self._end(number)
                return Outcome(End.DROPPED)
            if idle > self._style.stall_seconds:
                self._end(number)
                return Outcome(End.FAILED, f"no progress for {idle:.0f} s")

    def _is_dropped(self, segment: Segment) -> bool:
        return not all(chosen.is_there(self._jolokia, f"{segment.key_space}.{table}") for table in segment.tables)

    def _end(self, number: int) -> None:
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline:
            try:
                if self._sessions.status(number)[:1] != ("IN_PROGRESS",):
                    return
                self._sessions.fail(number)
            except JolokiaError:
                # Cassandra has ended, or cannot end it: then the repair ends on its own.
                return
            time.sleep(0.2)


def options(segment: Segment, style: Style) -> Mapping[str, str]:
    """Return the options of `repairAsync`."""
    return {
        "parallelism": style.parallelism,
        "primaryRange": "false",
        "incremental": str(style.incremental).lower(),
        "ranges": ",".join(f"{interval.start}:{interval.end}" for interval in segment.intervals),
        "columnFamilies": ",".join(segment.tables),
        "jobThreads": "1",
        "trace": "false",
    }


def outcome(status: Sequence[str]) -> Outcome:
    """Return the outcome for an answer of `getParentRepairStatus`, without lists of ranges: they fill pages."""
    words = "; ".join(_LONG_RANGES.sub("its ranges", word) for word in status[1:])[:_WORDS]
    if status[0] == "COMPLETED":
        return Outcome(End.DONE, words)
    if "negative replies" in words:
        return Outcome(End.REFUSED, words)
    return Outcome(End.FAILED, words or status[0])
