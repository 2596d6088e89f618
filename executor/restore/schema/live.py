"""The schema and the node that a restore changes, as they are now: read by CQL, and the tokens over Jolokia."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from uuid import UUID

from cassandra import InvalidRequest
from cassandra.cluster import Session

from executor.cql.ddl import Element, elements
from executor.cql.names import TableName
from executor.cql.tokenizer import quote
from executor.jmx import java_agent
from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, JolokiaError
from executor.jobs.context import JobError
from executor.key_spaces import NEVER_RESTORED
from executor.restore.schema.counters import LiveTable
from executor.restore.schema.plan import Existing

_JMX_SECONDS = 30.0
_TOKENS = Attribute(STORAGE_SERVICE, "Tokens")
_TABLE = "org.apache.cassandra.metrics:type=Table,keyspace={},scope={},name={}"
# The metrics that show whether a table has data on this node: in files, or in memory.
_DATA = ("LiveSSTableCount", "MemtableColumnsCount")
# system.local has for each table that was truncated a position in the commit log, and the time in milliseconds.
_TIME_BYTES = 8


def existing(session: Session, key_spaces: Collection[str]) -> Existing:
    """Return all elements of some keyspaces, the ids of all tables, and the data centers.

    Other keyspaces can be many, and concern no restore into these.
    """
    names = [row.keyspace_name for row in session.execute("SELECT keyspace_name FROM system_schema.keyspaces")]
    wanted = [name for name in names if name in key_spaces and name not in NEVER_RESTORED]
    found = [element for name in wanted for element in describe_now(session, name)]
    tables = session.execute("SELECT id FROM system_schema.tables").all()
    views = session.execute("SELECT id FROM system_schema.views").all()
    return Existing(
        tuple(found), frozenset(str(row.id) for row in [*tables, *views]), frozenset(data_centers(session))
    )  # fmt: skip


def describe(session: Session, key_space: str) -> tuple[Element, ...]:
    """Return the elements of one keyspace."""
    rows = session.execute(f"DESCRIBE KEYSPACE {quote(key_space)} WITH INTERNALS")
    return elements(row.create_statement for row in rows)


def describe_now(session: Session, key_space: str) -> tuple[Element, ...]:
    """Return the elements of one keyspace, none if it does not exist: it can be dropped at any moment."""
    try:
        return describe(session, key_space)
    except InvalidRequest:
        query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s"
        if session.execute(query, (key_space,)).one() is not None:
            raise
        return ()


def data_centers(session: Session) -> set[str]:
    """Return the data centers of all members."""
    rows = session.execute("SELECT data_center FROM system.peers_v2").all()
    rows += session.execute("SELECT data_center FROM system.local").all()
    return {row.data_center for row in rows if row.data_center}


def members(session: Session) -> int:
    """Return the number of nodes in the ring."""
    return 1 + len(session.execute("SELECT peer FROM system.peers_v2").all())


def replications(session: Session) -> Mapping[str, Mapping[str, str]]:
    """Return the replication of each keyspace, in the form in which DESCRIBE has it."""
    rows = session.execute("SELECT keyspace_name, replication FROM system_schema.keyspaces").all()
    return {
        row.keyspace_name: {**row.replication, "class": str(row.replication.get("class", "")).rpartition(".")[2]}
        for row in rows
    }


def version_and_partitioner(session: Session) -> tuple[str, str]:
    """Return the version and the partitioner of this node's Cassandra."""
    row = session.execute("SELECT release_version, partitioner FROM system.local").one()
    return row.release_version, row.partitioner


def tokens(jolokia: Jolokia) -> frozenset[str]:
    """Return this node's tokens. Raises JobError."""
    try:
        found = jolokia.read([_TOKENS], _JMX_SECONDS).get(_TOKENS)
    except JolokiaError as error:
        raise JobError("tokens", str(error)) from error
    if not found:
        raise JobError("tokens", "this node has no tokens: it is no member of the ring; wait until it has joined")
    return frozenset(str(token) for token in found)


def have_data(jolokia: Jolokia, tables: Iterable[TableName], seconds: float) -> Mapping[TableName, bool | None]:
    """Return whether each of these tables has data on this node; None if that cannot be read. Raises JolokiaError."""
    wanted = {
        table: [Attribute(_TABLE.format(table.key_space, table.table, name), "Value") for name in _DATA]
        for table in tables
    }
    values = jolokia.read([item for items in wanted.values() for item in items], seconds) if wanted else {}
    return {
        table: any(values[item] for item in items) if all(item in values for item in items) else None
        for table, items in wanted.items()
    }


def live_tables(
    session: Session, jolokia: Jolokia, wanted: Mapping[TableName, str], since: float
) -> Mapping[TableName, LiveTable]:  # fmt: skip
    """Return those of the tables that exist, as they are on the session's node. Raises CQL_ERRORS, JobError.

    The newest write is asked only of tables with data that were emptied since then (in seconds since 1970), or that
    have another id than the wanted one.
    """
    rows = session.execute("SELECT keyspace_name, table_name, id FROM system_schema.tables").all()
    ids: dict[TableName, UUID] = {TableName(row.keyspace_name, row.table_name): row.id for row in rows}
    names = sorted(ids.keys() & wanted.keys())
    if not names:
        return {}
    emptied = session.execute("SELECT truncated_at FROM system.local").one().truncated_at or {}
    try:
        data = have_data(jolokia, names, _JMX_SECONDS)
        # Where it is not known whether there is data, there may be some.
        found = {
            name: LiveTable(str(ids[name]), data[name] is not False, _moment(emptied.get(ids[name]))) for name in names
        }
        return {
            name: replace(table, newest=_newest(jolokia, name))
            if table.has_data and (_is_since(table, since) or table.id != wanted[name])
            else table
            for name, table in found.items()
        }
    except JolokiaError as error:
        raise JobError("counters", str(error)) from error


def _is_since(table: LiveTable, since: float) -> bool:
    return table.emptied_at is not None and table.emptied_at >= since


def _newest(jolokia: Jolokia, table: TableName) -> float | None:
    try:
        bean = java_agent.attach(jolokia, "TableWrites")
    except java_agent.NoAgentError:  # an older bundle
        return None
    return float(jolokia.execute(bean, "newest", [table.key_space, table.table], _JMX_SECONDS)) / 1e6


def _moment(truncation: bytes | None) -> float | None:
    return None if truncation is None else int.from_bytes(truncation[-_TIME_BYTES:], "big") / 1000
