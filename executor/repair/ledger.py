"""What has been repaired: survives in the job's checkpoint. Pure apart from being changed.

A range counts as repaired for a table and the set of replicas that were repaired with one another: when the ring
changes, ranges whose replicas are still the same stay done, whatever their ends are now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from executor.repair.tokens import Interval, merge

Replicas = tuple[str, ...]
_Key = tuple[str, str, Replicas]


class Ledger:
    """Repaired intervals by key space, table and replicas (sorted)."""

    def __init__(self) -> None:
        self._done: dict[_Key, list[Interval]] = {}

    def add(self, key_space: str, tables: Iterable[str], replicas: Replicas, intervals: Iterable[Interval]) -> None:
        """These intervals of these tables are repaired."""
        added = list(intervals)
        for table in tables:
            key = (key_space, table, replicas)
            self._done[key] = merge([*self._done.get(key, ()), *added])

    def done(self, key_space: str, table: str, replicas: Replicas) -> list[Interval]:
        """What is repaired of a table among exactly these replicas."""
        return self._done.get((key_space, table, replicas), [])

    def forget(self, key_space: str, table: str) -> None:
        """Nothing is repaired of this table."""
        self._done = {key: done for key, done in self._done.items() if key[:2] != (key_space, table)}

    def dump(self) -> list[dict[str, Any]]:
        """As JSON: tables that are equally far share an entry."""
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
        """The reverse of `dump`."""
        ledger = cls()
        for entry in entries:
            intervals = [Interval(start, end) for start, end in entry["ranges"]]
            ledger.add(entry["key_space"], entry["tables"], tuple(entry["replicas"]), intervals)
        return ledger
