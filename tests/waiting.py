"""Waits for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable


class NotInTimeError(AssertionError):
    """A condition that did not come true before its deadline."""


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until the condition holds; NotInTimeError names it after so many seconds."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited > seconds:
            raise NotInTimeError(f"{what}: not within {seconds:.0f} s")
        # What takes long is asked seldom: many waits run beside Cassandras that start.
        time.sleep(min(0.15, 0.03 + waited / 60))
