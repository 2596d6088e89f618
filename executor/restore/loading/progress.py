"""How far a load is: bytes fetched, bytes in Cassandra, and how long the rest takes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from executor.protocol import JobProgress

_WINDOW_SECONDS = 30.0
_PAUSE_SECONDS = 0.5
_BURST_SECONDS = 0.1


class Meter:
    """Counts from several threads; times are of `clock`, in seconds."""

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

    def fetched(self, number: int) -> None:
        """So many bytes more are staged; negative if they turned out to be none."""
        with self._lock:
            self._fetched += number

    def loaded(self, number: int) -> None:
        """So many bytes more are in Cassandra."""
        with self._lock:
            self._loaded += number

    def skip(self, number: int) -> None:
        """So many bytes were staged and loaded by an earlier attempt."""
        with self._lock:
            self._total -= number

    def tables(self, done: int) -> None:
        """So many tables are complete."""
        with self._lock:
            self._done_tables = done

    def progress(self, doing: str, tuning: Mapping[str, Any]) -> JobProgress:
        """As it is now. Each byte has to be fetched and to be loaded, so that each half counts half."""
        with self._lock:
            now = self._clock()
            while len(self._recent) > 1 and now - self._recent[0][0] > _WINDOW_SECONDS:
                self._recent.popleft()
            since, before = self._recent[0]
            rate = (self._fetched - before) / (now - since) if now > since else None
            if now - self._recent[-1][0] >= _PAUSE_SECONDS:
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


class Throttle:
    """Spreads bytes over time. `limit` gives bytes per second as they are to be now, 0 for no limit.

    `sleep` sleeps, and says whether to give up waiting.
    """

    def __init__(
        self,
        limit: Callable[[], float],
        sleep: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        # Bytes since the beginning: asked for, and paid for by the time that has passed.
        self._taken = 0.0
        self._paid = 0.0
        self._at = clock()

    def take(self, number: int) -> None:
        """Wait until so many bytes may pass: in the order of the calls, so that threads wake one at a time.

        A limit that changes counts at once.
        """
        with self._lock:
            self._pay(self._limit())
            before = self._taken
            self._taken += number
        while (pause := self._left(before)) > 0:
            if self._sleep(pause):
                return

    def _left(self, before: float) -> float:
        """Seconds until what was asked for before is paid for, or until it is time to look again."""
        limit = self._limit()
        with self._lock:
            self._pay(limit)
            # Less than a byte is owed to rounding.
            owed = before - self._paid
            return min(_PAUSE_SECONDS, owed / limit) if limit > 0 and owed > 1 else 0.0

    def _pay(self, limit: float) -> None:
        now = self._clock()
        elapsed, self._at = now - self._at, now
        if limit <= 0:
            self._paid = self._taken
            return
        # What was not used is lost, but for a moment's worth.
        self._paid = min(self._paid + elapsed * limit, self._taken + limit * _BURST_SECONDS)
