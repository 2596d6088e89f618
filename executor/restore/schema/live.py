"""The Cassandra that a restore goes into, as it is now: by CQL, and over Jolokia what CQL does not tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cassandra.cluster import Session

from executor.cql import session as cql_session
from executor.cql.tokenizer import quote
from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, JolokiaError
from executor.jobs.context import JobError, NodeFacts
from executor.protocol import NEVER_RESTORED
from executor.restore.schema.plan import Element, Existing, elements

_JMX_SECONDS = 30.0
_TOKENS = Attribute(STORAGE_SERVICE, "Tokens")
_LOGIN = (
    "Cassandra on {} asks its clients for a login, and none was given; give cassandra_username and cassandra_password"
    " of a role that may read, and create what is restored"
)


@contextmanager
def connect(node: NodeFacts, secrets: Mapping[str, str], consistency: int) -> Iterator[Session]:
    """A CQL session with this node alone. Raises JobError when it does not take us."""
    try:
        with cql_session.connect(node.address, node.native_port, secrets, consistency) as session:
            yield session
    except cql_session.ConnectError as error:
        if error.refused and not secrets.get("cassandra_username"):
            raise JobError("connect", _LOGIN.format(node.address), hopeless=True) from error
        raise JobError("connect", str(error), error.refused) from error


def existing(session: Session) -> Existing:
    """All elements of the key spaces of users and of system_auth, the ids of all tables, and the data centers."""
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
    """The elements of one key space."""
    rows = session.execute(f"DESCRIBE KEYSPACE {quote(key_space)} WITH INTERNALS")
    return elements(row.create_statement for row in rows)


def data_centers(session: Session) -> set[str]:
    """Of all nodes that are members."""
    rows = session.execute("SELECT data_center FROM system.peers_v2").all()
    rows += session.execute("SELECT data_center FROM system.local").all()
    return {row.data_center for row in rows if row.data_center}


def version_and_partitioner(session: Session) -> tuple[str, str]:
    """Of this node's Cassandra."""
    row = session.execute("SELECT release_version, partitioner FROM system.local").one()
    return row.release_version, row.partitioner


def tokens(jolokia: Jolokia) -> frozenset[str]:
    """This node's tokens. Raises JobError."""
    try:
        found = jolokia.read([_TOKENS], _JMX_SECONDS).get(_TOKENS)
    except JolokiaError as error:
        raise JobError("tokens", str(error)) from error
    if not found:
        raise JobError("tokens", "this node has none: it is no member of the ring")
    return frozenset(str(token) for token in found)
