"""The events of a cluster: each is a value that knows its statement of CQL, or its call of the API."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from tests.restore_model.schema import Column, Index, KeySpace, Table, View
from tests.restore_model.values import UDT, Kind, Value, literal, strip

Named = tuple[str, Value]
Ref = tuple[str, str]
SHORT_TTL_SECONDS = 2
LONG_TTL_SECONDS = 400_000
VALUE, WHOLE, ADD, FIELD = "value", "whole", "add", "field"
CELL, ELEMENT, ROW, RANGE, PARTITION = "cell", "element", "row", "range", "partition"


def full(ref: Ref) -> str:
    """Return keyspace and table as CQL writes them."""
    return ".".join(ref)


def _where(named: tuple[Named, ...]) -> str:
    return " AND ".join(f"{name} = {value.cql}" for name, value in named)


@dataclass(frozen=True)
class Assignment:
    """A column and what it gets: a value, null, all its elements anew, more elements, or a field."""

    column: str
    kind: Kind
    how: str
    value: Value | None = None
    elements: tuple[tuple[Value, Value], ...] = ()

    @property
    def cql(self) -> str:
        """Return its right side in an INSERT."""
        if self.how == VALUE:
            return "null" if self.value is None else self.value.cql
        return literal(self.kind, self.elements) if self.elements else "null"

    @property
    def update(self) -> str:
        """Return the whole of it in an UPDATE."""
        if self.how == FIELD:
            path, value = self.elements[0]
            return f"{self.column}.{path.cql} = {value.cql}"
        return f"{self.column} = {f'{self.column} + ' if self.how == ADD else ''}{self.cql}"


class Statement(ABC):
    """An event that has a text."""

    @property
    @abstractmethod
    def cql(self) -> str:
        """Return its statements of CQL, or its call of the API as a line of a script."""


@dataclass(frozen=True)
class TableStatement(Statement):
    """A statement about one table."""

    table: Ref

    @property
    def name(self) -> str:
        """Return keyspace and table as CQL writes them."""
        return full(self.table)


@dataclass(frozen=True)
class Write(TableStatement):
    """An INSERT or an UPDATE of a row, or of the static columns of a partition where `row` is None."""

    key: tuple[Named, ...]
    row: tuple[Named, ...] | None
    insert: bool
    sets: tuple[Assignment, ...]
    timestamp: int | None = None
    ttl: int = 0

    @property
    def cql(self) -> str:
        named = self.key + (self.row or ())
        using = [f"TIMESTAMP {self.timestamp}"] if self.timestamp is not None else []
        using += [f"TTL {self.ttl}"] if self.ttl else []
        how = f" USING {' AND '.join(using)}" if using else ""
        if self.insert:
            names = ", ".join([name for name, _ in named] + [item.column for item in self.sets])
            given = ", ".join([value.cql for _, value in named] + [item.cql for item in self.sets])
            return f"INSERT INTO {self.name} ({names}) VALUES ({given}){how}"
        sets = ", ".join(item.update for item in self.sets)
        return f"UPDATE {self.name}{how} SET {sets} WHERE {_where(named)}"


@dataclass(frozen=True)
class Delete(TableStatement):
    """A deletion of one of the five kinds. A range is of the first clustering column, `low` in and `high` out of it."""

    what: str
    key: tuple[Named, ...]
    row: tuple[Named, ...] | None = None
    column: str = ""
    path: Value | None = None
    low: Named | None = None
    high: Named | None = None
    timestamp: int | None = None
    kind: Kind | None = None

    @property
    def cql(self) -> str:
        column = f" {self.column}" if self.column else ""
        if self.path is not None and self.kind is not None:
            column += f".{self.path.cql}" if self.kind.family == UDT else f"[{self.path.cql}]"
        using = f" USING TIMESTAMP {self.timestamp}" if self.timestamp is not None else ""
        where = _where(self.key + (self.row or ()))
        where += f" AND {self.low[0]} >= {self.low[1].cql}" if self.low else ""
        where += f" AND {self.high[0]} < {self.high[1].cql}" if self.high else ""
        return f"DELETE{column} FROM {self.name}{using} WHERE {where}"


@dataclass(frozen=True)
class Count(TableStatement):
    """A counter goes up or down."""

    key: tuple[Named, ...]
    row: tuple[Named, ...]
    column: str
    amount: int

    @property
    def cql(self) -> str:
        return (
            f"UPDATE {self.name} SET {self.column} = {self.column} + {self.amount} WHERE {_where(self.key + self.row)}"
        )


@dataclass(frozen=True)
class AddColumn(TableStatement):
    """ALTER TABLE … ADD."""

    column: Column

    @property
    def cql(self) -> str:
        return f"ALTER TABLE {self.name} ADD {self.column.definition}"


@dataclass(frozen=True)
class DropColumn(TableStatement):
    """ALTER TABLE … DROP."""

    column: str
    timestamp: int | None = None

    @property
    def cql(self) -> str:
        using = f" USING TIMESTAMP {self.timestamp}" if self.timestamp is not None else ""
        return f"ALTER TABLE {self.name} DROP {self.column}{using}"


@dataclass(frozen=True)
class RenameColumn(TableStatement):
    """ALTER TABLE … RENAME, which takes columns of the key."""

    old: str
    new: str

    @property
    def cql(self) -> str:
        return f"ALTER TABLE {self.name} RENAME {self.old} TO {self.new}"


@dataclass(frozen=True)
class Truncate(TableStatement):
    """TRUNCATE."""

    @property
    def cql(self) -> str:
        return f"TRUNCATE {self.name}"


@dataclass(frozen=True)
class DropTable(TableStatement):
    """DROP TABLE; its views have to be gone."""

    @property
    def cql(self) -> str:
        return f"DROP TABLE {self.name}"


@dataclass(frozen=True)
class MakeTable(Statement):
    """CREATE TABLE, with its indexes and views."""

    key_space: str
    made: Table

    @property
    def table(self) -> Ref:
        """Return the table's name."""
        return self.key_space, self.made.name

    @property
    def cql(self) -> str:
        return ";\n".join(self.made.statements(self.key_space))


@dataclass(frozen=True)
class MakeKeySpace(Statement):
    """CREATE KEYSPACE, with all that is in it."""

    made: KeySpace

    @property
    def cql(self) -> str:
        return ";\n".join(self.made.statements())


@dataclass(frozen=True)
class DropKeySpace(Statement):
    """DROP KEYSPACE."""

    key_space: str

    @property
    def cql(self) -> str:
        return f"DROP KEYSPACE IF EXISTS {self.key_space}"


@dataclass(frozen=True)
class DropIndex(TableStatement):
    """DROP INDEX."""

    index: Index

    @property
    def cql(self) -> str:
        return f"DROP INDEX {self.table[0]}.{self.index.name}"


@dataclass(frozen=True)
class MakeIndex(TableStatement):
    """CREATE INDEX."""

    index: Index

    @property
    def cql(self) -> str:
        return self.index.statement(self.name)


@dataclass(frozen=True)
class DropView(TableStatement):
    """DROP MATERIALIZED VIEW."""

    view: View

    @property
    def cql(self) -> str:
        return f"DROP MATERIALIZED VIEW {self.table[0]}.{self.view.name}"


@dataclass(frozen=True)
class Maintain(Statement):
    """`flush` or `compact` of keyspaces on all nodes."""

    kind: str
    key_spaces: tuple[str, ...]

    @property
    def cql(self) -> str:
        return _call(f"{self.kind}/start", {"nodes": ["*"], "key_spaces": [strip(name) for name in self.key_spaces]})


@dataclass(frozen=True)
class Backup(Statement):
    """A backup of keyspaces."""

    name: str
    key_spaces: tuple[str, ...]

    @property
    def body(self) -> dict[str, Any]:
        """Return the body of the request."""
        return {"backup_name": self.name, "key_spaces": [strip(name) for name in self.key_spaces], "count_rows": True}

    @property
    def cql(self) -> str:
        return _call("backup/start", self.body)


@dataclass(frozen=True)
class Restore(Statement):
    """A restore. `tables` are chosen tables, `rename` pairs of keyspaces' or of tables' names."""

    backup: str
    key_spaces: tuple[str, ...] = ()
    tables: tuple[Ref, ...] = ()
    rename: tuple[tuple[Ref, Ref], ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """Return the body of the request; a keyspace is renamed as (name, "")."""
        body: dict[str, Any] = {"backup_name": self.backup}
        if self.key_spaces:
            body["key_spaces"] = [strip(name) for name in self.key_spaces]
        if self.tables:
            body["column_families"] = [_api(ref) for ref in self.tables]
        if self.rename:
            body["rename"] = {_api(old): _api(new) for old, new in self.rename}
        return body

    @property
    def cql(self) -> str:
        return _call("restore/start", self.body)


def _api(ref: Ref) -> str:
    return ".".join(strip(part) for part in ref if part)


def _call(path: str, body: dict[str, Any]) -> str:
    return f"PUT /v1/{path} {json.dumps(body)}"


OfTable = (
    Write | Delete | Count | AddColumn | DropColumn | RenameColumn | Truncate | DropIndex | MakeIndex | DropView
)  # fmt: skip
OfKeySpace = MakeTable | DropTable | MakeKeySpace | DropKeySpace
Event = OfTable | OfKeySpace | Maintain | Backup
