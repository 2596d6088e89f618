"""The comparison of views and indexes with their table: sampled rows of views, and rows found through indexes."""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from cassandra.cluster import Session
from cassandra.query import PreparedStatement

from executor.cql.names import TableName
from executor.cql.raw_rows import RawSession, Row, bigint, first_parts
from executor.cql.session import CQL_ERRORS, words
from executor.cql.tokenizer import Word, quote
from executor.cql.tokenizer import words as split_words

# The number of places on the ring, and the number of rows from each.
_PLACES, _ROWS = 4, 25
# A view is updated a moment later than its table.
_ATTEMPTS = 5
_AGAIN_SECONDS = 1.0
_COLUMNS = (
    "SELECT column_name, kind, position, type FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s"
)
_VIEWS = "SELECT base_table_name, view_name, where_clause FROM system_schema.views WHERE keyspace_name = %s"
_INDEXES = "SELECT index_name, kind, options FROM system_schema.indexes WHERE keyspace_name = %s AND table_name = %s"
_MASKS = "SELECT column_name FROM system_schema.column_masks WHERE keyspace_name = %s AND table_name = %s"
_FLAGS = "SELECT flags FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s"
_BUILT = 'SELECT index_name FROM system."IndexInfo" WHERE table_name = %s'
# SASI leaves longer values out, and so does SAI with its limits as they are if they were written before the index.
_LONGEST = 1024
_CUSTOM = "CUSTOM"


@dataclass
class Derived:
    """The findings: differences, and what could not be compared, a sentence each."""

    different: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Table:
    """A table or a view: its columns, and those of its key in order."""

    name: TableName
    columns: tuple[str, ...]
    key: tuple[str, ...]
    partition_key: tuple[str, ...]
    static: frozenset[str]
    maps: frozenset[str]

    @property
    def text(self) -> str:
        """Return the quoted full name."""
        return f"{quote(self.name.key_space)}.{quote(self.name.table)}"


@dataclass(frozen=True)
class Comparer:
    """A comparison at the session's consistency; `wait` waits, and can raise to end everything."""

    session: Session
    seed: str
    wait: Callable[[float], None]

    @cached_property
    def _raw(self) -> RawSession:
        return RawSession(self.session)

    def compare(self, name: TableName) -> Derived:
        """Compare all views and indexes of a table; an unreadable one is a remark."""
        found = Derived()
        try:
            views = [
                row for row in self.session.execute(_VIEWS, (name.key_space,)) if row.base_table_name == name.table
            ]
            indexes = self.session.execute(_INDEXES, (name.key_space, name.table)).all()
            if not views and not indexes:
                return found
            if self.session.execute(_MASKS, (name.key_space, name.table)).all():
                found.remarks.append("its views and indexes were not compared: it has masked columns")
                return found
            base = self._table(name)
        except CQL_ERRORS as error:
            found.remarks.append(f"its views and indexes were not compared: {words(error)}")
            return found
        for row in views:
            self._guard(found, f"its view {row.view_name}", partial(self._view, base, row, found))
        customs = {_column(row) for row in indexes if row.kind == _CUSTOM}
        for row in indexes:
            self._guard(found, f"its index {row.index_name}", partial(self._index, base, row, customs, found))
        return found

    def _guard(self, found: Derived, what: str, compare: Callable[[], None]) -> None:
        try:
            compare()
        except CQL_ERRORS as error:
            found.remarks.append(f"{what} was not compared: {words(error)}")

    def _table(self, name: TableName) -> _Table:
        rows = self.session.execute(_COLUMNS, (name.key_space, name.table)).all()
        ordered = sorted(rows, key=lambda row: (row.position, row.column_name))
        partition = tuple(row.column_name for row in ordered if row.kind == "partition_key")
        clustering = tuple(row.column_name for row in ordered if row.kind == "clustering")
        static = frozenset(row.column_name for row in ordered if row.kind == "static")
        maps = frozenset(row.column_name for row in rows if row.type.removeprefix("frozen<").startswith("map<"))
        return _Table(name, tuple(row.column_name for row in rows), (*partition, *clustering), partition, static, maps)

    def _sample(self, table: _Table, columns: Sequence[str], filtered: str = "") -> Iterator[Row]:
        """Yield rows from some places of the ring, the same in each attempt."""
        token = f"token({', '.join(map(quote, table.partition_key))})"
        text = f"SELECT {', '.join(map(quote, columns))} FROM {table.text} WHERE {token} >= ?"
        text += f" AND {filtered} LIMIT {_ROWS} ALLOW FILTERING" if filtered else f" LIMIT {_ROWS}"
        statement = self._raw.prepare(text)
        places = random.Random(f"{self.seed} {table.name}")
        starts = [-(2**63), *(places.randrange(-(2**63), 2**63) for _ in range(_PLACES - 1))]
        seen = set[Row]()
        for start in starts:
            for row in self._raw.rows(statement, [bigint(start)]):
                if row not in seen:
                    seen.add(row)
                    yield row

    def _view(self, base: _Table, found: Any, result: Derived) -> None:
        view = self._table(TableName(base.name.key_space, found.view_name))
        what = f"its view {found.view_name}"
        lacking, rows = self._differing(base, view, condition(found.where_clause))
        if lacking:
            result.different.append(f"{what} lacks {lacking} of {rows} rows, or has them otherwise")
        stale, rows = self._differing(view, base, "")
        if stale:
            result.different.append(f"{what} has {stale} of {rows} rows that do not follow from the table")

    def _differing(self, one: _Table, other: _Table, filtered: str) -> tuple[int, int]:
        """Return how many sampled rows of one table differ in the other one, and the number of sampled rows.

        Rows that differ are read again later: an update can be on its way.
        """
        columns = tuple(name for name in one.columns if name in other.columns)
        needed = tuple(dict.fromkeys([*one.key, *other.key, *columns]))
        lookup, again = self._lookup(other, columns), self._lookup(one, needed)

        def fits(row: Mapping[str, bytes | None]) -> bool:
            return self._is_in(row, other, columns, lookup)

        sampled = (dict(zip(needed, row, strict=True)) for row in self._sample(one, needed, filtered))
        rows = [row for row in sampled if not any(_is_nameless(table, row) for table in (one, other))]
        differing = [row for row in rows if not fits(row)]
        for _ in range(_ATTEMPTS):
            if not differing:
                break
            self.wait(_AGAIN_SECONDS)
            present = [self._one(again, row, one.key) for row in differing]
            anew = [dict(zip(needed, row, strict=True)) for row in present if row is not None]
            differing = [row for row in anew if not fits(row)]
        return len(differing), len(rows)

    def _is_in(
        self, row: Mapping[str, bytes | None], other: _Table, columns: Sequence[str], lookup: PreparedStatement
    ) -> bool:
        if any(row[name] is None for name in other.key):
            return True
        return self._one(lookup, row, other.key) == tuple(row[name] for name in columns)

    def _lookup(self, table: _Table, columns: Sequence[str]) -> PreparedStatement:
        where = " AND ".join(f"{quote(name)} = ?" for name in table.key)
        return self._raw.prepare(f"SELECT {', '.join(map(quote, columns))} FROM {table.text} WHERE {where}")

    def _one(
        self, statement: PreparedStatement, row: Mapping[str, bytes | None], key: Sequence[str]
    ) -> Row | None:  # fmt: skip
        return next(iter(self._raw.rows(statement, [row[name] for name in key])), None)

    def _index(self, base: _Table, found: Any, customs: Container[str], result: Derived) -> None:
        what = f"its index {found.index_name}"
        built = {row.index_name for row in self.session.execute(_BUILT, (base.name.key_space,))}
        if found.index_name not in built:
            result.remarks.append(f"{what} is not built yet on the node that was queried")
            return
        column, kind = target(str(found.options.get("target", "")))
        relation = _RELATIONS.get(kind)
        found_by_key = column in base.columns and column not in base.key and not self._is_compact(base.name)
        if relation is None or not found_by_key:
            result.remarks.append(f"{what} was not compared: only that it is built")
            return
        # Of several indexes of a column, Cassandra chooses one for a search.
        searched = _Search(column, kind, relation.format(quote(column)), column in customs, column in base.maps)
        lacking, rows, left_out = self._not_found(base, searched)
        if left_out and not rows:
            result.remarks.append(f"{what} was not compared: only that it is built")
        if lacking:
            result.different.append(f"{what} does not find {lacking} of {rows} rows")

    def _is_compact(self, name: TableName) -> bool:
        """Return whether a table has COMPACT STORAGE: a query by its key and an indexed value never finds its rows."""
        found = self.session.execute(_FLAGS, (name.key_space, name.table)).one()
        return found is not None and "compound" not in (found.flags or ())

    def _not_found(self, base: _Table, by: _Search) -> tuple[int, int, int]:
        """Return how many rows the index does not find by their value, how many were searched, and how many were not.

        The index may leave those out.
        """
        if by.column in base.static:
            base = replace(base, key=base.partition_key)
        where = " AND ".join(f"{quote(name)} = ?" for name in base.key)
        search = self._raw.prepare(f"SELECT {quote(base.key[0])} FROM {base.text} WHERE {where} AND {by.relation}")
        again = self._lookup(base, (*base.key, by.column))

        def finds(row: Row) -> bool:
            searched = by.values(row[-1])
            return searched is None or bool(self._raw.rows(search, [*row[:-1], *searched]))

        having = [row for row in self._sample(base, (*base.key, by.column)) if row[-1] is not None]
        rows = [row for row in having if by.values(row[-1]) is not None]
        lacking = [row for row in rows if not finds(row)]
        for _ in range(_ATTEMPTS):
            if not lacking:
                break
            self.wait(_AGAIN_SECONDS)
            present = [found for row in lacking for found in self._raw.rows(again, row[:-1])]
            lacking = [row for row in present if not finds(row)]
        return len(lacking), len(rows), len(having) - len(rows)


def _is_nameless(table: _Table, row: Mapping[str, bytes | None]) -> bool:
    """Return whether a row's partition key is one empty value: a view can have such a row, and CQL cannot name it."""
    return len(table.partition_key) == 1 and row[table.partition_key[0]] == b""


_RELATIONS = {
    "": "{} = ?",
    "values": "{} CONTAINS ?",
    "keys": "{} CONTAINS KEY ?",
    "entries": "{}[?] = ?",
    "full": "{} = ?",
}


def _column(index: Any) -> str:
    return target(str(index.options.get("target", "")))[0]


def target(text: str) -> tuple[str, str]:
    """Return column and kind of an index target, such as `values(l)`, `"Odd"` or `name`."""
    kind, bracket, rest = text.partition("(")
    if not bracket or kind not in _RELATIONS:
        kind, rest = "", text
    name = rest[:-1] if kind else rest
    return (name[1:-1].replace('""', '"') if name.startswith('"') else name), kind


@dataclass(frozen=True)
class _Search:
    """A search by an index: its column, kind and relation.

    `is_custom`: the column has a custom index, which can leave values out.
    """

    column: str
    kind: str
    relation: str
    is_custom: bool
    is_map: bool

    def values(self, value: bytes | None) -> list[bytes] | None:
        """Return the values to search so that a row is found; None if the index may not have the row."""
        if value is None:
            return None
        found = [value] if self.kind in ("", "full") else self._element(first_parts(value))
        if not found or any(len(part) > _LONGEST or (self.is_custom and not part) for part in found):
            return None
        return found

    def _element(self, parts: list[bytes]) -> list[bytes]:
        if self.kind == "entries":
            return parts
        return parts[1:2] if self.kind == "values" and self.is_map else parts[:1]


def condition(where: str) -> str:
    """Return a view's condition, without those that columns of its key have a value."""
    parts: list[list[Word]] = [[]]
    for word in split_words(where):
        if word.says("AND"):
            parts.append([])
        else:
            parts[-1].append(word)
    kept = [part for part in parts if [word.text.upper() for word in part[-3:]] != ["IS", "NOT", "NULL"]]
    # Its own text: a number such as 1.5E-10 is several words.
    return " AND ".join(where[part[0].start : part[-1].end] for part in kept if part)
