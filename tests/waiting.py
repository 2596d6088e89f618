"""Waits for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable


class NotInTimeError(AssertionError):
    """A condition that did not come true before its deadline."""


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until the condition holds; NotInTimeError names it after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NotInTimeError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)
