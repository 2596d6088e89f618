"""The live schema as this node's Cassandra has it: names only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, JolokiaError
from executor.jobs.context import NodeFacts

_KEYSPACES = Attribute(STORAGE_SERVICE, "Keyspaces")
_NON_LOCAL = Attribute(STORAGE_SERVICE, "NonLocalStrategyKeyspaces")
_SECONDS = 15.0


def read_schema(node: NodeFacts, _content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `{"key_spaces": {name: {"local": bool, "tables": [names]}}}`. Raises JolokiaError."""
    local = key_spaces(node.jolokia)
    return {
        "key_spaces": {name: {"local": local[name], "tables": tables(node.jolokia, name)} for name in sorted(local)}
    }


def key_spaces(jolokia: Jolokia) -> dict[str, bool]:
    """Return every keyspace except virtual ones, with whether it is node-local. Raises JolokiaError."""
    values = jolokia.read([_KEYSPACES, _NON_LOCAL], _SECONDS)
    # Without one of the lists there would seem to be nothing to do, and nothing in the way.
    shared = frozenset(_names(values.get(_NON_LOCAL), "which keyspaces have replicas"))
    every = _names(values.get(_KEYSPACES), "its keyspaces")
    if not shared or not every:  # system_auth is one of both
        raise JolokiaError("Cassandra does not report any keyspaces")
    return {name: name not in shared for name in every}


def tables(jolokia: Jolokia, key_space: str) -> list[str]:
    """Return the tables of a keyspace, sorted. Raises JolokiaError."""
    found = jolokia.execute(STORAGE_SERVICE, "getTablesForKeyspace", [key_space], _SECONDS)
    return sorted(_names(found, f"the tables of {key_space}"))


def _names(found: Any, what: str) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise JolokiaError(f"Cassandra does not report {what}")
    return found


def is_meant(key_space: str, table: str, column_families: Collection[str]) -> bool:
    """Return whether a list of column families includes this table.

    An entry is `table`, in any keyspace, or `keyspace.table`; an empty list includes all. A table's name has no dot.
    """
    return not column_families or table in column_families or f"{key_space}.{table}" in column_families


def unknown(column_families: Iterable[str], found: Collection[tuple[str, str]]) -> list[str]:
    """Return the entries of a list of column families that match none of these tables, sorted."""
    names = {name for key_space, table in found for name in (table, f"{key_space}.{table}")}
    return sorted(set(column_families) - names)
