"""A schema as values, and the statements that make it. Names are as CQL writes them, quoted where they have to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.restore_model.values import COUNTER, Kind

PARTITION, CLUSTERING, STATIC, REGULAR = "partition", "clustering", "static", "regular"


@dataclass(frozen=True)
class Column:
    """A column; `descending` is for a clustering one, `mask` a masking function."""

    name: str
    kind: Kind
    role: str = REGULAR
    descending: bool = False
    mask: str = ""

    @property
    def definition(self) -> str:
        """Return the column as CREATE TABLE and ALTER TABLE … ADD have it."""
        return f"{self.name} {self.kind.name}{' static' if self.role == STATIC else ''}{self.mask and f' {self.mask}'}"


@dataclass(frozen=True)
class Index:
    """An index; `custom` is its class, if it has one, `target` what of the column it is of."""

    name: str
    column: str
    target: str
    custom: str = ""

    def statement(self, table: str) -> str:
        """Return the statement that makes it."""
        using = f" USING '{self.custom}'" if self.custom else ""
        return f"CREATE {'CUSTOM ' if self.custom else ''}INDEX {self.name} ON {table} ({self.target}){using}"


@dataclass(frozen=True)
class View:
    """A materialized view of all columns: `first` and then the base table's key is its own key."""

    name: str
    first: str


@dataclass(frozen=True)
class Table:
    """A table, its indexes and views."""

    name: str
    columns: tuple[Column, ...]
    options: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    views: tuple[View, ...] = ()

    def role(self, role: str) -> tuple[Column, ...]:
        """Return its columns of that role."""
        return tuple(column for column in self.columns if column.role == role)

    @property
    def is_counter(self) -> bool:
        """Return whether it has counters."""
        return any(column.kind.family == COUNTER for column in self.columns)

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return next(column for column in self.columns if column.name == name)

    def without(self, name: str) -> Table:
        """Without a column."""
        return replace(self, columns=tuple(column for column in self.columns if column.name != name))

    def statements(self, key_space: str) -> Iterator[str]:
        """Return the statements that make it."""
        key = ", ".join(column.name for column in self.role(PARTITION))
        clustering = self.role(CLUSTERING)
        whole = ", ".join([f"({key})", *(column.name for column in clustering)])
        orders = ", ".join(f"{column.name} {'DESC' if column.descending else 'ASC'}" for column in clustering)
        options = [*([f"CLUSTERING ORDER BY ({orders})"] if clustering else []), *self.options]
        columns = ", ".join(column.definition for column in self.columns)
        having = f" WITH {' AND '.join(options)}" if options else ""
        yield f"CREATE TABLE {key_space}.{self.name} ({columns}, PRIMARY KEY ({whole})){having}"
        yield from (index.statement(f"{key_space}.{self.name}") for index in self.indexes)
        yield from (self.view_statement(key_space, view) for view in self.views)

    def view_statement(self, key_space: str, view: View) -> str:
        """Return the statement that makes one of its views."""
        base = [column.name for column in self.columns if column.role in (PARTITION, CLUSTERING)]
        keys = [view.first, *base]
        where = " AND ".join(f"{name} IS NOT NULL" for name in keys)
        return (
            f"CREATE MATERIALIZED VIEW {key_space}.{view.name} AS SELECT * FROM {key_space}.{self.name}"
            f" WHERE {where} PRIMARY KEY ({', '.join(keys)})"
        )


@dataclass(frozen=True)
class KeySpace:
    """A keyspace with its user types, a function perhaps, and tables, of which there may be none."""

    name: str
    replicas: int
    types: tuple[Kind, ...] = ()
    function: bool = False
    tables: tuple[Table, ...] = ()

    def statements(self) -> Iterator[str]:
        """Return the statements that make it."""
        yield (
            f"CREATE KEYSPACE {self.name} WITH replication ="
            f" {{'class': 'NetworkTopologyStrategy', 'replication_factor': {self.replicas}}}"
        )
        for kind in self.types:
            fields = ", ".join(
                f"{name} {part.name}" for name, part in zip(kind.fields, kind.parts, strict=True)
            )  # fmt: skip
            yield f"CREATE TYPE {self.name}.{kind.name} ({fields})"
        if self.function:
            yield (
                f"CREATE FUNCTION {self.name}.twice (n int) RETURNS NULL ON NULL INPUT RETURNS int"
                " LANGUAGE java AS 'return n * 2;'"
            )
        for table in self.tables:
            yield from table.statements(self.name)
