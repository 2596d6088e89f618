"""Arithmetic of token ranges on a ring: pure. A range never holds its start and always holds its end."""

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
        """How many tokens it holds."""
        return self.end - self.start


@dataclass(frozen=True)
class TokenSpace:
    """All tokens of a partitioner: those above `minimum` up to `maximum`."""

    minimum: int
    maximum: int

    @property
    def width(self) -> int:
        """How many tokens there are."""
        return self.maximum - self.minimum

    def unwrapped(self, start: int, end: int) -> list[Interval]:
        """A range of the ring as one interval or, if it runs across the end of the ring, as two.

        Equal ends mean the whole ring, as Cassandra has it for a ring of one token.
        """
        parts = [(start, end)] if start < end else [(start, self.maximum), (self.minimum, end)]
        return [Interval(low, high) for low, high in parts if low < high]


SPACES = {
    "org.apache.cassandra.dht.Murmur3Partitioner": TokenSpace(-(2**63), 2**63 - 1),
    "org.apache.cassandra.dht.RandomPartitioner": TokenSpace(-1, 2**127),
}


def subtract(interval: Interval, taken: Iterable[Interval]) -> list[Interval]:
    """What is left of an interval without the others (in any order, which may overlap), in order."""
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
    """The same tokens in as few intervals as possible, in order."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


def cut(interval: Interval, parts: int) -> Iterator[Interval]:
    """The interval in so many parts of equal width (fewer if it has fewer tokens), in order."""
    parts = max(1, min(parts, interval.width))
    bounds = [interval.start + interval.width * index // parts for index in range(parts + 1)]
    for start, end in pairwise(bounds):
        yield Interval(start, end)
