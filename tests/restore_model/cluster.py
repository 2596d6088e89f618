"""A real cluster as a story compares it: rows, answers of views and indexes, the schema's own description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cassandra import InvalidRequest, ReadFailure
from cassandra.cluster import Session

from tests.restore_model.events import Ref, full
from tests.restore_model.model import Expectation, Model
from tests.restore_model.schema import Index
from tests.restore_model.table_model import TableModel
from tests.restore_model.values import MAP, POOLS, Kind, canonical, strip
from tests.waiting import NotInTimeError, wait_for

Rows = list[str]
Described = Mapping[tuple[str, str, str], str]
# Views and some indexes are filled in the background.
_BUILT_SECONDS = 15.0


def problems(session: Session, model: Model) -> dict[Ref, str]:
    """Return a sentence for each table that differs from the model."""
    found = {}
    for ref in model.refs():
        table = model.table(ref)
        if table is not None and not table.unknown and (text := _problem(session, ref, table)):
            found[ref] = text
    return found


def _problem(session: Session, ref: Ref, table: TableModel) -> str:
    wanted = table.read()
    try:
        there = _read(session, full(ref), table)
        if there != (rows := _sorted(wanted)):
            return f"rows differ: {_difference(rows, there)}"
        for view, first in _views(session, ref):
            rows = _sorted([row for row in wanted if row[first] is not None])
            if not _becomes(session, f'{ref[0]}."{view}"', table, "", rows):
                there = _read(session, f'{ref[0]}."{view}"', table)
                return f"the view {view} differs from its table: {_difference(rows, there)}"
        for index in table.table.indexes:
            for where, rows in _questions(table, index, wanted):
                if _has(session, ref, index) and not _becomes(session, full(ref), table, where, rows):
                    there = _read(session, full(ref), table, where)
                    return f"by the index {index.name}{where}: {_difference(rows, there)}"
    except (InvalidRequest, ReadFailure) as error:
        return f"it cannot be read: {error}"
    return ""


def _read(session: Session, name: str, table: TableModel, where: str = "") -> Rows:
    kinds = {strip(column.name): column.kind for column in table.table.columns}
    found = []
    for (text,) in session.execute(f"SELECT JSON * FROM {name}{where}"):
        row = {strip(column): value for column, value in json.loads(text).items()}
        found.append({name: canonical(kinds[name], value) if name in kinds else value for name, value in row.items()})
    return _sorted(found)


def _sorted(rows: list[dict[str, Any]]) -> Rows:
    return sorted(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)


def _difference(wanted: Rows, there: Rows) -> str:
    missing = [row for row in wanted if row not in there]
    extra = [row for row in there if row not in wanted]
    parts = [f"missing {row}" for row in missing[:3]] + [f"not expected {row}" for row in extra[:3]]
    return f"{len(missing)} missing, {len(extra)} not expected of {len(wanted)}\n    " + "\n    ".join(parts)


def _becomes(session: Session, name: str, table: TableModel, where: str, rows: Rows) -> bool:
    try:
        wait_for(name, lambda: _read(session, name, table, where) == rows, _BUILT_SECONDS)
    except NotInTimeError:
        return False
    return True


def _views(session: Session, ref: Ref) -> Iterator[tuple[str, str]]:
    """Return its views, each with the first column of their key."""
    names = session.execute(
        "SELECT view_name, base_table_name FROM system_schema.views WHERE keyspace_name = %s", [strip(ref[0])]
    )
    for name in [row.view_name for row in names if row.base_table_name == strip(ref[1])]:
        columns = session.execute(
            "SELECT column_name, kind, position FROM system_schema.columns"
            " WHERE keyspace_name = %s AND table_name = %s",
            [strip(ref[0]), name],
        )
        yield name, next(row.column_name for row in columns if row.kind == "partition_key" and row.position == 0)


def _has(session: Session, ref: Ref, index: Index) -> bool:
    names = session.execute(
        "SELECT index_name FROM system_schema.indexes WHERE keyspace_name = %s AND table_name = %s",
        [strip(ref[0]), strip(ref[1])],
    )
    return strip(index.name) in [row.index_name for row in names]


def _questions(table: TableModel, index: Index, rows: list[dict[str, Any]]) -> Iterator[tuple[str, Rows]]:
    """Return each value that the index knows, as a WHERE, and the rows that it must find."""
    kind = table.table.column(index.column).kind
    name = strip(index.column)
    if not kind.cells:
        for value in {row[name] for row in rows} - {None}:
            yield f" WHERE {index.column} = {_literal(kind, value)}", _sorted([r for r in rows if r[name] == value])
        return
    keys = index.target.startswith("keys")
    part = kind.parts[0] if keys or kind.family != MAP else kind.parts[1]
    if part.name not in POOLS:
        return
    for value in POOLS[part.name]:

        def holds(row: dict[str, Any], wanted: Any = value.json) -> bool:
            there = row[name] or ()
            if isinstance(there, dict):
                there = list(there) if keys else list(there.values())
                wanted = wanted if isinstance(wanted, str) or not keys else json.dumps(wanted)
            return wanted in there

        how = "CONTAINS KEY" if keys else "CONTAINS"
        yield f" WHERE {index.column} {how} {value.cql}", _sorted([row for row in rows if holds(row)])


def _literal(kind: Kind, value: Any) -> str:
    return next(item.cql for item in POOLS[kind.name] if item.json == value)


def describe(session: Session, names: list[str]) -> Described:
    """Return Cassandra's description of these keyspaces, as far as they exist: one statement each, without ids."""
    found = {}
    for name in names:
        try:
            rows = session.execute(f"DESCRIBE KEYSPACE {name} WITH INTERNALS")
            for row in rows:
                text = re.sub(r"\bID = [0-9a-f-]+\s+AND ", "", row.create_statement)
                found[str(row.keyspace_name), str(row.type), str(row.name)] = text
        except InvalidRequest:
            continue
    return found


def schema_problems(before: Described, now: Described, expected: Expectation) -> list[str]:
    """Return a sentence for each table restored under its own name whose description differs from the backup's."""
    found = []
    for ref in sorted(expected.made):
        key = (strip(ref[0]), "table", strip(ref[1]))
        names = {name: (before.get(name), now.get(name)) for name in (key, (key[0], key[1], f'"{key[2]}"'))}
        found += [
            f"{full(ref)} was made otherwise than it was:\n  {old}\n  now:\n  {new}"
            for old, new in names.values()
            if old is not None and old != new
        ]
    return found
