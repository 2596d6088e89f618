"""Counters that were counted on after their table was emptied: restored parts and new ones do not add up. Pure.

Cassandra keeps one part of a counter for each node that has counted, with a clock, and its value is their sum. Of two
parts of one node the newer one wins. If a table was emptied, the newer part lacks all that was counted before. Then a
restore adds the old parts of some nodes to the new parts of others, which is neither the old count nor the new one.

A table that a restore makes under another name gets an id from which every later restore of the same backup knows it.
As long as it has no newer write than the backup, all of its parts are the backup's, so that they can be loaded again.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from executor.cql.ddl import TABLE, Element
from executor.cql.names import TableName
from executor.restore.problems import Problem
from executor.restore.schema.shape import read

KIND = "counters"
_COUNTER = frozenset({"counter", "counter static"})
_ID = re.compile(r"\bID = ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")


@dataclass(frozen=True)
class LiveTable:
    """A table as it is on one node; times are in seconds since 1970.

    `emptied_at` is its last TRUNCATE, `newest` its newest write, if that is known.
    """

    id: str
    has_data: bool
    emptied_at: float | None = None
    newest: float | None = None

    def is_written_since_emptied(self) -> bool:
        """Return whether it has other data than what a restore has loaded, whose writes are older than the TRUNCATE."""
        return self.emptied_at is not None and (self.newest is None or self.newest > self.emptied_at)


def counter_tables(wanted: Iterable[Element]) -> Mapping[TableName, str]:
    """Return the id of each table with counters, by its name; empty for one without. Raises CqlError."""
    found = {}
    for element in wanted:
        if element.kind == TABLE and _COUNTER.intersection(read(element.text).columns.values()):
            match = _ID.search(element.text)
            found[TableName(element.key_space, element.name)] = match[1] if match else ""
    return found


def restored_id(identity: str, name: TableName, taken_at: tuple[float, float]) -> str:
    """Return the id of a table that a restore makes in place of the one of the backup; empty if that one has no id.

    Args:
        identity: The id of the backup's table.
        name: The new name.
        taken_at: The moments of the backup's first and last snapshot, in seconds since 1970.
    """
    return str(uuid.uuid5(uuid.UUID(identity), f"{name} {taken_at[0]!r} {taken_at[1]!r}")) if identity else ""


def problems(
    stored: Mapping[TableName, str], live: Mapping[TableName, LiveTable], taken_at: tuple[float, float]
) -> list[Problem]:  # fmt: skip
    """Return a problem for each table that has other counters than those of the backup with later counts.

    Args:
        stored: The ids of the backup's tables with counters, by their new names.
        live: The tables of these names on this node.
        taken_at: The moments of the backup's first and last snapshot, in seconds since 1970.
    """
    found = []
    for name, identity in sorted(stored.items()):
        here = live.get(name)
        if here is None or not here.has_data:
            continue
        if here.id == restored_id(identity, name, taken_at):
            if here.newest is not None and here.newest <= taken_at[1]:
                continue
            why = "a restore made it from this backup, and it was counted on since"
        elif here.id != identity:
            why = "it is another table than the backup's, and has counters of its own"
        elif here.emptied_at is not None and here.emptied_at >= taken_at[0] and here.is_written_since_emptied():
            why = "it was truncated after the backup, and holds counts again"
        else:
            continue
        words = f"{why}: restored counters would be the sum of old parts and new ones, which is no count at all"
        help_ = f"TRUNCATE {name} first, with all its current counts, or restore it under another name (rename)"
        found.append(Problem(KIND, f"table {name}", words, help_))
    return found
