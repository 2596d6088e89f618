"""The end of a certificate: how near it is, and in which words that is reported."""

from __future__ import annotations

from datetime import UTC, datetime

DAY = 86_400.0  # seconds
# A sentence is reported again when so many days are left.
LEFT_DAYS = (1, 7, 30)
OVER, FAR = 0, max(LEFT_DAYS) + 1


def level_of(end: float, now: float) -> int:
    """Return the least of LEFT_DAYS within which the end is, OVER after it, and FAR long before.

    Args:
        end: Seconds since the epoch.
        now: Seconds since the epoch.
    """
    return next((days for days in (OVER, *LEFT_DAYS) if end - now <= days * DAY), FAR)


def describe_end(level: int, end: float) -> str:
    """Return a predicate for a sentence: `expires in less than 7 days, on 2026-11-28 22:00 UTC`."""
    left = "a day" if level == 1 else f"{level} days"
    return f"expires in less than {left}, on {day(end)}"


def day(at: float) -> str:
    """Return a time for people: `2026-11-28 22:00 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
