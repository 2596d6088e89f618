"""Lists in sentences are short, and never lose items silently."""

from __future__ import annotations

import pytest

from executor.sentences import list_first


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
