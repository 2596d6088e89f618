"""Limit the rate of transfers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PAUSE_SECONDS = 0.5
_BURST_SECONDS = 0.1


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
            return min(PAUSE_SECONDS, owed / limit) if limit > 0 and owed > 1 else 0.0

    def _pay(self, limit: float) -> None:
        now = self._clock()
        elapsed, self._at = now - self._at, now
        if limit <= 0:
            self._paid = self._taken
            return
        # What was not used is lost, but for a moment's worth.
        self._paid = min(self._paid + elapsed * limit, self._taken + limit * _BURST_SECONDS)
