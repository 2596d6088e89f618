"""Sets of whole numbers as sorted, disjoint, closed ranges."""

from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]
"""(begin, end) pairs, both ends included."""


def normal(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """Return the ranges sorted, without overlaps, neighbours joined; a pair that ends before it begins is empty."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(pairs):
        if begin > end:
            continue
        if found and begin <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return tuple(found)


def union(left: Ranges, right: Ranges) -> Ranges:
    """Return the numbers in either."""
    return normal((*left, *right))


def difference(left: Ranges, right: Ranges) -> Ranges:
    """Return the numbers in `left` only."""
    found: list[tuple[int, int]] = []
    cuts = iter(right)
    cut = next(cuts, None)
    for begin, end in left:
        start = begin
        while cut is not None and cut[1] < start:
            cut = next(cuts, None)
        while cut is not None and cut[0] <= end:
            if cut[0] > start:
                found.append((start, cut[0] - 1))
            start = cut[1] + 1
            if start > end:
                break
            cut = next(cuts, None)
        if start <= end:
            found.append((start, end))
    return tuple(found)


def text(ranges: Ranges) -> str:
    """Return the ranges as Mesos' messages show them."""
    return "[" + ", ".join(f"{begin}-{end}" for begin, end in ranges) + "]"
