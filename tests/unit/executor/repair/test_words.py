"""What a repair says that it does, and what waits."""

from __future__ import annotations

import pytest

from executor.repair.job import describe_work
from executor.repair.plan import Segment
from executor.repair.tokens import Interval

ONE = Segment("shop", ("users",), ("10.0.0.1",), (Interval(0, 5),), 1)
MANY = Segment("shop", ("users", "orders"), ("10.0.0.1",), (Interval(0, 5), Interval(7, 9)), 1)
MORE = Segment("shop", ("users", "orders", "bills"), ("10.0.0.1",), (Interval(0, 5), Interval(7, 9)), 1)


@pytest.mark.parametrize(
    ("segment", "held_up", "words"),
    [
        (ONE, {}, "1 range of shop.users"),
        (MANY, {}, "2 ranges of shop.users and 1 more table"),
        (MORE, {ONE: "node-2 is down"}, "2 ranges of shop.users and 2 more tables; 1 segment waits: node-2 is down"),
        (ONE, {MANY: "b", MORE: "a"}, "1 range of shop.users; 2 segments wait: a, b"),
    ],
)
def test_one_and_many(segment: Segment, held_up: dict[Segment, str], words: str) -> None:
    assert describe_work(segment, held_up) == words
