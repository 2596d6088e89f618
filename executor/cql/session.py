"""CQL to one node: the one user of Cassandra's driver. Imported by the jobs that need it, when they run."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cassandra import AuthenticationFailed, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import WhiteListRoundRobinPolicy

from executor.cql.encryption import Encryption, UntrustedError

_PROTOCOL = 5
_AGREEMENT_SECONDS = 60.0

# What the driver raises, besides its own base class.
CQL_ERRORS = (DriverException, NoHostAvailable)


class ConnectError(Exception):
    """The node does not take us; `refused`: whatever is tried, for its login is not ours."""

    def __init__(self, text: str, refused: bool) -> None:
        super().__init__(text)
        self.refused = refused


@contextmanager
def connect(
    address: str,
    port: int,
    secrets: Mapping[str, str],
    consistency: int,
    connect_seconds: float = 30.0,
    request_seconds: float = 120.0,
    encryption: Encryption | None = None,
) -> Iterator[Session]:
    """A session with this node alone; `secrets` may hold cassandra_username and cassandra_password.

    Raises ConnectError. By default a request has the time of a schema change, which waits for all nodes.
    """
    user = secrets.get("cassandra_username")
    cluster = Cluster(
        [address],
        port=port,
        auth_provider=PlainTextAuthProvider(user, secrets.get("cassandra_password", "")) if user else None,
        execution_profiles={EXEC_PROFILE_DEFAULT: _profile(address, consistency, request_seconds)},
        protocol_version=_PROTOCOL,
        ssl_context=_context(address, port, encryption),
        connect_timeout=connect_seconds,
        control_connection_timeout=connect_seconds,
        max_schema_agreement_wait=_AGREEMENT_SECONDS,
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
    )
    try:
        try:
            session = cluster.connect()
        except CQL_ERRORS as error:
            refused = "Authentication" in str(error) or isinstance(error, AuthenticationFailed)
            raise ConnectError(f"CQL on {address}:{port}: {words(error)}", refused) from error
        yield session
    finally:
        cluster.shutdown()


def _profile(address: str, consistency: int, request_seconds: float) -> ExecutionProfile:
    return ExecutionProfile(
        load_balancing_policy=WhiteListRoundRobinPolicy([address]),
        consistency_level=consistency,
        request_timeout=request_seconds,
    )


def _context(address: str, port: int, encryption: Encryption | None) -> ssl.SSLContext | None:
    try:
        return None if encryption is None else encryption.context(address)
    except UntrustedError as error:
        raise ConnectError(f"CQL on {address}:{port}: {error}", refused=True) from error


def words(error: BaseException) -> str:
    """What the driver says, for people: the cause at the node rather than that no node could be asked."""
    if isinstance(error, NoHostAvailable) and error.errors:
        return "; ".join(str(cause) for cause in error.errors.values())
    return str(error)
