"""The ledger of repaired ranges, which the job's checkpoint keeps. Mutable, otherwise pure.

A range counts as repaired for a table and the set of replicas that were repaired with one another. After a change of
the ring, ranges whose replicas are still the same stay done, even if their ends have moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from executor.repair.tokens import Interval, merge

Replicas = tuple[str, ...]
_Key = tuple[str, str, Replicas]


class Ledger:
    """Repaired intervals by keyspace, table and replicas (sorted)."""

    def __init__(self) -> None:
        self._done: dict[_Key, list[Interval]] = {}

    def add(self, key_space: str, tables: Iterable[str], replicas: Replicas, intervals: Iterable[Interval]) -> None:
        """Note that these intervals of these tables are repaired among these replicas."""
        added = list(intervals)
        for table in tables:
            key = (key_space, table, replicas)
            self._done[key] = merge([*self._done.get(key, ()), *added])

    def repaired_intervals(self, key_space: str, table: str, replicas: Replicas) -> list[Interval]:
        """Return the repaired intervals of a table among exactly these replicas."""
        return self._done.get((key_space, table, replicas), [])

    def forget(self, key_space: str, table: str) -> None:
        """Remove all intervals of this table."""
        self._done = {key: done for key, done in self._done.items() if key[:2] != (key_space, table)}

    def dump(self) -> list[dict[str, Any]]:
        """Return the ledger as JSON; tables with the same intervals share an entry."""
        groups: dict[tuple[str, Replicas, tuple[Interval, ...]], list[str]] = defaultdict(list)
        for (key_space, table, replicas), intervals in self._done.items():
            groups[key_space, replicas, tuple(intervals)].append(table)
        return [
            {
                "key_space": key_space,
                "tables": tables,
                "replicas": list(replicas),
                "ranges": [list(interval) for interval in intervals],
            }
            for (key_space, replicas, intervals), tables in groups.items()
        ]

    @classmethod
    def load(cls, entries: Iterable[Mapping[str, Any]]) -> Ledger:
        """Return the ledger from the output of `dump`."""
        ledger = cls()
        for entry in entries:
            intervals = [Interval(start, end) for start, end in entry["ranges"]]
            ledger.add(entry["key_space"], entry["tables"], tuple(entry["replicas"]), intervals)
        return ledger
