"""The cluster's description of itself: DDL, table ids, ring, rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from cassandra.cluster import Session

from executor.backup.format.manifest import KeySpace, RingMember, Table
from executor.cql import row_count
from executor.cql.names import TableName
from executor.cql.session import CQL_ERRORS, words
from executor.cql.tokenizer import quote
from executor.jmx.jolokia import Attribute, Jolokia
from executor.jobs.context import JobError
from executor.key_spaces import CASSANDRAS_KEY_SPACES
from executor.number_text import parse_whole

_LOG = logging.getLogger(__name__)
# Bytes on one node. A larger table is only counted if the request orders it: a count reads every row.
COUNTED_BYTES = 256 * 1024**2
_ASK_SECONDS = 15.0
# A row's assumed size in bytes, since it is not known.
_ROW_BYTES = 1024


@dataclass(frozen=True)
class Counting:
    """The rule for counting rows: all tables (True), none (False), or the small ones (None)."""

    wanted: bool | None
    jolokia: Jolokia

    def size(self, table: TableName) -> int:
        """Return the table's bytes on this node. Raises JolokiaError."""
        name = "org.apache.cassandra.metrics:type=Table,keyspace={},scope={},name=LiveDiskSpaceUsed"
        attribute = Attribute(name.format(table.key_space, table.table), "Count")
        return int(self.jolokia.read([attribute], _ASK_SECONDS).get(attribute) or 0)


def key_spaces(session: Session, names: Iterable[str], left_out: Collection[str] = ()) -> tuple[KeySpace, ...]:
    """Return the statements that create these keyspaces.

    Args:
        session: The connection to one node.
        names: The keyspaces.
        left_out: The tables (`keyspace.table`) to leave out.
    """
    indexes = {
        f"{row.keyspace_name}.{row.index_name}"
        for row in session.execute("SELECT keyspace_name, table_name, index_name FROM system_schema.indexes")
        if f"{row.keyspace_name}.{row.table_name}" in left_out
    }
    omitted = {("table", name) for name in left_out} | {("materialized_view", name) for name in left_out}
    omitted |= {("index", name) for name in indexes}
    return tuple(
        KeySpace(name, name in CASSANDRAS_KEY_SPACES, _statements(session, name, omitted)) for name in sorted(names)
    )


def _statements(session: Session, key_space: str, omitted: Collection[tuple[str, str]]) -> tuple[str, ...]:
    rows = session.execute(f"DESCRIBE KEYSPACE {quote(key_space)} WITH INTERNALS")
    return tuple(
        str(row.create_statement)
        for row in rows
        if (str(row.type), f"{key_space}.{str(row.name).strip(chr(34))}") not in omitted
    )


def table_ids(session: Session) -> Mapping[TableName, str]:
    """Return the ids of all tables, without views."""
    rows = session.execute("SELECT keyspace_name, table_name, id FROM system_schema.tables").all()
    return {TableName(row.keyspace_name, row.table_name): str(row.id) for row in rows}


def views(session: Session) -> Mapping[TableName, TableName]:
    """Return all materialized views, each with its table, from which a restore builds it."""
    rows = session.execute("SELECT keyspace_name, view_name, base_table_name FROM system_schema.views")
    return {
        TableName(row.keyspace_name, row.view_name): TableName(row.keyspace_name, row.base_table_name) for row in rows
    }


def ring(session: Session) -> tuple[RingMember, ...]:
    """Return all members of the ring, of all data centers."""
    columns = "host_id, data_center, rack, tokens"
    own = session.execute(f"SELECT broadcast_address AS address, {columns} FROM system.local").all()
    peers = session.execute(f"SELECT peer AS address, {columns} FROM system.peers_v2").all()
    members = [
        RingMember(
            host_id=str(row.host_id),
            address=str(row.address),
            data_center=str(row.data_center),
            rack=str(row.rack),
            tokens=tuple(sorted(row.tokens or (), key=_numerically)),
        )
        for row in [*own, *peers]
        if row.host_id is not None
    ]
    return tuple(sorted(members, key=lambda member: (member.data_center, member.rack, member.host_id)))


def _numerically(token: str) -> tuple[int, str]:
    try:
        return parse_whole(token), ""
    except ValueError:
        return 0, token


def tables(
    session: Session,
    ids: Mapping[TableName, str],
    count: Counting,
    tell: Callable[[str], None],
) -> tuple[tuple[Table, ...], Mapping[str, str]]:
    """Return tables with their ids and, if `count` wants it, their rows at the session's consistency.

    The second value has the reason for each table that was to be counted and cannot be. If only small tables are
    counted, the log alone has it.

    Raises:
        JobError: The request orders a count, and a later attempt can succeed.
        JolokiaError: Cassandra does not answer.
    """
    found, uncounted = [], dict[str, str]()
    for name, table_id in sorted(ids.items()):
        tell(f"counting {name}")
        rows = None
        if name.key_space not in CASSANDRAS_KEY_SPACES:
            try:
                rows = _rows(session, name, count, lambda: tell(f"counting {name}"))  # noqa: B023
            except CQL_ERRORS as error:
                why = _not_counted(session, name, count, error)
                if count.wanted:
                    uncounted[str(name)] = why
        found.append(Table(name.key_space, name.table, table_id, rows))
    return tuple(found), uncounted


def _rows(session: Session, name: TableName, count: Counting, check: Callable[[], None]) -> int | None:
    if count.wanted is False:
        return None
    size = count.size(name)
    if count.wanted is None and size > COUNTED_BYTES:
        return None
    return row_count.count(session, row_count.Table(name, size, _ROW_BYTES), check)


def _not_counted(session: Session, name: TableName, count: Counting, error: Exception) -> str:
    """Return the reason why a table cannot be counted. Raises JobError if a count is ordered and can succeed later."""
    if count.wanted and row_count.is_passing(session, error):
        raise JobError("count", f"{name}: {words(error)}; make the backup without count_rows") from error
    why = row_count.why_not(session, error)
    _LOG.warning("rows of %s not counted: %s", name, why)
    return why
