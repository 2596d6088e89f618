"""The rows that the model of a table expects: one line for each rule of Cassandra that it knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.restore_model import events as ev
from tests.restore_model.schema import CLUSTERING, PARTITION, REGULAR, STATIC, Column, Table
from tests.restore_model.table_model import TableModel
from tests.restore_model.values import LIST, POOLS, SET, Kind, Value

REF = ("ks", "t")
INT, TEXT = Kind("int"), Kind("text")
NUMBERS = {value.json: value for value in POOLS["int"]}
TAGS = Kind("set<int>", SET, (INT,))
ITEMS = Kind("list<int>", LIST, (INT,))
TABLE = Table(
    "t",
    (
        Column("k", INT, PARTITION),
        Column("c", INT, CLUSTERING),
        Column("s", INT, STATIC),
        Column("a", INT),
        Column("b", INT),
        Column("tags", TAGS),
        Column("items", ITEMS),
    ),
)
KEY = (("k", NUMBERS[0]),)
ROW = (("c", NUMBERS[7]),)


def value(column: str, number: int | None) -> ev.Assignment:
    return ev.Assignment(column, INT, ev.VALUE, None if number is None else NUMBERS[number])


def insert(*sets: ev.Assignment, time: int | None = None, ttl: int = 0) -> ev.Write:
    return ev.Write(REF, KEY, ROW, True, sets, time, ttl)


def update(*sets: ev.Assignment, time: int | None = None) -> ev.Write:
    return ev.Write(REF, KEY, ROW, False, sets, time)


def tags(how: str, *numbers: int) -> ev.Assignment:
    return ev.Assignment("tags", TAGS, how, elements=tuple((NUMBERS[n], NUMBERS[n]) for n in numbers))


def items(how: str, *numbers: int) -> ev.Assignment:
    given = tuple((Value(str(at), at), NUMBERS[n]) for at, n in enumerate(numbers))
    return ev.Assignment("items", ITEMS, how, elements=given)


def delete(what: str, time: int | None = None) -> ev.Delete:
    return ev.Delete(REF, what, KEY, ROW if what != ev.PARTITION else None, timestamp=time)


def read(*events: ev.OfTable) -> list[dict[str, object]]:
    """The rows after these events, without what is null; each event is ten later than the one before."""
    model = TableModel(TABLE, 1)
    for number, event in enumerate(events, 1):
        model.apply(event, 1000 + 10 * number)
    return shown(model)


def shown(model: TableModel) -> list[dict[str, object]]:
    return [{name: found for name, found in row.items() if found is not None} for row in model.read()]


WHERE = {"k": 0, "c": 7}
B = Column("b", INT)
Rule = tuple[Sequence[ev.OfTable], Sequence[Mapping[str, object]]]
RULES: dict[str, Rule] = {
    "an insert": ([insert(value("a", 7))], [{**WHERE, "a": 7}]),
    "an insert of the key alone is a row": ([insert()], [WHERE]),
    "an update to null is no row": ([update(value("a", None))], []),
    "an update makes a row as long as it has a value": ([update(value("a", 7)), update(value("a", None))], []),
    "a row of an insert stays": ([insert(value("a", 7)), update(value("a", None))], [WHERE]),
    "the later write time wins": ([insert(value("a", 7), time=5000), update(value("a", -1))], [{**WHERE, "a": 7}]),
    "a write long ago loses": ([insert(value("a", 7)), update(value("a", -1), time=5)], [{**WHERE, "a": 7}]),
    "what expired is not there": ([insert(value("a", 7), ttl=ev.SHORT_TTL_SECONDS)], []),
    "what expired hides what was before": (
        [update(value("a", 7)), insert(value("a", -1), ttl=ev.SHORT_TTL_SECONDS)],
        [],
    ),
    "a long TTL": ([insert(value("a", 7), ttl=ev.LONG_TTL_SECONDS)], [{**WHERE, "a": 7}]),
    "a row that was deleted": ([insert(value("a", 7)), delete(ev.ROW)], []),
    "a deletion before it": ([insert(value("a", 7)), delete(ev.ROW, time=5)], [{**WHERE, "a": 7}]),
    "a partition": ([insert(value("a", 7), value("s", 0)), delete(ev.PARTITION)], []),
    "a row, not its static column": ([insert(value("a", 7), value("s", -1)), delete(ev.ROW)], [{"k": 0, "s": -1}]),
    "a range with it": (
        [insert(), ev.Delete(REF, ev.RANGE, KEY, low=("c", NUMBERS[7]), high=("c", NUMBERS[2147483647]))],
        [],
    ),
    "a range up to it": (
        [insert(), ev.Delete(REF, ev.RANGE, KEY, low=("c", NUMBERS[0]), high=("c", NUMBERS[7]))],
        [WHERE],
    ),
    "elements are added": ([update(tags(ev.WHOLE, 0)), update(tags(ev.ADD, 7))], [{**WHERE, "tags": [0, 7]}]),
    "elements are overwritten": ([update(tags(ev.WHOLE, 0)), update(tags(ev.WHOLE, 7))], [{**WHERE, "tags": [7]}]),
    "an element": (
        [
            update(tags(ev.WHOLE, 0, 7)),
            ev.Delete(REF, ev.ELEMENT, KEY, ROW, "tags", NUMBERS[0], kind=TAGS),
        ],
        [{**WHERE, "tags": [7]}],
    ),
    "an empty set is none": ([insert(tags(ev.WHOLE))], [WHERE]),
    "a list grows at its end": (
        [update(items(ev.WHOLE, 7, 0)), update(items(ev.ADD, 7))],
        [{**WHERE, "items": [7, 0, 7]}],
    ),
    "a dropped column": ([insert(value("a", 7), value("b", 7)), ev.DropColumn(REF, "b")], [{**WHERE, "a": 7}]),
    "a column that is back has nothing of before": (
        [insert(value("b", 7)), ev.DropColumn(REF, "b"), ev.AddColumn(REF, B)],
        [WHERE],
    ),
    "a column that is back, written to": (
        [insert(value("b", 7)), ev.DropColumn(REF, "b"), ev.AddColumn(REF, B), update(value("b", -1))],
        [{**WHERE, "b": -1}],
    ),
    "a drop as of long ago hides only what was before": (
        [insert(value("b", 7)), ev.DropColumn(REF, "b", 5), ev.AddColumn(REF, B)],
        [{**WHERE, "b": 7}],
    ),
    "a key that was renamed": (
        [insert(value("a", 7)), ev.RenameColumn(REF, "c", "d")],
        [{"k": 0, "d": 7, "a": 7}],
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_what_is_read(name: str) -> None:
    events, wanted = RULES[name]
    assert read(*events) == wanted


def test_a_merge_is_by_write_time() -> None:
    saved, living = TableModel(TABLE, 1), TableModel(TABLE, 2)
    saved.apply(insert(value("a", 7), value("b", 7), time=10), 0)
    living.apply(update(value("a", -1), time=20), 0)
    living.merge(saved)
    assert shown(living) == [{**WHERE, "a": -1, "b": 7}]


def test_a_merge_brings_deletions() -> None:
    saved, living = TableModel(TABLE, 1), TableModel(TABLE, 2)
    saved.apply(delete(ev.ROW, time=30), 0)
    living.apply(insert(value("a", 7), time=20), 0)
    living.merge(saved)
    assert shown(living) == []


def test_what_a_drop_hid_is_not_in_a_backup() -> None:
    table = TableModel(TABLE, 1)
    events: tuple[ev.OfTable, ...] = (insert(value("b", 7)), ev.DropColumn(REF, "b"), ev.AddColumn(REF, B))
    for number, event in enumerate(events, 1):
        table.apply(event, 10 * number)
    table.purge()
    table.dropped = {}
    assert shown(table) == [WHERE]


@pytest.mark.parametrize(("same", "unknown"), [(True, False), (False, True)])
def test_counters_of_another_past_cannot_be_told(same: bool, unknown: bool) -> None:
    table = Table("t", (Column("k", INT, PARTITION), Column("hits", Kind("counter", "counter"), REGULAR)))
    saved = TableModel(table, 1)
    saved.apply(ev.Count(REF, KEY, (), "hits", 3), 10)
    living = saved.copy() if same else TableModel(table, 2)
    living.apply(ev.Count(REF, KEY, (), "hits", 4), 20)
    living.merge(saved)
    assert living.unknown == unknown
    assert same is (living.read() == [{"k": 0, "hits": 7}])
