"""Waits for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

# The seconds of a deadline are those of a quick machine with nothing else to do. Others are half as fast, and tests run
# side by side there. A deadline that is not reached costs nothing, so each gets this many times as long. Not meant are
# waits that show that nothing happens, and what the product itself does after so many seconds.
PATIENCE: Final = 4


class NotInTimeError(AssertionError):
    """A condition that did not come true before its deadline."""


def patient(seconds: float) -> float:
    """Return how long a machine may take for what takes a quick one at most so many seconds."""
    return seconds * PATIENCE


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait until the condition returns something true, and return that; NotInTimeError names it when time is up."""
    began = time.monotonic()
    while not (found := condition()):
        waited = time.monotonic() - began
        if waited > patient(seconds):
            raise NotInTimeError(f"{what}: not within {patient(seconds):.0f} s")
        # What takes long is asked seldom: many waits run beside Cassandras that start.
        time.sleep(min(0.15, 0.03 + waited / 60))
    return found
