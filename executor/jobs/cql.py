"""CQL sessions for jobs, with a JobError for a refusal. It imports the CQL driver: import it only where a job runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cassandra.cluster import Session

from executor.cql.session import ConnectError, open_session
from executor.jobs.context import JobError, NodeFacts

_LOGIN = (
    "Cassandra on {} requires a login, and the request has none; add cassandra_username and cassandra_password of a"
    " role that can read, and create what is restored"
)


@contextmanager
def connect(node: NodeFacts, secrets: Mapping[str, str], consistency: int) -> Iterator[Session]:
    """Open a CQL session with this node alone. Raises JobError if the node refuses it."""
    try:
        with open_session(node.address, node.native_port, secrets, consistency, encryption=node.encryption) as session:
            yield session
    except ConnectError as error:
        if error.refused and "uthentication" in str(error) and not secrets.get("cassandra_username"):
            raise JobError("connect", _LOGIN.format(node.address), hopeless=True) from error
        raise JobError("connect", str(error), error.refused) from error
