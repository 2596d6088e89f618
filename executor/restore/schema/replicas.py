"""The replication of keyspaces in the backup and here: files alone reach no replica that the backup did not have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from executor.cql.ddl import KEY_SPACE, Element
from executor.cql.names import TableName
from executor.restore.schema.plan import replication_map
from executor.restore.schema.selection import Selection

Replications = Mapping[str, Mapping[str, str]]


def widened(before: Replications, here: Replications, selection: Selection) -> frozenset[str]:
    """Return the target keyspaces that exist with another replication than in the backup: their files are streamed.

    Both replications are by keyspace: those of the backup, and those of the cluster.
    """
    return frozenset(
        new.key_space
        for old, new in selection.targets.items()
        if new.key_space in here and here[new.key_space] != before.get(old.key_space)
    )


@dataclass(frozen=True)
class Spread:
    """The keyspaces' replication, and the number of nodes."""

    replications: Replications
    nodes: int

    def copies(self, key_space: str, instead: Mapping[str, str] | None = None) -> int:
        """Return the number of nodes that have each row of a keyspace, `instead` if there is no such keyspace."""
        return copies(self.replications.get(key_space, instead or {}), self.nodes)


def arriving_bytes(
    before: Spread, here: Spread, selection: Selection, sizes: Mapping[TableName, int]
) -> Mapping[str, int]:
    """Return by target keyspace the bytes that streams leave on each node, if they are spread evenly.

    Rows that get more replicas than in the backup take more space. With fewer replicas they take less after compactions
    alone: their files are streamed from each of the backup's nodes.

    Args:
        before: The backup.
        here: The cluster.
        selection: The selected tables.
        sizes: The bytes of the backup's tables on all of its nodes.
    """
    found: dict[str, float] = {}
    for old, new in selection.targets.items():
        has = here.copies(new.key_space, before.replications.get(old.key_space))
        growth = max(1.0, has / before.copies(old.key_space))
        size = sizes.get(old, 0) * growth / max(1, here.nodes)
        found[new.key_space] = found.get(new.key_space, 0.0) + size
    return {key_space: math.ceil(size) for key_space, size in found.items()}


def copies(replication: Mapping[str, str], nodes: int) -> int:
    """Return the number of nodes that have each row, of so many nodes; transient replicas count in `3/1`, too."""
    numbers = [text.partition("/")[0] for name, text in replication.items() if name != "class"]
    return max(1, min(nodes, sum(int(number) for number in numbers if number.isdecimal())))


def replications(found: Iterable[Element]) -> Replications:
    """Return the replication of the keyspaces among elements."""
    return {element.key_space: replication_map(element.text) for element in found if element.kind == KEY_SPACE}
