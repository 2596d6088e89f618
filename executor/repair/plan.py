"""From a node's ranges and tables to segments, each one repair of Cassandra's: pure.

A segment is of one key space and one set of replicas, so that a replica that is down holds up only the segments that
need it, and so that 16 ranges with the same replicas are one repair. It holds about `segment_bytes` of data: tables
that have less than that in all these ranges share one, a table that has more is repaired alone and its ranges are cut.
Data of a range is estimated: the table's bytes on this node's disk times the range's share of the tokens that this
node holds, since tokens are hashes and so spread evenly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from executor.repair.ledger import Ledger, Replicas
from executor.repair.tokens import Interval, cut, subtract

# Cassandra repairs the tables of one call one after another; when one of them fails, all are to be repeated.
_TABLES_PER_SEGMENT = 64
# What a table without data takes to repair, in bytes that take as long.
_TABLE_COST = 1024 * 1024


@dataclass(frozen=True)
class RingRange:
    """A part of one of the ring's ranges (or all of it) and its replicas, as `address:port`, sorted."""

    interval: Interval
    replicas: Replicas


@dataclass(frozen=True)
class KeySpace:
    """A key space to repair on this node.

    `tables` are bytes on this node's disk by table, `ranges` what is to be repaired, `held` how many tokens this node
    holds as replica, which may be more.
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
        """How long it takes, as a number to compare with other segments'."""
        return self.size + _TABLE_COST * len(self.tables)


def segments(key_space: KeySpace, ledger: Ledger, segment_bytes: int) -> list[Segment]:
    """What is left to do of a key space, in the order in which to do it."""
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
    """Tables by what is left of the intervals."""
    groups: dict[tuple[Interval, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, size in key_space.tables:
        done = ledger.done(key_space.name, name, replicas)
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
    """One table: whole ranges together as long as they fit, a range that has more is cut evenly."""
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
