"""The progress of a load: bytes fetched, bytes in Cassandra, and the time left."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from executor.protocol import JobProgress
from executor.s3.throttle import PAUSE_SECONDS

_WINDOW_SECONDS = 30.0


class Meter:
    """Counters for several threads; `clock` is in seconds."""

    def __init__(self, total_bytes: int, total_tables: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total_bytes
        self._tables = total_tables
        self._clock = clock
        self._lock = threading.Lock()
        self._fetched = 0
        self._loaded = 0
        self._done_tables = 0
        self._begun = clock()
        self._recent = deque([(self._begun, 0)])

    def add_fetched(self, number: int) -> None:
        """Add staged bytes; negative if they turned out to be invalid."""
        with self._lock:
            self._fetched += number

    def add_loaded(self, number: int) -> None:
        """Add bytes that are in Cassandra."""
        with self._lock:
            self._loaded += number

    def skip(self, number: int) -> None:
        """Subtract bytes that an earlier attempt staged and loaded."""
        with self._lock:
            self._total -= number

    def tables(self, done: int) -> None:
        """Set the number of complete tables."""
        with self._lock:
            self._done_tables = done

    def progress(self, doing: str, tuning: Mapping[str, Any]) -> JobProgress:
        """Return the current progress. Each byte is fetched and loaded, so that each of the two counts half."""
        with self._lock:
            now = self._clock()
            while len(self._recent) > 1 and now - self._recent[0][0] > _WINDOW_SECONDS:
                self._recent.popleft()
            since, before = self._recent[0]
            rate = (self._fetched - before) / (now - since) if now > since else None
            if now - self._recent[-1][0] >= PAUSE_SECONDS:
                self._recent.append((now, self._fetched))
            share = (self._fetched + self._loaded) / (2 * self._total) if self._total else 1.0
            left = (now - self._begun) * (1 - share) / share if share > 0 else None
            return JobProgress(
                doing=doing,
                done={"bytes": self._fetched, "tables": self._done_tables},
                total={"bytes": self._total, "tables": self._tables},
                percent=100.0 * share,
                rate=rate,
                seconds_left=left,
                tuning=tuning,
            )
