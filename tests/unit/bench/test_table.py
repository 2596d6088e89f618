"""The table of figures: what is within its limit, and how it is written."""

from __future__ import annotations

import pytest

from bench.__main__ import TABLE, Row, by_hand, document, verdict
from devcluster.checks import ROOT


@pytest.mark.parametrize(
    ("row", "value", "said"),
    [
        (Row("a", "A", at_most=2), 2, "kept"),
        (Row("a", "A", at_most=2), 2.01, "**missed**"),
        (Row("a", "A", at_least=0.9), 0.9, "kept"),
        (Row("a", "A", at_least=0.9), 0.89, "**missed**"),
        (Row("a", "A"), 7, ""),
    ],
)
def test_limits(row: Row, value: float, said: str) -> None:
    assert verdict(row, value) == said


@pytest.mark.parametrize(
    ("row", "limit"),
    [
        (Row("a", "A", " s", at_most=5), "5 s"),
        (Row("a", "A", at_most=4000), "4,000"),
        (Row("a", "A", at_least=0.9), "at least 0.9"),
        (Row("a", "A", " MB"), ""),
    ],
)
def test_how_a_limit_is_written(row: Row, limit: str) -> None:
    assert row.limit == limit


def test_every_row_is_in_the_document() -> None:
    lines = document({module: {row.figure: 1234.5 for row in rows} for module, rows in TABLE.items()}, "").splitlines()
    for row in (row for rows in TABLE.values() for row in rows):
        assert any(line.startswith(f"| {row.what} | 1,234.5{row.unit} |") for line in lines), row


def test_what_was_measured_by_hand_is_kept() -> None:
    kept = by_hand((ROOT / "docs" / "performance.md").read_text())
    assert kept.startswith("\n## ")
    figures = {module: {row.figure: 1 for row in rows} for module, rows in TABLE.items()}
    written = document(figures, kept)
    assert written.endswith(kept)
    assert by_hand(written) == kept
    assert by_hand(document(figures, "")) == ""
