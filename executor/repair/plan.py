"""The plan of a repair: from a node's ranges and tables to segments, each one repair of Cassandra. Pure.

A segment has one keyspace and one set of replicas. So a replica that is down delays only the segments that need it,
and 16 ranges with the same replicas are one repair. A segment holds about `segment_bytes` of data. Tables with less
than that in all these ranges share a segment; a table with more is repaired alone, and its ranges are cut. The data of
a range is an estimate: the table's bytes on this node's disk times the range's share of this node's tokens, since
tokens are hashes and evenly spread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from executor.repair.ledger import Ledger, Replicas
from executor.repair.tokens import Interval, cut, subtract

# Cassandra repairs the tables of one call one after another; if one of them fails, all are repeated.
_TABLES_PER_SEGMENT = 64
# The time for a table without data, as the number of bytes that take the same time.
_TABLE_COST = 1024 * 1024


@dataclass(frozen=True)
class RingRange:
    """A part of one of the ring's ranges, or all of it, and its replicas as sorted `address:port`."""

    interval: Interval
    replicas: Replicas


@dataclass(frozen=True)
class KeySpace:
    """A keyspace to repair on this node.

    `tables` are bytes on this node's disk by table, `ranges` the ranges to repair. `held` is the number of tokens of
    which this node is a replica, which can be more.
    """

    name: str
    tables: tuple[tuple[str, int], ...]
    ranges: tuple[RingRange, ...]
    held: int


@dataclass(frozen=True)
class Segment:
    """One repair: these intervals of these tables among these replicas; about `size` bytes on each of them."""

    key_space: str
    tables: tuple[str, ...]
    replicas: Replicas
    intervals: tuple[Interval, ...]
    size: int = field(compare=False)  # an estimate

    @property
    def cost(self) -> int:
        """Return the relative time that it takes, comparable with other segments'."""
        return self.size + _TABLE_COST * len(self.tables)


def segments(key_space: KeySpace, ledger: Ledger, segment_bytes: int) -> list[Segment]:
    """Return the segments left to repair in a keyspace, in the order of their repair.

    Args:
        key_space: The keyspace with its tables and ranges.
        ledger: The ranges that are repaired.
        segment_bytes: The approximate size of a segment.
    """
    found: list[Segment] = []
    for replicas, intervals in _by_replicas(key_space.ranges).items():
        for left, tables in _by_rest(key_space, replicas, intervals, ledger).items():
            found += _pack(key_space, replicas, left, tables, segment_bytes)
    return found


def _by_replicas(ranges: Iterable[RingRange]) -> dict[Replicas, list[Interval]]:
    groups: dict[Replicas, list[Interval]] = defaultdict(list)
    for item in sorted(ranges, key=lambda item: item.interval):
        groups[item.replicas].append(item.interval)
    return groups


def _by_rest(
    key_space: KeySpace, replicas: Replicas, intervals: Sequence[Interval], ledger: Ledger
) -> dict[tuple[Interval, ...], list[tuple[str, int]]]:
    """Return the tables by what is left of the intervals."""
    groups: dict[tuple[Interval, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, size in key_space.tables:
        done = ledger.repaired_intervals(key_space.name, name, replicas)
        left = tuple(part for interval in intervals for part in subtract(interval, done))
        if left:
            groups[left].append((name, size))
    return groups


def _pack(
    key_space: KeySpace,
    replicas: Replicas,
    intervals: tuple[Interval, ...],
    tables: Sequence[tuple[str, int]],
    segment_bytes: int,
) -> Iterator[Segment]:
    share = sum(interval.width for interval in intervals) / key_space.held
    small: list[str] = []
    filled = 0
    for name, size in tables:
        here = int(size * share)
        if here > segment_bytes:
            yield from _pieces(key_space, replicas, intervals, (name, size), segment_bytes)
            continue
        if small and (filled + here > segment_bytes or len(small) == _TABLES_PER_SEGMENT):
            yield Segment(key_space.name, tuple(small), replicas, intervals, filled)
            small, filled = [], 0
        small.append(name)
        filled += here
    if small:
        yield Segment(key_space.name, tuple(small), replicas, intervals, filled)


def _pieces(
    key_space: KeySpace,
    replicas: Replicas,
    intervals: tuple[Interval, ...],
    table: tuple[str, int],
    segment_bytes: int,
) -> Iterator[Segment]:
    """Yield the segments of one table: whole ranges together while they fit; a larger range is cut evenly."""
    name, size = table
    density = size / key_space.held
    together: list[Interval] = []
    filled = 0
    for interval in intervals:
        for part in cut(interval, -(-int(interval.width * density) // segment_bytes)):
            here = int(part.width * density)
            if together and filled + here > segment_bytes:
                yield Segment(key_space.name, (name,), replicas, tuple(together), filled)
                together, filled = [], 0
            together.append(part)
            filled += here
    if together:
        yield Segment(key_space.name, (name,), replicas, tuple(together), filled)
