"""Keyspaces and tables of a cluster or a backup, in which the names of a request are looked up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class KeySpace:
    """A keyspace that a request may name. A `local` one is separate on each node, so it has no maintenance.

    `views` are a backup's materialized views by name, each with its table.
    """

    tables: frozenset[str]
    local: bool = False
    views: Mapping[str, str] = field(default_factory=dict)


Schema = Mapping[str, KeySpace]


def schema_of(answer: Mapping[str, Any]) -> Schema:
    """Return the cluster's keyspaces, from a node's answer to the question `schema`."""
    return {
        name: KeySpace(frozenset(found.get("tables", ())), bool(found.get("local")))
        for name, found in answer.get("key_spaces", {}).items()
    }


def schema_in(backup: Mapping[str, Any]) -> Schema:
    """Return a backup's keyspaces, from a node's answer to the question `backup`."""
    views = backup.get("views", {})
    return {
        name: KeySpace(frozenset(tables), views=dict(views.get(name, {})))
        for name, tables in backup.get("key_spaces", {}).items()
    }


def table_names(schema: Schema, key_spaces: Collection[str]) -> frozenset[str]:
    """Return the names of all tables of these keyspaces, and their full names: `keyspace.table`."""
    return frozenset(
        name for space in key_spaces for table in schema[space].tables for name in (table, f"{space}.{table}")
    )


def base_of(schema: Schema, key_spaces: Collection[str], name: str) -> str | None:
    """Return the table of a materialized view of a backup; None if no view has this name."""
    for key_space in key_spaces:
        for view, table in schema[key_space].views.items():
            if name in (view, f"{key_space}.{view}"):
                return f"{key_space}.{table}"
    return None
