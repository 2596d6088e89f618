"""The throttle of transfers: bytes per second over all threads of a job, changeable while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PAUSE_SECONDS = 0.5
_BURST_SECONDS = 0.1


class Throttle:
    """A limit on the rate of bytes. `limit` returns the current bytes per second, 0 for no limit.

    `sleep` waits for a number of seconds, and returns whether to stop waiting.
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
        # Bytes since the beginning: requested, and covered by the time that has passed.
        self._taken = 0.0
        self._paid = 0.0
        self._at = clock()

    def take(self, number: int) -> None:
        """Wait until `number` bytes can pass, in the order of the calls, so that threads wake one at a time.

        A changed limit has an effect at once.
        """
        with self._lock:
            self._pay(self._limit())
            before = self._taken
            self._taken += number
        while (pause := self._left(before)) > 0:
            if self._sleep(pause):
                return

    def _left(self, before: float) -> float:
        """Return the seconds until the bytes requested before are covered, or until the limit is read again."""
        limit = self._limit()
        with self._lock:
            self._pay(limit)
            # Less than a byte is a rounding error.
            owed = before - self._paid
            return min(PAUSE_SECONDS, owed / limit) if limit > 0 and owed > 1 else 0.0

    def _pay(self, limit: float) -> None:
        now = self._clock()
        elapsed, self._at = now - self._at, now
        if limit <= 0:
            self._paid = self._taken
            return
        # Unused bytes expire, except for those of a moment.
        self._paid = min(self._paid + elapsed * limit, self._taken + limit * _BURST_SECONDS)
