"""From what was found of a table to a verdict: equal as far as asked, different, or not compared and why."""

from __future__ import annotations

from typing import Any

import pytest

from executor.restore import verdict
from executor.restore.verdict import DIFFERENT, EQUAL, NOT_COMPARED, Finding, Rows, Sampled, Table, judge

SAME, FEWER, MORE = Rows(1000, 1000), Rows(1000, 999), Rows(1000, 1001)
GOOD = Sampled(rows=50)
MISSING = Sampled(rows=50, different=("3 rows are missing here",))
GONE = Sampled(missed=("its rows were not compared: the samples of node-1 are gone",))
LATER = "999 rows, and the backup counted 1000"


@pytest.mark.parametrize(
    ("asked", "rows", "sampled", "expected"),
    [
        ("none", SAME, None, Finding(NOT_COMPARED, "not asked for")),
        ("count", SAME, None, Finding(EQUAL)),
        ("count", FEWER, None, Finding(DIFFERENT, LATER)),
        ("count", FEWER, GOOD, Finding(DIFFERENT, LATER)),
        ("count", Rows(1000, why="it was dropped meanwhile"), None, Finding(NOT_COMPARED, "it was dropped meanwhile")),
        ("sample", Rows(), None, Finding(NOT_COMPARED)),
        ("sample", Rows(), GOOD, Finding(EQUAL)),
        ("sample", SAME, MISSING, Finding(DIFFERENT, "3 rows are missing here")),
        (
            "sample",
            FEWER,
            GOOD,
            Finding(EQUAL, f"{LATER}, later than it took its snapshots: all 50 rows compared are equal"),
        ),
        (
            "sample",
            Rows(1000, 0),
            Sampled(rows=50, expired=50),
            Finding(
                EQUAL,
                "0 rows, and the backup counted 1000: the lifetime of rows has ended since (of 50 of 50 compared)",
            ),
        ),
        ("sample", MORE, Sampled(rows=50, held=True), Finding(DIFFERENT, "1001 rows, and the backup counted 1000")),
        ("sample", FEWER, GONE, Finding(DIFFERENT, LATER)),
        ("sample", Rows(), GONE, Finding(NOT_COMPARED, GONE.missed[0])),
        ("sample", SAME, GONE, Finding(EQUAL, GONE.missed[0])),
        ("full", SAME, GONE, Finding(NOT_COMPARED, GONE.missed[0])),
        ("full", SAME, GOOD, Finding(EQUAL)),
    ],
)
def test_one_table(asked: str, rows: Rows, sampled: Sampled | None, expected: Finding) -> None:
    assert judge(asked, Table(rows, sampled)) == expected


def test_what_differs_in_views_and_indexes_counts() -> None:
    found = judge("sample", Table(SAME, GOOD, others=("its view by_v lacks 1 of 20 rows",)))
    assert found == Finding(DIFFERENT, "its view by_v lacks 1 of 20 rows")


FOUND = {
    "shop.a": Finding(DIFFERENT, "3 rows are missing here"),
    "shop.b": Finding(NOT_COMPARED, "it was dropped meanwhile"),
    "shop.c": Finding(EQUAL, "a remark"),
}


@pytest.mark.parametrize(
    ("asked", "names", "state", "words"),
    [
        ("sample", "c", EQUAL, ""),
        ("sample", "bc", EQUAL, "not compared: shop.b (it was dropped meanwhile)"),
        ("sample", "b", NOT_COMPARED, "not compared: shop.b (it was dropped meanwhile)"),
        (
            "sample",
            "abc",
            DIFFERENT,
            "different: shop.a (3 rows are missing here); not compared: shop.b (it was dropped meanwhile)",
        ),
        ("none", "b", NOT_COMPARED, "not compared: compare is none"),
        ("sample", "", EQUAL, ""),
    ],
)
def test_all_tables(asked: str, names: str, state: str, words: str) -> None:
    found = {f"shop.{name}": FOUND[f"shop.{name}"] for name in names}
    assert verdict.overall(found) == state
    assert verdict.message(asked, found) == words


def test_a_message_stays_short() -> None:
    found = {f"shop.{'t' * 200}{number}": Finding(DIFFERENT, "why " * 100) for number in range(500)}
    assert len(verdict.message("sample", found)) < 900


def test_what_several_nodes_found_is_put_together() -> None:
    reports: list[dict[str, Any]] = [
        {"samples": {"shop.a": {"rows": 10, "expired": 1, "held": True}}},
        {"samples": {"shop.a": {"rows": 5, "different": ["x"], "missed": ["y"]}, "shop.b": {"rows": 1}}},
        {},
    ]
    assert verdict.sampled(reports, "shop.a") == Sampled(15, 1, ("x",), ("y",), held=True)
    assert verdict.sampled(reports, "shop.c") is None
