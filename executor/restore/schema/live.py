"""The schema and the node that a restore changes, as they are now: read by CQL, and the tokens over Jolokia."""

from __future__ import annotations

from cassandra.cluster import Session

from executor.cql.ddl import Element, elements
from executor.cql.tokenizer import quote
from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, JolokiaError
from executor.jobs.context import JobError
from executor.protocol import NEVER_RESTORED
from executor.restore.schema.plan import Existing

_JMX_SECONDS = 30.0
_TOKENS = Attribute(STORAGE_SERVICE, "Tokens")


def existing(session: Session) -> Existing:
    """Return all elements of users' keyspaces and of system_auth, the ids of all tables, and the data centers."""
    names = [row.keyspace_name for row in session.execute("SELECT keyspace_name FROM system_schema.keyspaces")]
    wanted = [name for name in names if name not in NEVER_RESTORED]
    found: list[Element] = []
    for name in wanted:
        found += describe(session, name)
    tables = session.execute("SELECT id FROM system_schema.tables").all()
    views = session.execute("SELECT id FROM system_schema.views").all()
    return Existing(
        tuple(found), frozenset(str(row.id) for row in [*tables, *views]), frozenset(data_centers(session))
    )  # fmt: skip


def describe(session: Session, key_space: str) -> tuple[Element, ...]:
    """Return the elements of one keyspace."""
    rows = session.execute(f"DESCRIBE KEYSPACE {quote(key_space)} WITH INTERNALS")
    return elements(row.create_statement for row in rows)


def data_centers(session: Session) -> set[str]:
    """Return the data centers of all members."""
    rows = session.execute("SELECT data_center FROM system.peers_v2").all()
    rows += session.execute("SELECT data_center FROM system.local").all()
    return {row.data_center for row in rows if row.data_center}


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
