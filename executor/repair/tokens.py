"""Arithmetic of token ranges on a ring: pure. A range excludes its start and includes its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple


class Interval(NamedTuple):
    """The tokens above `start` up to and including `end`; never empty and never across the end of the ring."""

    start: int
    end: int

    @property
    def width(self) -> int:
        """Return the number of tokens in it."""
        return self.end - self.start


@dataclass(frozen=True)
class TokenSpace:
    """All tokens of a partitioner: those above `minimum` up to `maximum`."""

    minimum: int
    maximum: int

    @property
    def width(self) -> int:
        """Return the number of all tokens."""
        return self.maximum - self.minimum

    def unwrap(self, start: int, end: int) -> list[Interval]:
        """Return a range of the ring as one interval or, if it crosses the end of the ring, as two.

        Equal ends mean the whole ring, as in Cassandra for a ring with one token.
        """
        parts = [(start, end)] if start < end else [(start, self.maximum), (self.minimum, end)]
        return [Interval(low, high) for low, high in parts if low < high]


SPACES = {
    "org.apache.cassandra.dht.Murmur3Partitioner": TokenSpace(-(2**63), 2**63 - 1),
    "org.apache.cassandra.dht.RandomPartitioner": TokenSpace(-1, 2**127),
}


def subtract(interval: Interval, taken: Iterable[Interval]) -> list[Interval]:
    """Return the rest of an interval without the others, in order; the others can overlap, in any order."""
    left = []
    start = interval.start
    for other in sorted(taken):
        if other.end <= start:
            continue
        if other.start >= interval.end:
            break
        if other.start > start:
            left.append(Interval(start, other.start))
        start = other.end
        if start >= interval.end:
            return left
    left.append(Interval(start, interval.end))
    return left


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same tokens in as few intervals as possible, in order."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


def cut(interval: Interval, parts: int) -> Iterator[Interval]:
    """Cut an interval into `parts` of equal width, in order; into fewer if it has fewer tokens."""
    parts = max(1, min(parts, interval.width))
    bounds = [interval.start + interval.width * index // parts for index in range(parts + 1)]
    for start, end in pairwise(bounds):
        yield Interval(start, end)
