"""The replication of keyspaces in the backup and here: files alone reach no replica that the backup did not have."""

from __future__ import annotations

from collections.abc import Iterable

from cassandra.cluster import Session

from executor.cql.ddl import KEY_SPACE, Element
from executor.restore.schema import live
from executor.restore.schema.plan import replication_map
from executor.restore.schema.selection import Selection


def replicated_otherwise(session: Session, stored: Iterable[Element], selection: Selection) -> frozenset[str]:
    """Return the target keyspaces that have another replication here than in the backup.

    Args:
        session: The connection to one node.
        stored: The backup's elements.
        selection: The selected tables.

    Raises:
        DriverException: As the driver raises it.
    """
    before = {element.key_space: replication_map(element.text) for element in stored if element.kind == KEY_SPACE}
    pairs = {(old.key_space, new.key_space) for old, new in selection.targets.items()}
    return frozenset(new for old, new in pairs if before.get(old) not in _here(session, new))


def _here(session: Session, key_space: str) -> list[dict[str, str]]:
    """Return the replication of a keyspace; nothing if it was dropped meanwhile."""
    found = live.describe_now(session, key_space)
    return [replication_map(element.text) for element in found if element.kind == KEY_SPACE]
