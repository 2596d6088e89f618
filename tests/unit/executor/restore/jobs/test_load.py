"""What the phase Load says of its tables."""

from __future__ import annotations

from executor.jobs.chosen import DROPPED
from executor.restore.jobs.load import IMPORTED, summary


def test_what_was_dropped_meanwhile_is_told() -> None:
    """Compare does not tell of it if the request orders no comparison."""
    assert summary({"shop.a": IMPORTED}) == {"tables": {"shop.a": IMPORTED}}
    tables = {"shop.a": IMPORTED, "shop.b": DROPPED}
    assert summary(tables) == {"tables": tables, "message": "done, but shop.b was skipped: dropped meanwhile"}
    assert summary({"shop.b": DROPPED})["message"] == "nothing was done: all of it was dropped meanwhile"


def test_very_many_tables() -> None:
    tables = {f"shop.t{number}": DROPPED if number else IMPORTED for number in range(500)}
    found = summary(tables)
    assert found["tables"] == {"shop.*": f"1 imported, 499 {DROPPED}"}
    assert found["message"].endswith(" and 494 more were skipped: dropped meanwhile")
