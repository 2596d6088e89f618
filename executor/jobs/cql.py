"""Open CQL sessions for jobs. Takes the CQL driver with it: import it only where a job runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cassandra.cluster import Session

from executor.cql import session as cql_session
from executor.jobs.context import JobError, NodeFacts

_LOGIN = (
    "Cassandra on {} asks its clients for a login, and none was given; give cassandra_username and cassandra_password"
    " of a role that may read, and create what is restored"
)


@contextmanager
def connect(node: NodeFacts, secrets: Mapping[str, str], consistency: int) -> Iterator[Session]:
    """A CQL session with this node alone. Raises JobError when it does not take us."""
    try:
        with cql_session.connect(
            node.address, node.native_port, secrets, consistency, encryption=node.encryption
        ) as session:
            yield session
    except cql_session.ConnectError as error:
        if error.refused and "uthentication" in str(error) and not secrets.get("cassandra_username"):
            raise JobError("connect", _LOGIN.format(node.address), hopeless=True) from error
        raise JobError("connect", str(error), error.refused) from error
