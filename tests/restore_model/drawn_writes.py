"""Changes of the rows and the columns of one table, drawn by Hypothesis."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.restore_model import events as ev
from tests.restore_model.drawn_schema import sometimes
from tests.restore_model.events import Named, Ref
from tests.restore_model.model import Model
from tests.restore_model.schema import CLUSTERING, PARTITION, REGULAR, STATIC, Column, Table
from tests.restore_model.table_model import TableModel
from tests.restore_model.values import LIST, UDT, elements, values

# Before any clock of today, and after it.
_LONG_AGO = 1_000_000
_FUTURE = 4_000_000_000_000_000


@dataclass
class Story:
    """A story as it is being drawn: its events so far, and the model that they led to."""

    draw: st.DrawFn
    model: Model = field(default_factory=Model)
    steps: list[ev.Event | ev.Restore] = field(default_factory=list)
    # Tables with write times in the future: a column of theirs is not dropped, whose cells would outlive it.
    future: set[Ref] = field(default_factory=set)

    def add(self, event: ev.Event) -> None:
        """Add an event."""
        self.model.apply(event)
        self.steps.append(event)

    def living(self, ref: Ref) -> TableModel:
        """Return a table that exists."""
        found = self.model.table(ref)
        assert found is not None
        return found

    def write(self, ref: Ref, count: int) -> None:
        """So many writes and deletions."""
        for _ in range(count):
            self.add(self._one(ref))

    def _one(self, ref: Ref) -> ev.Event:
        table = self.living(ref).table
        key, row = self._named(table, PARTITION), self._named(table, CLUSTERING)
        if table.is_counter:
            column = self.draw(st.sampled_from(table.role(REGULAR)))
            return ev.Count(ref, key, row, column.name, self.draw(st.integers(-3, 9)))
        if sometimes(self.draw, 4):
            return self._delete(ref, table, key, row)
        return self._write(ref, table, key, row)

    def _named(self, table: Table, role: str) -> tuple[Named, ...]:
        return tuple((column.name, self.draw(values(column.kind))) for column in table.role(role))

    def _time(self, ref: Ref, table: Table) -> int | None:
        how = self.draw(st.integers(0, 7))
        if table.views or how > 1:
            return None
        if how == 1 and ref in self.future:
            return _FUTURE + 10 * self.model.step
        return _LONG_AGO * self.draw(st.integers(1, 9)) + 10 * self.model.step

    def _write(self, ref: Ref, table: Table, key: tuple[Named, ...], row: tuple[Named, ...]) -> ev.Write:
        insert = self.draw(st.booleans())
        static = table.role(STATIC)
        if static and sometimes(self.draw, 5):
            return ev.Write(ref, key, None, insert, (self._set(static[0], insert),), self._time(ref, table))
        regular = table.role(REGULAR)
        count = self.draw(st.integers(1, len(regular)))
        chosen = self.draw(st.permutations(regular))[:count]
        ttl = 0 if table.views else self.draw(st.sampled_from((0,) * 8 + (ev.SHORT_TTL_SECONDS, ev.LONG_TTL_SECONDS)))
        sets = tuple(self._set(column, insert) for column in chosen)
        return ev.Write(ref, key, row, insert, sets, self._time(ref, table), ttl)

    def _set(self, column: Column, insert: bool) -> ev.Assignment:
        kind = column.kind
        if not kind.cells:
            value = None if sometimes(self.draw, 8) else self.draw(values(kind))
            return ev.Assignment(column.name, kind, ev.VALUE, value)
        given = self.draw(elements(kind))
        if insert or self.draw(st.booleans()):
            return ev.Assignment(column.name, kind, ev.WHOLE, elements=() if sometimes(self.draw, 8) else given)
        if kind.family == UDT:
            return ev.Assignment(column.name, kind, ev.FIELD, elements=given[-1:])
        return ev.Assignment(column.name, kind, ev.ADD, elements=given)

    def _delete(self, ref: Ref, table: Table, key: tuple[Named, ...], row: tuple[Named, ...]) -> ev.Delete:
        time = self._time(ref, table)
        what = self.draw(st.sampled_from((ev.CELL, ev.ELEMENT, ev.ROW, ev.RANGE, ev.PARTITION)))
        if what == ev.RANGE and row and not table.views:
            low, high = sorted((row[0], self._named(table, CLUSTERING)[0]), key=lambda named: named[1].rank)
            return ev.Delete(ref, what, key, low=low, high=high if self.draw(st.booleans()) else None, timestamp=time)
        if what == ev.PARTITION and row:
            return ev.Delete(ref, what, key, timestamp=time)
        columns = table.role(REGULAR)
        parted = [column for column in columns if column.kind.cells and column.kind.family != LIST]
        if what == ev.ELEMENT and parted:
            column = self.draw(st.sampled_from(parted))
            path = self.draw(elements(column.kind))[0][0]
            return ev.Delete(ref, what, key, row, column.name, path, timestamp=time, kind=column.kind)
        if what in (ev.CELL, ev.ELEMENT):
            return ev.Delete(ref, ev.CELL, key, row, self.draw(st.sampled_from(columns)).name, timestamp=time)
        return ev.Delete(ref, ev.ROW, key, row, timestamp=time)

    def droppable(self, ref: Ref) -> list[Column]:
        """Columns that may be dropped: nothing is made of them, and others are left."""
        table = self.living(ref).table
        regular = table.role(REGULAR)
        if len(regular) < 2 or table.views or table.is_counter or ref in self.future:
            return []
        used = {index.column for index in table.indexes}
        # Cassandra drops no column with a cell for each field of a user type.
        fixed = {column.name for column in regular if column.kind.family == UDT and column.kind.cells}
        return [column for column in regular if column.name not in used | fixed]

    def drop_column(self, ref: Ref, again: bool) -> None:
        """Drop a column, and sometimes add it again with the same type."""
        columns = self.droppable(ref)
        if not columns:
            return
        column = self.draw(st.sampled_from(columns))
        time = _LONG_AGO * self.draw(st.integers(1, 9)) if sometimes(self.draw, 5) else None
        self.add(ev.DropColumn(ref, column.name, time))
        if again and not column.kind.has_user_type:
            self.add(ev.AddColumn(ref, column))
