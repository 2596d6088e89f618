"""The names of keyspaces and tables that a request is checked against."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class KeySpace:
    """A key space that a request may name; `local`: each node has its own, so that no maintenance is done on it.

    `views` are a backup's materialized views by name, each with its table.
    """

    tables: frozenset[str]
    local: bool = False
    views: Mapping[str, str] = field(default_factory=dict)


Schema = Mapping[str, KeySpace]


def schema_of(answer: Mapping[str, Any]) -> Schema:
    """The cluster's key spaces, from a node's answer to the question `schema`."""
    return {
        name: KeySpace(frozenset(found.get("tables", ())), bool(found.get("local")))
        for name, found in answer.get("key_spaces", {}).items()
    }


def schema_in(backup: Mapping[str, Any]) -> Schema:
    """A backup's key spaces, from a node's answer to the question `backup`."""
    views = backup.get("views", {})
    return {
        name: KeySpace(frozenset(tables), views=dict(views.get(name, {})))
        for name, tables in backup.get("key_spaces", {}).items()
    }


def table_names(schema: Schema, key_spaces: Collection[str]) -> frozenset[str]:
    """Return the names of all tables of these key spaces, and their full names: `keyspace.table`."""
    return frozenset(
        name for space in key_spaces for table in schema[space].tables for name in (table, f"{space}.{table}")
    )


def base_of(schema: Schema, key_spaces: Collection[str], name: str) -> str | None:
    """The table that a materialized view of a backup is built from; None for what is no view."""
    for key_space in key_spaces:
        for view, table in schema[key_space].views.items():
            if name in (view, f"{key_space}.{view}"):
                return f"{key_space}.{table}"
    return None
