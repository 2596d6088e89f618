"""Lists, numbers and times in sentences. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

NAMED = 5
# Of the year 9999: no date is later.
_LAST_SECOND = 253_402_300_799.0


def list_first(items: Iterable[str], most: int = NAMED, total: int | None = None) -> str:
    """Return the first `most` items, and the number of the others, such as `node-0, node-1 and 3 more`.

    `total` is the number of all of them, if the caller gives the first ones alone.
    """
    given = list(items)
    others = (len(given) if total is None else total) - most
    return ", ".join(given[:most]) + (f" and {others} more" if others > 0 else "")


def by_number(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts node-2 before node-10."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if position % 2 else (-1, part) for position, part in enumerate(parts)]


def number_of(number: int, thing: str) -> str:
    """Return `1 node` or `2 nodes`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def has_date(seconds: float) -> bool:
    """Return whether a time, given in seconds since the epoch, is one that `stamp` can return."""
    return 0.0 <= seconds <= _LAST_SECOND


def stamp(seconds: float) -> str:
    """Return a time for people, given in seconds since the epoch: ISO 8601 in UTC, such as 2026-01-31T12:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
