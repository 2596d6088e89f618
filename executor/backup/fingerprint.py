"""What the schema is as far as a backup's data depend on it, in a few letters for each table: its id, columns, dropped
columns, indexes and view; and for each key space its replication and types. Options of tables are left out: they may
change at any time. Read from the tables of the node that is asked, whatever others have.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cassandra.cluster import Session

# Beyond so many tables their key spaces alone are told apart: a job's result has to fit into a record of ZooKeeper.
MOST_TABLES = 3000
_DIGITS = 16
_KEY_SPACES = "SELECT keyspace_name, replication FROM system_schema.keyspaces"
_OF_KEY_SPACES = ("SELECT keyspace_name, type_name, field_names, field_types FROM system_schema.types",)
_TABLES = "SELECT keyspace_name, table_name, id FROM system_schema.tables"
_VIEWS = (
    "SELECT keyspace_name, view_name AS table_name, id, base_table_name, where_clause, include_all_columns"
    " FROM system_schema.views"
)
_OF_TABLES = (
    "SELECT keyspace_name, table_name, column_name, kind, position, clustering_order, type FROM system_schema.columns",
    # As a number: a drop may be as of a time that is no date of Python's, as that of Cassandra's own thrift_version is.
    "SELECT keyspace_name, table_name, column_name, toUnixTimestamp(dropped_time) AS dropped_time, kind, type"
    " FROM system_schema.dropped_columns",
    "SELECT keyspace_name, table_name, index_name, kind, options FROM system_schema.indexes",
)


def take(session: Session, key_spaces: Collection[str]) -> dict[str, str]:
    """Of these key spaces, by `key space` and `key space.table` (views too). Raises what the driver raises."""
    parts: dict[str, list[str]] = defaultdict(list)
    for query in (_KEY_SPACES, *_OF_KEY_SPACES):
        for row in _rows(session, query, key_spaces):
            parts[row["keyspace_name"]].append(_text(row))
    tables: set[str] = set()
    for query in (_TABLES, _VIEWS):
        for row in _rows(session, query, key_spaces):
            name = f"{row['keyspace_name']}.{row['table_name']}"
            tables.add(name)
            parts[name].append(_text(row))
    for query in _OF_TABLES:
        for row in _rows(session, query, key_spaces):
            # A table that was made since the tables were read is taken for none yet.
            if (name := f"{row['keyspace_name']}.{row['table_name']}") in tables:
                parts[name].append(_text(row))
    return {name: _digest(found) for name, found in parts.items()}


def short(found: Mapping[str, str]) -> dict[str, str]:
    """The same, by key spaces alone if there are very many tables."""
    if len(found) <= MOST_TABLES:
        return dict(found)
    by_key_space: dict[str, list[str]] = defaultdict(list)
    for name, digest in found.items():
        by_key_space[name.partition(".")[0]].append(f"{name}:{digest}")
    return {name: _digest(parts) for name, parts in by_key_space.items()}


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[list[str], list[str], list[str]]:
    """The names that differ, those that are new and those that have gone, each sorted."""
    differ = sorted(name for name in before.keys() & after.keys() if before[name] != after[name])
    return differ, sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())


def _rows(session: Session, query: str, key_spaces: Collection[str]) -> Iterable[dict[str, Any]]:
    for row in session.execute(query):
        found = dict(row._asdict())
        if found["keyspace_name"] in key_spaces:
            yield found


def _text(row: Mapping[str, Any]) -> str:
    plain = {name: sorted(value.items()) if isinstance(value, Mapping) else value for name, value in row.items()}
    return repr(sorted((name, str(value)) for name, value in plain.items()))


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:_DIGITS]
