"""The progress of an upload or a verification."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from executor.protocol import JobProgress
from executor.s3.crew import Crew
from executor.s3.throttle import Throttle

_WINDOW_SECONDS = 30.0
_SAMPLE_SECONDS = 0.5


class Pace:
    """The pace of bytes over the network, for threads of a crew: within the throttle, and counted."""

    def __init__(self, limit: Callable[[], float], meter: Meter, crew: Crew) -> None:
        self._throttle = Throttle(limit, crew.sleep)
        self._meter = meter
        self._crew = crew

    def __call__(self, size: int) -> None:
        """Wait until so many bytes may move. Raises StoppedError."""
        self._crew.check()
        self._throttle.take(size)
        self._crew.check()
        self._meter.add_moved(size)


class Meter:
    """Counters for several threads: finished bytes and files, and bytes sent or received over the network.

    `clock` is in seconds.
    """

    def __init__(self, files: int, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = {"bytes": float(size), "files": float(files)}
        self._clock = clock
        self._lock = threading.Lock()
        self._bytes = 0
        self._files = 0
        self._sent = 0
        self._samples = deque([(clock(), 0, 0)])

    def add_handled(self, size: int, files: int = 0) -> None:
        """Add finished bytes, and the files that they complete; both can be negative."""
        with self._lock:
            self._bytes += size
            self._files += files

    def add_moved(self, size: int) -> None:
        """Add bytes that went over the network."""
        with self._lock:
            self._sent += size

    def progress(self, doing: str, tuning: Mapping[str, Any]) -> JobProgress:
        """Return the current progress; the rate is the network's over the last half minute."""
        with self._lock:
            now = self._clock()
            while len(self._samples) > 1 and now - self._samples[1][0] >= _WINDOW_SECONDS:
                self._samples.popleft()
            since, handled, sent = self._samples[0]
            if now - self._samples[-1][0] >= _SAMPLE_SECONDS:
                self._samples.append((now, self._bytes, self._sent))
            elapsed = now - since
            speed = (self._bytes - handled) / elapsed if elapsed > 0 else 0.0
            left = self._total["bytes"] - self._bytes
            return JobProgress(
                doing=doing,
                done={"bytes": self._bytes, "files": self._files, "sent_bytes": self._sent},
                total=self._total,
                percent=round(100.0 * self._bytes / self._total["bytes"], 1) if self._total["bytes"] else 100.0,
                rate=round((self._sent - sent) / elapsed, 1) if elapsed > 0 else None,
                seconds_left=round(left / speed, 1) if speed > 0 else None,
                tuning=tuning,
            )
