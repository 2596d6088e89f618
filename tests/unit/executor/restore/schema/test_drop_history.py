"""What drop times of columns stand against. The texts are as Cassandra 5.0.8 describes them, with fewer properties."""

from __future__ import annotations

import pytest

from executor.cql.ddl import elements
from executor.cql.tokenizer import CqlError
from executor.restore.problems import Problem, sentence
from executor.restore.schema import drop_history
from executor.restore.schema.drop_history import stamp

EARLY, LATE = 1795880450469000, 1795880459000001
EARLY_WORDS, LATE_WORDS = "2026-11-28T15:40:50.469000Z", "2026-11-28T15:40:59.000001Z"


def table(columns: str = "a text", *, drop: int | None = None, of: str = "b text", again: bool = False) -> str:
    """A table with these columns; `drop`: `of` was dropped then, `again`: and added again."""
    living = f"{columns}, {of}" if drop is not None else columns
    text = f"CREATE TABLE k.t (id int, c int, {living}, PRIMARY KEY (id, c)) WITH comment = 'x';"
    if drop is not None:
        text += f"\nALTER TABLE k.t DROP {of.split()[0]} USING TIMESTAMP {drop};"
    return text + (f"\nALTER TABLE k.t ADD {of};" if again else "")


def found(backup: str, here: str) -> str:
    return sentence(drop_history.problems(elements([backup]), elements([here])))


BOTH = table("a text, b text")
HARMLESS = [
    pytest.param(BOTH, BOTH, id="never dropped"),
    pytest.param(table(drop=EARLY), table(drop=EARLY), id="dropped in both, the same drop"),
    pytest.param(table(drop=-5), table(drop=-5), id="dropped in both, before 1970 by its USING TIMESTAMP"),
    pytest.param(table(drop=EARLY), table(drop=LATE), id="dropped in both, later here"),
    pytest.param(table(drop=EARLY), table(drop=EARLY, again=True), id="added again after the backup"),
    pytest.param(table(drop=EARLY), table(drop=LATE, again=True), id="dropped here later, and added again"),
    pytest.param(table(drop=EARLY, again=True), table(drop=EARLY, again=True), id="added again in both"),
    pytest.param(table(), table(drop=LATE), id="of what the backup has never known"),
    pytest.param(table(drop=EARLY), "CREATE TABLE k.other (id int PRIMARY KEY);", id="does not live here"),
]


@pytest.mark.parametrize(("backup", "here"), HARMLESS)
def test_what_does_no_harm(backup: str, here: str) -> None:
    assert found(backup, here) == ""


REFUSED = [
    pytest.param(
        table(drop=EARLY),
        table(),
        f"column b was dropped in the backup at {EARLY_WORDS} and never existed here",
        id="SSTables with a column that is unknown here",
    ),
    pytest.param(
        BOTH,
        table(drop=LATE, again=True),
        f"column b was dropped here at {LATE_WORDS} and added again, and in the backup it was never dropped:"
        f" restored values that were written before {LATE_WORDS} would be hidden",
        id="dropped and added again after the backup",
    ),
    pytest.param(
        table(drop=EARLY, again=True),
        table(drop=LATE, again=True),
        f"and in the backup it was dropped at {EARLY_WORDS}: restored values that were written before {LATE_WORDS}",
        id="dropped once more after the backup",
    ),
    pytest.param(
        BOTH, table(drop=LATE), f"column b was dropped here at {LATE_WORDS}, so that its restored", id="dropped here"
    ),
    pytest.param(
        table(drop=EARLY, again=True),
        BOTH,
        f"dropped in the backup at {EARLY_WORDS} and added again, and here it was never dropped: values that were",
        id="a new table does not know the drop of a column that was added again",
    ),
    pytest.param(
        table(drop=LATE, again=True),
        table(drop=EARLY, again=True),
        f"and here it was dropped at {EARLY_WORDS}: values that were dropped then would come back",
        id="dropped later in the backup, and added again",
    ),
    pytest.param(
        table(drop=EARLY),
        BOTH,
        f"column b was dropped in the backup at {EARLY_WORDS}, and here it was never dropped: values that",
        id="a new table has a column that the backup has dropped",
    ),
    pytest.param(
        table(drop=LATE),
        table(drop=EARLY),
        f"dropped at {EARLY_WORDS}: values that were dropped then would come back",
        id="dropped later in the backup",
    ),
    pytest.param(
        table(drop=EARLY, of="b text"), table(drop=LATE, of="b text static"), "b was text in the", id="static here"
    ),
    pytest.param(
        table(drop=EARLY, of="b map<text, text>"),
        table(drop=LATE, of="b frozen<map<text, text>>"),
        f"column b was map<text,text> in the backup when it was dropped at {EARLY_WORDS},"
        f" and frozen<map<text,text>> here when it was dropped at {LATE_WORDS}",
        id="of another type",
    ),
    pytest.param(table('a text, "B" int'), table(drop=LATE, of='"B" int'), "column B was dropped", id="quoted"),
]


@pytest.mark.parametrize(("backup", "here", "expected"), REFUSED)
def test_what_is_refused(backup: str, here: str, expected: str) -> None:
    words = found(backup, here)
    assert words.startswith("table k.t: column ")
    assert expected in words
    assert words.endswith(drop_history.help_for("k.t"))


def test_several_columns_of_a_table_share_the_advice() -> None:
    backup = table(drop=EARLY) + "\nALTER TABLE k.t DROP a USING TIMESTAMP 5;"
    words = found(backup, "CREATE TABLE k.t (id int, c int, PRIMARY KEY (id, c));")
    assert words.count("table k.t") == words.count("rename") == 1
    assert "column b was dropped" in words
    assert "column a was dropped" in words


def test_a_long_list_is_cut_and_says_where_the_rest_is() -> None:
    listed = sentence(Problem("schema", f"table k.t{number}", "refused") for number in range(23))
    assert listed.startswith("table k.t0: refused; table k.t1: refused; ")
    assert listed.endswith("; table k.t19: refused; and 3 more: PUT /v1/restore/plan lists them all")


@pytest.mark.parametrize("end", ["", " USING TIMESTAMP a", " USING TIMESTAMP 1_0", " USING TIMESTAMP ٣"])
def test_a_drop_without_a_time_is_no_statement_of_describe(end: str) -> None:
    with pytest.raises(CqlError, match="the drop of a column has no time"):
        drop_history.pasts(elements([table() + f"ALTER TABLE k.t DROP a{end};"]))


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (EARLY, EARLY_WORDS),
        (9223372036854775807, "timestamp 9223372036854775807"),
    ],
)
def test_times(microseconds: int, expected: str) -> None:
    assert stamp(microseconds) == expected
