"""Arithmetic of ranges, checked against plain sets of tokens."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from executor.repair.tokens import Interval, TokenSpace, cut, merge, subtract

SPACE = TokenSpace(-8, 24)
ALL = set(range(-7, 25))
TOKENS = st.integers(-7, 24)


def intervals() -> st.SearchStrategy[Interval]:
    return st.tuples(st.integers(-8, 24), st.integers(-8, 24)).filter(lambda pair: pair[0] < pair[1]).map(
        lambda pair: Interval(*pair)
    )  # fmt: skip


def tokens(*found: Interval) -> list[int]:
    """All tokens, as often as they are held."""
    return sorted(token for interval in found for token in range(interval.start + 1, interval.end + 1))


@given(TOKENS, TOKENS)
def test_a_range_of_the_ring_without_its_wrap(start: int, end: int) -> None:
    on_ring = {token for token in ALL if start < token <= end} if start < end else ALL - set(range(end + 1, start + 1))
    assert tokens(*SPACE.unwrap(start, end)) == sorted(on_ring)


def test_a_range_that_ends_with_the_last_token_is_one() -> None:
    assert SPACE.unwrap(24, -8) == []
    assert SPACE.unwrap(20, -8) == [Interval(20, 24)]
    assert SPACE.unwrap(24, -3) == [Interval(-8, -3)]


@given(intervals(), st.lists(intervals()))
def test_what_is_left(interval: Interval, taken: list[Interval]) -> None:
    left = subtract(interval, taken)
    assert tokens(*left) == sorted(set(tokens(interval)) - set(tokens(*taken)))
    assert left == sorted(left)
    assert all(part.width > 0 for part in left)


@given(st.lists(intervals()))
def test_merged(given_ones: list[Interval]) -> None:
    merged = merge(given_ones)
    assert tokens(*merged) == sorted(set(tokens(*given_ones)))
    assert all(one.end < next_one.start for one, next_one in pairwise(merged))


@given(intervals(), st.integers(-2, 60))
def test_cut(interval: Interval, parts: int) -> None:
    pieces = list(cut(interval, parts))
    assert tokens(*pieces) == tokens(interval)
    assert len(pieces) == max(1, min(parts, interval.width))
    widths = [piece.width for piece in pieces]
    assert max(widths) - min(widths) <= 1
