"""Lists in sentences are short, and never lose items silently; numbers have the form of their word."""

from __future__ import annotations

import pytest

from executor.sentences import by_number, list_first, number_of, stamp


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["a", "b", "c"], "a, b and 1 more"),
        (iter("abcd"), "a, b and 2 more"),
    ],
)
def test_the_first_are_listed_and_the_others_counted(items: list[str], expected: str) -> None:
    assert list_first(items, 2) == expected


def test_the_first_can_be_given_alone() -> None:
    assert [list_first("ab", 2, total) for total in (2, 5)] == ["a, b", "a, b and 3 more"]


def test_names_with_numbers_are_in_the_order_of_the_numbers() -> None:
    names = ["node-10", "node-2", "b", "node-1", "a", "node-1-2", "other-1"]
    assert sorted(names, key=by_number) == ["a", "b", "node-1", "node-1-2", "node-2", "node-10", "other-1"]


def test_one_is_no_plural() -> None:
    assert [number_of(number, "node") for number in (0, 1, 2)] == ["0 nodes", "1 node", "2 nodes"]


def test_times_are_in_utc() -> None:
    assert stamp(1_769_860_800.9) == "2026-01-31T12:00:00Z"
