"""Connections and requests that the API closed or refused, for the log: one line a minute at most."""

from __future__ import annotations

import logging
from collections import Counter
from enum import Enum

log = logging.getLogger(__name__)

REPORT_SECONDS = 60.0


class Cause(Enum):
    """Why a connection was closed before its client wished it."""

    CROWD = "too many connections"
    MEMORY = "too many bytes in memory"
    UNREAD = "an answer that was not read"
    LATE = "a request that did not arrive in time"
    HANDSHAKE = "a TLS handshake that failed"
    PLAIN = "a request without TLS"


class Tally:
    """Counts by cause."""

    def __init__(self, now: float) -> None:
        self._counts: Counter[Cause] = Counter()
        self._details: dict[Cause, str] = {}
        self._next = now + REPORT_SECONDS

    def add(self, cause: Cause, detail: str = "") -> None:
        """Count one connection; of each cause the log has the last detail."""
        self._counts[cause] += 1
        self._details[cause] = detail

    def report(self, now: float) -> None:
        """Log the counts if it is time for it and there are any; then begin anew."""
        if now < self._next:
            return
        self._next = now + REPORT_SECONDS
        if self._counts:
            counts = ", ".join(f"{count} for {self._words(cause)}" for cause, count in self._counts.items())
            log.warning("the API closed connections in the last %.0f s: %s", REPORT_SECONDS, counts)
            self._counts.clear()
            self._details.clear()

    def _words(self, cause: Cause) -> str:
        detail = self._details[cause]
        return f"{cause.value} (the last: {detail})" if detail else cause.value
