"""Segments: each range of each table is in exactly one, and they are of the size that was asked for."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.repair.ledger import Ledger
from executor.repair.plan import KeySpace, RingRange, Segment, segments
from executor.repair.tokens import SPACES, Interval, TokenSpace

MURMUR3 = SPACES["org.apache.cassandra.dht.Murmur3Partitioner"]
SMALL = TokenSpace(-20, 60)
MIB = 1024 * 1024
AB, AC = ("a:1", "b:1"), ("a:1", "c:1")


@st.composite
def rings(draw: st.DrawFn) -> tuple[RingRange, ...]:
    """Ranges of a whole ring, with any tokens, one of which runs across its end; replicas at random."""
    bounds = sorted(draw(st.sets(st.integers(SMALL.minimum + 1, SMALL.maximum), min_size=1, max_size=12)))
    pairs = list(zip([bounds[-1], *bounds], bounds, strict=False))
    found = []
    for start, end in pairs:
        replicas = draw(st.sampled_from([AB, AC, ("a:1", "b:1", "c:1")]))
        found += [RingRange(interval, replicas) for interval in SMALL.unwrap(start, end)]
    return tuple(found)


def _tokens(interval: Interval) -> range:
    return range(interval.start + 1, interval.end + 1)


def _covered(found: list[Segment]) -> Counter[tuple[str, int, tuple[str, ...]]]:
    return Counter(
        (table, token, segment.replicas)
        for segment in found
        for table in segment.tables
        for interval in segment.intervals
        for token in _tokens(interval)
    )


def _wanted(key_space: KeySpace) -> Counter[tuple[str, int, tuple[str, ...]]]:
    return Counter(
        (table, token, item.replicas)
        for table, _ in key_space.tables
        for item in key_space.ranges
        for token in _tokens(item.interval)
    )


SIZES = st.dictionaries(st.sampled_from(["t1", "t2", "t3", "t4"]), st.integers(0, 5000), min_size=1)


@given(rings(), SIZES, st.integers(1, 2000))
def test_every_token_of_every_table_is_in_exactly_one_segment(
    ring: tuple[RingRange, ...], sizes: dict[str, int], segment_bytes: int
) -> None:
    key_space = KeySpace("ks", tuple(sizes.items()), ring, SMALL.width)
    found = segments(key_space, Ledger(), segment_bytes)
    assert _covered(found) == _wanted(key_space)


@given(rings(), SIZES, st.integers(1, 2000))
def test_each_interval_lies_within_one_range_of_the_ring(
    ring: tuple[RingRange, ...], sizes: dict[str, int], segment_bytes: int
) -> None:
    for segment in segments(KeySpace("ks", tuple(sizes.items()), ring, SMALL.width), Ledger(), segment_bytes):
        for interval in segment.intervals:
            assert any(
                item.interval.start <= interval.start
                and interval.end <= item.interval.end
                and item.replicas == segment.replicas
                for item in ring
            )


@given(rings(), rings(), SIZES, st.integers(1, 2000), st.data())
def test_after_a_change_of_the_ring_only_touched_ranges_are_left(
    before: tuple[RingRange, ...],
    after: tuple[RingRange, ...],
    sizes: dict[str, int],
    segment_bytes: int,
    data: st.DataObject,
) -> None:
    tables = tuple(sizes.items())
    ledger = Ledger()
    done: Counter[tuple[str, int, tuple[str, ...]]] = Counter()
    for segment in segments(KeySpace("ks", tables, before, SMALL.width), ledger, segment_bytes):
        if data.draw(st.booleans()):
            ledger.add(segment.key_space, segment.tables, segment.replicas, segment.intervals)
            done += _covered([segment])
    key_space = KeySpace("ks", tables, after, SMALL.width)
    left = segments(key_space, Ledger.load(ledger.dump()), segment_bytes)
    assert _covered(left) == _wanted(key_space) - done


def _vnodes(count: int, replicas: tuple[str, ...], offset: int = 0) -> list[RingRange]:
    width = 1 << 56
    starts = [MURMUR3.minimum + (offset + index) * 4 * width for index in range(count)]
    return [RingRange(Interval(start, start + width), replicas) for start in starts]


def _plan(tables: dict[str, int], ranges: list[RingRange], segment_bytes: int = 256 * MIB) -> list[Segment]:
    held = sum(item.interval.width for item in ranges)
    return segments(KeySpace("ks", tuple(tables.items()), tuple(ranges), held), Ledger(), segment_bytes)


@pytest.mark.parametrize(
    ("tables", "ranges", "expected"),
    [
        pytest.param({"t": 0}, _vnodes(16, AB), [(1, 16)], id="16 ranges with the same replicas are one"),
        pytest.param({"t": 0}, [*_vnodes(9, AB), *_vnodes(7, AC, 9)], [(1, 9), (1, 7)], id="one for each set"),
        pytest.param({f"t{i}": 0 for i in range(130)}, _vnodes(2, AB), [(64, 2), (64, 2), (2, 2)], id="130 empty"),
        pytest.param({f"t{i}": 100 * MIB for i in range(5)}, _vnodes(4, AB), [(2, 4), (2, 4), (1, 4)], id="small ones"),
        pytest.param({"t": 1024 * MIB}, _vnodes(16, AB), [(1, 4)] * 4, id="a big one: four ranges at a time"),
        pytest.param({"t": 1024 * MIB}, _vnodes(1, AB), [(1, 1)] * 4, id="a big one with one range: cut in four"),
        pytest.param(
            {"a": 0, "big": 600 * MIB, "z": 0}, _vnodes(2, AB), [(1, 1)] * 4 + [(2, 2)], id="a big one among small"
        ),
        pytest.param({"t": 10}, [], [], id="nothing"),
    ],
)  # fmt: skip
def test_sizes(tables: dict[str, int], ranges: list[RingRange], expected: list[tuple[int, int]]) -> None:
    found = _plan(tables, ranges) if ranges else segments(KeySpace("ks", (("t", 10),), (), 1), Ledger(), MIB)
    assert [(len(segment.tables), len(segment.intervals)) for segment in found] == expected
    assert all(segment.size <= 256 * MIB for segment in found)


def test_what_a_node_holds_beyond_its_primary_ranges_does_not_count() -> None:
    ranges = _vnodes(4, AB)
    held = 3 * sum(item.interval.width for item in ranges)
    [segment] = segments(KeySpace("ks", (("t", 600 * MIB),), tuple(ranges), held), Ledger(), 256 * MIB)
    assert segment.size == 200 * MIB


def test_the_ledger_joins_tables_that_are_equally_far() -> None:
    ledger = Ledger()
    ledger.add("ks", ["a", "b"], AB, [Interval(0, 5), Interval(9, 12)])
    ledger.add("ks", ["a", "b"], AB, [Interval(5, 9)])
    ledger.add("ks", ["b"], AC, [Interval(1, 2)])
    assert ledger.dump() == [
        {"key_space": "ks", "tables": ["a", "b"], "replicas": ["a:1", "b:1"], "ranges": [[0, 12]]},
        {"key_space": "ks", "tables": ["b"], "replicas": ["a:1", "c:1"], "ranges": [[1, 2]]},
    ]
    assert Ledger.load(ledger.dump()).repaired_intervals("ks", "b", AC) == [Interval(1, 2)]
    assert ledger.repaired_intervals("ks", "c", AB) == []
