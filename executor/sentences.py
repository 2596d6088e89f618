"""Lists in sentences: the first items, and how many more there are. Pure."""

from __future__ import annotations

from collections.abc import Iterable

NAMED = 5


def list_first(items: Iterable[str], most: int = NAMED) -> str:
    """Return the first `most` items, and the number of the others, such as `node-0, node-1 and 3 more`."""
    every = list(items)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
