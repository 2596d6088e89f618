"""Which node of this cluster loads which nodes of a backup, and how: pure, from what the nodes found out.

When every node has exactly the tokens of one node of the backup, each imports the files of its twin. Otherwise every
node of the backup is given to one node here, which streams its data to whoever owns it now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class LoadPlan:
    """`sources`: for each node of this cluster, the nodes of the backup whose data it loads; may be none."""

    mode: Literal["import", "stream"]
    sources: Mapping[str, tuple[str, ...]]


def share(backup_nodes: Sequence[str], nodes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Every node of the backup given to exactly one node here, spread evenly."""
    return {name: tuple(backup_nodes[index :: len(nodes)]) for index, name in enumerate(nodes)}


def plan(checks: Mapping[str, Mapping[str, Any]], backup_nodes: Sequence[str], nodes: Sequence[str]) -> LoadPlan:
    """From the results of the Check steps (`same_as`: the backup's node with this node's tokens, or None)."""
    twins = {name: checks.get(name, {}).get("same_as") for name in nodes}
    if (
        sorted(twin for twin in twins.values() if twin is not None) == sorted(backup_nodes)
        and None not in twins.values()
    ):
        return LoadPlan("import", {name: (str(twin),) for name, twin in twins.items()})
    return LoadPlan("stream", share(backup_nodes, nodes))
