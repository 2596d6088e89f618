"""Jumps of the scheduler's clock, found by a clock that never jumps."""

from __future__ import annotations

import logging
from collections.abc import Callable

from scheduler.core.cycle.clock import set_ahead
from scheduler.core.state.cluster import ClusterState

logger = logging.getLogger(__name__)

JUMP_SECONDS = 60.0


class ClockWatch:
    """Compares the clock with `uptime`, which returns seconds since any moment; without it no jump is found."""

    def __init__(self, uptime: Callable[[], float] | None) -> None:
        self._uptime = uptime
        self._difference: float | None = None

    def follow(self, state: ClusterState, now: float) -> ClusterState:
        """Return the state as of `now`, in seconds since the epoch; another one if the clock has jumped ahead."""
        if self._uptime is None:
            return state
        before, self._difference = self._difference, now - self._uptime()
        jump = 0.0 if before is None else self._difference - before
        if jump < JUMP_SECONDS:
            return state
        logger.warning("the clock jumped ahead by %.0f s: grace times and REPLACE_AFTER_S do not count them", jump)
        return set_ahead(state, jump)
