"""One table as Cassandra has it: cells with write times, deletions of every kind; what is read, and what a merge is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.restore_model import events as ev
from tests.restore_model.events import Named
from tests.restore_model.schema import CLUSTERING, PARTITION, STATIC, Column, Table
from tests.restore_model.values import COUNTER, LIST, Value, said, strip

Key = tuple[Value, ...]
# A row of a partition; None is the row of its static columns.
Row = tuple[Key, Key | None]
_WHOLE = Value("", None)
Range = tuple[Key, int, int, int]
FAR = 10**6


@dataclass
class TableModel:
    """The state of a table. It has another `epoch` once it was emptied; counters of two epochs cannot be added up."""

    table: Table
    epoch: int
    partitions: dict[Key, int] = field(default_factory=dict)
    ranges: set[Range] = field(default_factory=set)
    rows: dict[Row, int] = field(default_factory=dict)
    living: dict[Row, tuple[int, bool]] = field(default_factory=dict)
    overwritten: dict[tuple[Row, str], int] = field(default_factory=dict)
    cells: dict[tuple[Row, str, Value], tuple[int, Value | None]] = field(default_factory=dict)
    counters: dict[tuple[Row, str], int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    expires: bool = False
    # What is in it cannot be told any more.
    unknown: bool = False

    def copy(self) -> TableModel:
        """Return a copy that changes on its own."""
        return copy.deepcopy(self)

    def emptied(self, epoch: int) -> TableModel:
        """Return the table without rows; its dropped columns stay dropped."""
        return TableModel(self.table, epoch, dropped=dict(self.dropped))

    def apply(self, event: ev.OfTable, now: int) -> None:
        """Apply an event of this table, at that write time."""
        if isinstance(event, ev.Write):
            self._write(event, event.timestamp if event.timestamp is not None else now, now)
        elif isinstance(event, ev.Delete):
            self._delete(event, event.timestamp if event.timestamp is not None else now)
        elif isinstance(event, ev.Count):
            place = (_row(event.key, event.row), event.column)
            self.counters[place] = self.counters.get(place, 0) + event.amount
        elif isinstance(event, ev.DropColumn):
            self.dropped[event.column] = event.timestamp if event.timestamp is not None else now
            self.table = self.table.without(event.column)
        else:
            self.table = _altered(self.table, event)

    def _write(self, event: ev.Write, time: int, now: int) -> None:
        row = _row(event.key, event.row)
        lives = event.ttl != ev.SHORT_TTL_SECONDS
        self.expires = self.expires or not lives
        if event.insert and event.row is not None:
            self.living[row] = max(self.living.get(row, (-1, False)), (time, lives))
        for item in event.sets:
            at = row if self.table.column(item.column).role != STATIC else (row[0], None)
            if item.how == ev.VALUE:
                self._put(at, item.column, _WHOLE, time, item.value if lives else None)
                continue
            if item.how == ev.WHOLE:
                place = (at, item.column)
                self.overwritten[place] = max(self.overwritten.get(place, -1), time - 1)
            for number, (path, value) in enumerate(item.elements):
                # An element of a list has a place of its own, which the moment of its statement gives it.
                own = Value(f"{now:020d}.{number}", None) if item.kind.family == LIST else path
                self._put(at, item.column, own, time, value if lives else None)

    def _put(self, row: Row, column: str, path: Value, time: int, value: Value | None) -> None:
        there = self.cells.get((row, column, path))
        if there is None or there[0] < time:
            self.cells[row, column, path] = (time, value)

    def _delete(self, event: ev.Delete, time: int) -> None:
        row = _row(event.key, event.row)
        if event.what == ev.PARTITION:
            self.partitions[row[0]] = max(self.partitions.get(row[0], -1), time)
        elif event.what == ev.RANGE:
            low = event.low[1].rank if event.low else -FAR
            high = event.high[1].rank if event.high else FAR
            self.ranges.add((row[0], low, high, time))
        elif event.what == ev.ROW:
            self.rows[row] = max(self.rows.get(row, -1), time)
        elif event.path is not None:
            self._put(row, event.column, event.path, time, None)
        elif self.table.column(event.column).kind.cells:
            self.overwritten[row, event.column] = max(self.overwritten.get((row, event.column), -1), time)
        else:
            self._put(row, event.column, _WHOLE, time, None)

    def purge(self) -> None:
        """Forget what dropped columns hide: a backup has nothing of it to give back."""
        self.cells = {
            place: cell for place, cell in self.cells.items() if cell[0] > self.dropped.get(place[1], -1)
        }  # fmt: skip

    def merge(self, other: TableModel) -> None:
        """Add the other table's content, each part with its write time."""
        for key, time in other.partitions.items():
            self.partitions[key] = max(self.partitions.get(key, -1), time)
        self.ranges |= other.ranges
        for row, time in other.rows.items():
            self.rows[row] = max(self.rows.get(row, -1), time)
        for row, living in other.living.items():
            self.living[row] = max(self.living.get(row, (-1, False)), living)
        for place, time in other.overwritten.items():
            self.overwritten[place] = max(self.overwritten.get(place, -1), time)
        for (row, column, path), (time, value) in other.cells.items():
            self._put(row, column, path, time, value)
        if other.counters and self.counters and self.epoch != other.epoch:
            self.unknown = True
        elif other.counters and not self.counters:
            self.counters, self.epoch = dict(other.counters), other.epoch
        self.expires = self.expires or other.expires
        self.unknown = self.unknown or other.unknown

    def read(self) -> list[dict[str, Any]]:
        """Return the rows of SELECT JSON *, in no order; names without quotes."""
        found: list[dict[str, Any]] = []
        for key in {row[0] for row in self._places()}:
            static = self._columns((key, None), self.table.role(STATIC))
            rows = [row for row in {row for row in self._places() if row[0] == key} if row[1] is not None]
            there = [(row, values) for row in rows if (values := self._read_row(row)) is not None]
            found += [{**self._names(row), **static, **values} for row, values in there]
            if not there and any(value is not None for value in static.values()):
                nothing = {strip(column.name): None for column in self.table.columns}
                found.append({**nothing, **self._names((key, None)), **static})
        return found

    def _places(self) -> set[Row]:
        return {*self.living, *(place[0] for place in self.cells), *(place[0] for place in self.counters)}

    def _names(self, row: Row) -> dict[str, Any]:
        columns = self.table.role(PARTITION) + (self.table.role(CLUSTERING) if row[1] is not None else ())
        values = row[0] + (row[1] or ())
        return {strip(column.name): value.json for column, value in zip(columns, values, strict=True)}

    def _read_row(self, row: Row) -> dict[str, Any] | None:
        """Return its columns outside the key; None if there is no such row."""
        regular = tuple(column for column in self.table.columns if column.role == "regular")
        values = self._columns(row, regular)
        time, lives = self.living.get(row, (-1, False))
        alive = lives and time > self._deleted(row)
        return values if alive or any(value is not None for value in values.values()) else None

    def _columns(self, row: Row, columns: tuple[Column, ...]) -> dict[str, Any]:
        return {strip(column.name): self._column(row, column) for column in columns}

    def _column(self, row: Row, column: Column) -> Any:
        if column.kind.family == COUNTER:
            return self.counters.get((row, column.name))
        limit = max(self._deleted(row), self.dropped.get(column.name, -1))
        if not column.kind.cells:
            time, value = self.cells.get((row, column.name, _WHOLE), (-1, None))
            return value.json if value is not None and time > limit else None
        limit = max(limit, self.overwritten.get((row, column.name), -1))
        elements = tuple(
            (path, value)
            for (at, name, path), (time, value) in sorted(self.cells.items(), key=lambda item: item[0][2].cql)
            if (at, name) == (row, column.name) and value is not None and time > limit
        )
        return said(column.kind, elements) if elements else None

    def _deleted(self, row: Row) -> int:
        times = [self.partitions.get(row[0], -1)]
        if row[1] is not None:
            times.append(self.rows.get(row, -1))
            times += [
                time for key, low, high, time in self.ranges if key == row[0] and low <= row[1][0].rank < high
            ]  # fmt: skip
        return max(times)

    def hidden_by(self, dropped: dict[str, int]) -> Iterator[str]:
        """Columns with cells that drops at these times would hide."""
        for name in sorted({place[1] for place in self.cells}):
            times = [cell[0] for place, cell in self.cells.items() if place[1] == name]
            if any(time <= dropped.get(name, -1) for time in times):
                yield name


def _row(key: tuple[Named, ...], row: tuple[Named, ...] | None) -> Row:
    return tuple(value for _, value in key), None if row is None else tuple(value for _, value in row)


def _altered(table: Table, event: ev.OfTable) -> Table:
    if isinstance(event, ev.AddColumn):
        return replace(table, columns=(*table.columns, event.column))
    if isinstance(event, ev.RenameColumn):
        return replace(
            table,
            columns=tuple(
                replace(column, name=event.new) if column.name == event.old else column for column in table.columns
            ),
        )
    if isinstance(event, ev.MakeIndex):
        return replace(table, indexes=(*table.indexes, event.index))
    if isinstance(event, ev.DropIndex):
        return replace(table, indexes=tuple(index for index in table.indexes if index != event.index))
    if isinstance(event, ev.DropView):
        return replace(table, views=tuple(view for view in table.views if view != event.view))
    raise TypeError(f"no event of a table: {event}")
