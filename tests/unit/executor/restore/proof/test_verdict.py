"""From what was found of a table to a verdict: equal as far as asked, different, or not compared and why."""

from __future__ import annotations

import pytest

from executor.restore.proof import verdict
from executor.restore.proof.derived import condition, target
from executor.restore.proof.verdict import DIFFERENT, EQUAL, NOT_COMPARED, Finding, Rows, Sampled, Table, judge

SAME, FEWER, MORE = Rows(1000, 1000), Rows(1000, 999), Rows(1000, 1001)
GOOD = Sampled(rows=50)
MISSING = Sampled(rows=50, missing=3)
LACKS = "3 of 50 rows compared are missing here"
GONE = Sampled(missed=("what node-1 kept is gone",))
NOT_SEEN = "rows were not compared: what node-1 kept is gone"
LATER = "999 rows, and the backup counted 1000"


@pytest.mark.parametrize(
    ("asked", "rows", "sampled", "expected"),
    [
        ("none", SAME, None, Finding(NOT_COMPARED, "the request orders no comparison")),
        ("count", SAME, None, Finding(EQUAL)),
        ("count", FEWER, None, Finding(DIFFERENT, LATER)),
        ("count", FEWER, GOOD, Finding(DIFFERENT, LATER)),
        ("count", Rows(1000, why="it was dropped meanwhile"), None, Finding(NOT_COMPARED, "it was dropped meanwhile")),
        ("sample", Rows(), None, Finding(NOT_COMPARED)),
        ("sample", Rows(), GOOD, Finding(EQUAL)),
        ("sample", SAME, MISSING, Finding(DIFFERENT, LACKS)),
        (
            "sample",
            FEWER,
            GOOD,
            Finding(EQUAL, f"{LATER}, later than it took its snapshots: all 50 rows compared are equal"),
        ),
        (
            "sample",
            Rows(1000, 999, after=7.2),
            GOOD,
            Finding(EQUAL, f"{LATER}, 7 s after its last snapshot: all 50 rows compared are equal"),
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
        # Rows that the table had before are no fewer for the end of others' lifetime.
        (
            "sample",
            MORE,
            Sampled(rows=50, expired=2, held=True),
            Finding(DIFFERENT, "1001 rows, and the backup counted 1000"),
        ),
        (
            "sample",
            Rows(1000, 1001, after=7.2),
            Sampled(rows=50, expired=2),
            Finding(
                EQUAL,
                "1001 rows, and the backup counted 1000, 7 s after its last snapshot: all 50 rows compared are equal",
            ),
        ),
        ("sample", FEWER, GONE, Finding(DIFFERENT, LATER)),
        ("sample", Rows(), GONE, Finding(NOT_COMPARED, NOT_SEEN)),
        ("sample", SAME, GONE, Finding(EQUAL, NOT_SEEN)),
        ("full", SAME, GONE, Finding(NOT_COMPARED, NOT_SEEN)),
        ("full", SAME, GOOD, Finding(EQUAL)),
    ],
)
def test_one_table(asked: str, rows: Rows, sampled: Sampled | None, expected: Finding) -> None:
    assert judge(asked, Table(rows, sampled)) == expected


@pytest.mark.parametrize(
    ("sampled", "expected"),
    [
        (None, Finding(EQUAL, "the backup has no rows of it")),
        (Sampled(held=True), Finding(DIFFERENT, "the backup has no rows of it, and it had some before")),
    ],
)
def test_a_table_without_files_in_the_backup(sampled: Sampled | None, expected: Finding) -> None:
    assert judge("sample", Table(sampled=sampled, empty=True)) == expected
    assert judge("sample", Table(Rows(0, 0), sampled, empty=True)) == Finding(EQUAL)


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
        ("sample", "bc", NOT_COMPARED, "not compared: shop.b (it was dropped meanwhile)"),
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


def test_a_result_has_as_many_tables_as_there_is_room_for() -> None:
    found = {str(number): "x" * 10 for number in range(10)}
    assert list(verdict.fit(found, ["9", "1", "2"], 40)) == ["9", "1"]
    assert verdict.fit(found, found, 10_000) == found


def test_a_message_stays_short() -> None:
    found = {f"shop.{'t' * 200}{number}": Finding(DIFFERENT, "why " * 100) for number in range(500)}
    assert len(verdict.message("sample", found)) < 900


@pytest.mark.parametrize(
    ("sampled", "alone", "words"),
    [
        (Sampled(rows=9), True, []),
        (Sampled(rows=9, older=2), False, ["2 of 9 rows compared are older here"]),
        (Sampled(rows=9, undeleted=1), False, ["1 of 9 rows compared are here, and the backup deleted them"]),
        (
            Sampled(rows=9, newer=1),
            False,
            ["1 of 9 rows compared are newer here: a restore never overwrites what is newer"],
        ),
        # Written before the backup: of several nodes, another replica's file has it, unless the table had rows before.
        (Sampled(rows=9, other=1), False, []),
        (
            Sampled(rows=9, other=1),
            True,
            ["1 of 9 rows compared are newer here, and not from after the backup: the table had them before"],
        ),
        (
            Sampled(rows=9, other=1, held=True),
            False,
            ["1 of 9 rows compared are newer here, and not from after the backup: the table had them before"],
        ),
        (
            Sampled(rows=9, hidden={"b": 7}),
            False,
            ["7 values of b are hidden: the column was dropped here after they were written"],
        ),
    ],
)
def test_how_rows_differ(sampled: Sampled, alone: bool, words: list[str]) -> None:
    assert sampled.different(alone) == words


def test_what_nodes_tell_is_read_and_what_is_unknown_left_out() -> None:
    told = {"rows": 15, "partitions": 3, "missed": ["y"], "unread": {"too many tombstones": 1}, "held": True}
    found = verdict.parse_sampled(told)
    assert found == Sampled(rows=15, unread={"too many tombstones": 1}, missed=("y",), held=True)
    assert found.not_compared() == [
        "rows were not compared: y",
        "1 partitions cannot be read: too many tombstones",
    ]
    assert verdict.parse_sampled(None) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name", ("name", "")),
        ('"Odd ""name"""', ('Odd "name"', "")),
        ("values(l)", ("l", "values")),
        ('keys("M")', ("M", "keys")),
        ("full(f)", ("f", "full")),
    ],
)
def test_what_an_index_is_on(text: str, expected: tuple[str, str]) -> None:
    assert target(text) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("k IS NOT NULL AND v IS NOT NULL", ""),
        ('"Odd" IS NOT NULL AND d > 1.5E-10 AND k IS NOT NULL', "d > 1.5E-10"),
        ("t IN ('a', 'it''s AND b') AND k IS NOT NULL AND i > -5", "t IN ('a', 'it''s AND b') AND i > -5"),
    ],
)
def test_the_condition_of_a_view(where: str, expected: str) -> None:
    assert condition(where) == expected
