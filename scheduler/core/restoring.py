"""Which node of the cluster looks after which node of a backup: pure, and the same however often it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

IMPORT = "import"
STREAM = "stream"
_SENTENCES = 3


@dataclass(frozen=True)
class Loading:
    """How a backup gets back. `sources` has every node of the operation, with the backup's nodes that it loads.

    IMPORT: each node takes the files of the node that had its tokens as they are. STREAM: each node sends what it was
    given to the owners of the ranges.
    """

    mode: str
    sources: Mapping[str, tuple[str, ...]]


def plan(checks: Mapping[str, Mapping[str, Any]], backup_nodes: Sequence[str], nodes: Sequence[str]) -> Loading:
    """From what the check found on each node (`same_as`: the backup's node that had its tokens, or None).

    IMPORT only if every node has exactly one counterpart and the other way round; names do not matter. Else each of
    the backup's nodes goes to exactly one node: to the one with its tokens, if there is one, to keep some of the data
    where it is, and else to one that has the fewest.
    """
    claims = {node: str(checks.get(node, {}).get("same_as")) for node in nodes}
    same = {node: source for node, source in claims.items() if source in backup_nodes}
    if len(same) == len(nodes) == len(backup_nodes) and set(same.values()) == set(backup_nodes):
        return Loading(IMPORT, {node: (source,) for node, source in same.items()})
    return Loading(STREAM, _spread(backup_nodes, nodes, {source: node for node, source in same.items()}))


def share(backup_nodes: Sequence[str], nodes: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """The backup's nodes spread evenly over the nodes of an operation, each given once."""
    return _spread(backup_nodes, nodes, {})


def gather(results: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What all nodes found of the rows that they compared, by table: the `samples` of their results put together.

    Numbers are added, also those by name; a truth holds if it does on any node; of sentences a few are kept.
    """
    tables: dict[str, dict[str, Any]] = {}
    for result in results:
        for table, found in result.get("samples", {}).items():
            own = tables.setdefault(table, {})
            for name, value in found.items():
                own[name] = _added(own[name], value) if name in own else value
    return tables


def _added(one: Any, other: Any) -> Any:
    match one, other:
        case bool(), bool():
            return one or other
        case ((int() | float()), (int() | float())):
            return one + other
        case dict(), dict():
            return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
        case list(), list():
            return list(dict.fromkeys([*one, *other]))[:_SENTENCES]
    return one


def _spread(
    backup_nodes: Iterable[str], nodes: Sequence[str], favoured: Mapping[str, str]
) -> Mapping[str, tuple[str, ...]]:
    given: dict[str, list[str]] = {node: [] for node in sorted(nodes, key=_natural)}
    for source in sorted(backup_nodes, key=lambda name: (name not in favoured, _natural(name))):
        node = favoured.get(source) or min(given, key=lambda name: len(given[name]))
        given[node].append(source)
    return {node: tuple(given[node]) for node in nodes}


def _natural(name: str) -> list[tuple[int, str]]:
    """node-2 before node-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
