"""The progress of a repair: any change while one of its replicas works."""

from __future__ import annotations

import time

from executor.jmx.jolokia import Attribute, Jolokia
from executor.repair.plan import Segment
from executor.repair.replicas import Replicas
from executor.repair.sessions import Sessions

_TIMEOUT = 60.0
# The time without a change on this node after which the other replicas are queried; less if stalls are to show early.
_ASK_OTHERS_SECONDS = 20.0
_COMPACTIONS = Attribute("org.apache.cassandra.db:type=CompactionManager", "Compactions")
_STREAMS = Attribute("org.apache.cassandra.net:type=StreamManager", "CurrentStreams")
_KINDS_OF_REPAIR = ("Validation", "Anticompaction")


class Activity:
    """The activity of one repair, by the number that Cassandra gave it.

    Streams are those of all repairs on a node, since Cassandra does not report to which a stream belongs. So another
    repair can hide for a while that this one makes no progress.
    """

    def __init__(self, number: int, segment: Segment, stall_seconds: float) -> None:
        self._number = number
        self._segment = segment
        self._ask_others = min(_ASK_OTHERS_SECONDS, stall_seconds / 4)
        self._here: list[object] = []
        self._there: list[object] | None = None
        self._changed = self._asked = time.monotonic()

    def idle_seconds(self, jolokia: Jolokia, sessions: Sessions, replicas: Replicas) -> float:
        """Return the seconds without any change. Raises JolokiaError."""
        here = self._on_this_node(jolokia, sessions)
        now = time.monotonic()
        if here != self._here:
            self._here, self._there, self._changed, self._asked = here, None, now, now
        elif now - self._asked >= self._ask_others:
            there = replicas.activity(self._segment.replicas, sessions.repair_id(self._number))
            if self._there is not None and there != self._there:
                self._changed = now
            self._there, self._asked = there, time.monotonic()
        return now - self._changed

    def _on_this_node(self, jolokia: Jolokia, sessions: Sessions) -> list[object]:
        values = jolokia.read([_COMPACTIONS, _STREAMS], _TIMEOUT)
        found: list[object] = [sessions.notification_count(self._number), sessions.state(self._number)]
        found += sorted(
            (str(item.get("compactionId")), str(item.get("completed")))
            for item in values.get(_COMPACTIONS, ())
            if item.get("keyspace") == self._segment.key_space
            and str(item.get("taskType")).startswith(_KINDS_OF_REPAIR)
        )
        found += sorted(str(item) for item in values.get(_STREAMS, ()))
        return found
