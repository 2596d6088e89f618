"""The model's expectations of a restore, and the verdicts on it."""

from __future__ import annotations

import pytest

from tests.restore_model import events as ev
from tests.restore_model.drawn_schema import Limits
from tests.restore_model.drawn_stories import draw_stories
from tests.restore_model.model import Expectation, Model, chosen, expect
from tests.restore_model.schema import PARTITION, Column, KeySpace, Table
from tests.restore_model.values import POOLS, Kind
from tests.restore_model.verdict import COMPLETE, DIFFERENT, ERROR, REFUSED, Found, Outcome, judge

INT = Kind("int")
TABLE = Table("t", (Column("k", INT, PARTITION), Column("a", INT), Column("b", INT)))
OTHER = Table("other", TABLE.columns)
REF = ("ks", "t")
KEY = (("k", POOLS["int"][2]),)
WRITE = ev.Write(REF, KEY, (), True, (ev.Assignment("b", INT, ev.VALUE, POOLS["int"][3]),))
WHOLE = ev.Restore("one", ("ks",))
DROP, ADD = ev.DropColumn(REF, "b"), ev.AddColumn(REF, Column("b", INT))
HAS = [{"k": 0, "a": None, "b": 7}]


def after(*events: ev.Event) -> Model:
    """A key space with two tables, a row in one, a backup, and what came then."""
    model = Model()
    backup = ev.Backup("one", ("ks",))
    for event in (ev.MakeKeySpace(KeySpace("ks", 1, tables=(TABLE, OTHER))), WRITE, backup, *events):
        model.apply(event)
    return model


def rows(expected: Expectation, ref: ev.Ref = REF) -> list[dict[str, object]]:
    table = expected.after.table(ref)
    assert table is not None
    return table.read()


@pytest.mark.parametrize(
    "events",
    [
        (),
        (ev.Truncate(REF),),
        (ev.DropTable(REF),),
        (ev.DropKeySpace("ks"),),
        (ev.DropTable(REF), ev.MakeTable("ks", TABLE)),
        (ev.AddColumn(REF, Column("more", Kind("text"))), ev.Truncate(REF)),
    ],
    ids=str,
)
def test_rows_are_back_and_nothing_stands_against_it(events: tuple[ev.Event, ...]) -> None:
    expected = expect(after(*events), WHOLE)
    assert [{name: row[name] for name in ("k", "a", "b")} for row in rows(expected)] == HAS
    assert expected.obstacles == ()


@pytest.mark.parametrize("events", [(DROP,), (DROP, ADD), (DROP, ADD, ev.Truncate(REF))], ids=str)
def test_dropped_columns_stand_against_it(events: tuple[ev.Event, ...]) -> None:
    expected = expect(after(*events), WHOLE)
    assert expected.obstacles
    # What would be right is known all the same: COMPLETE without it is a defect.
    assert rows(expected) == HAS


def test_another_name_is_always_possible() -> None:
    restore = ev.Restore("one", rename=((REF, ("ks", "t_before")),))
    expected = expect(after(DROP, ADD), restore)
    assert (expected.obstacles, rows(expected, ("ks", "t_before"))) == ((), HAS)
    assert expected.made == {("ks", "t_before")}


def test_rename_alone_chooses() -> None:
    model = after()
    assert chosen(ev.Restore("one", rename=((REF, ("ks", "x")),)), model.backups["one"]) == {REF: ("ks", "x")}
    moved = chosen(ev.Restore("one", rename=((("ks", ""), ("kt", "")),)), model.backups["one"])
    assert set(moved.values()) == {("kt", "t"), ("kt", "other")}


def test_a_key_space_without_tables_is_made() -> None:
    model = Model()
    for event in (ev.MakeKeySpace(KeySpace("ks", 1)), ev.Backup("one", ("ks",)), ev.DropKeySpace("ks")):
        model.apply(event)
    assert list(expect(model, WHOLE).after.spaces) == ["ks"]


WRONG = {REF: "rows differ"}
VERDICTS = [
    ((), COMPLETE, Found({}, {}), 0),
    ((), COMPLETE, Found(WRONG, {}), 1),
    ((DROP, ADD), COMPLETE, Found(WRONG, {}), 1),
    ((DROP, ADD), DIFFERENT, Found(WRONG, {}), 0),
    ((DROP, ADD), DIFFERENT, Found({("ks", "other"): "rows differ"}, {}), 1),
    ((DROP, ADD), REFUSED, Found({}, {}), 0),
    ((DROP, ADD), REFUSED, Found({}, WRONG), 1),
    ((DROP, ADD), REFUSED, Found({}, {}, schema_changed=True), 1),
    ((), REFUSED, Found({}, {}), 1),
    ((), DIFFERENT, Found({}, {}), 1),
    ((), ERROR, Found({}, {}), 1),
    ((), COMPLETE, Found({}, {}, ["made otherwise"]), 1),
]


@pytest.mark.parametrize(("events", "state", "found", "defects"), VERDICTS)
def test_what_is_a_defect(events: tuple[ev.Event, ...], state: str, found: Found, defects: int) -> None:
    assert len(judge(expect(after(*events), WHOLE), Outcome(state), found)) == defects


def test_a_cluster_with_newer_rows_may_differ() -> None:
    newer = ev.Write(REF, KEY, (), True, (ev.Assignment("b", INT, ev.VALUE, POOLS["int"][0]),))
    expected = expect(after(newer), WHOLE)
    assert judge(expected, Outcome(DIFFERENT), Found({}, {})) == []
    assert judge(expected, Outcome(COMPLETE), Found({}, {})) == []


def test_the_same_number_gives_the_same_stories() -> None:
    limits = Limits(2, 2)
    told = [[step.cql for step in steps] for steps in draw_stories(7, 2, limits)]
    assert told == [[step.cql for step in steps] for steps in draw_stories(7, 2, limits)]
    assert told != [[step.cql for step in steps] for steps in draw_stories(8, 2, limits)]
    assert all(any("restore/start" in line for line in story) for story in told)
