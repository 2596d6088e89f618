"""Which node of the cluster looks after which node of a backup: pure, and the same however often it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

IMPORT = "import"
STREAM = "stream"


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
