"""The live schema, as this node's Cassandra has it: names only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.jobs.context import NodeFacts
from executor.jolokia import STORAGE_SERVICE, Attribute, Jolokia

_KEYSPACES = Attribute(STORAGE_SERVICE, "Keyspaces")
_NON_LOCAL = Attribute(STORAGE_SERVICE, "NonLocalStrategyKeyspaces")
_SECONDS = 15.0


def read_schema(node: NodeFacts, _content: Mapping[str, Any]) -> Mapping[str, Any]:
    """`{"key_spaces": {name: {"local": bool, "tables": [names]}}}`; raises JolokiaError."""
    local = key_spaces(node.jolokia)
    return {
        "key_spaces": {name: {"local": local[name], "tables": tables(node.jolokia, name)} for name in sorted(local)}
    }


def key_spaces(jolokia: Jolokia) -> dict[str, bool]:
    """Every key space but virtual ones, and whether each node keeps its own; raises JolokiaError."""
    values = jolokia.read([_KEYSPACES, _NON_LOCAL], _SECONDS)
    shared = set(values.get(_NON_LOCAL, ()))
    return {str(name): name not in shared for name in values.get(_KEYSPACES, ())}


def tables(jolokia: Jolokia, key_space: str) -> list[str]:
    """The tables of a key space, sorted; raises JolokiaError."""
    return sorted(jolokia.execute(STORAGE_SERVICE, "getTablesForKeyspace", [key_space], _SECONDS))
