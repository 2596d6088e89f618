"""CQL to one node: the one user of Cassandra's driver. Jobs import it when they run, since the driver is large."""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from cassandra import AuthenticationFailed, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    DefaultConnection,
    ExecutionProfile,
    NoHostAvailable,
    Session,
)
from cassandra.policies import WhiteListRoundRobinPolicy
from cassandra.protocol import ProtocolHandler, ResultMessage

from executor.cql.encryption import Encryption, UntrustedError

PROTOCOL = 5
_AGREEMENT_SECONDS = 60.0

# Cassandra's own message, with what the driver puts around it.
_OF_SERVER = re.compile(
    r'<?Error from server: code=\w+ \[[^\]]*\] message="(?P<message>.*)"(?: info=\{(?P<numbers>.*)\})?>?', re.DOTALL
)
# What OpenSSL says of a certificate at a wrong time.
_OF_TIME = re.compile("certificate (is not yet valid|has expired)")

# It logs each failed connection with its stack twice, and a repair asks each replica again and again. What it logs, it
# raises too.
logging.getLogger("cassandra").setLevel(logging.CRITICAL)

# The driver's errors, besides its own base class.
CQL_ERRORS = (DriverException, NoHostAvailable)


class _Result(ResultMessage):
    """An answer without what a statement has changed of the schema, of which a session keeps nothing.

    Cassandra writes names there in Latin-1, and the driver gives up the connection if such a name is not UTF-8.
    """

    def recv_results_schema_change(self, f: IO[bytes], protocol_version: int) -> None:
        """Leave the names unread, at the end of the answer."""
        self.schema_change_event = {}


class _Handler(ProtocolHandler):
    message_types_by_opcode = {**ProtocolHandler.message_types_by_opcode, ResultMessage.opcode: _Result}


class _Connection(DefaultConnection):
    """A connection on which Cassandra reports no changes of the schema, since they have the same names."""

    def register_watchers(
        self, type_callback_dict: Mapping[str, Callable[..., object]], register_timeout: float | None = None
    ) -> None:
        """Register callbacks for events of other types."""
        wanted = {name: callback for name, callback in type_callback_dict.items() if name != "SCHEMA_CHANGE"}
        super().register_watchers(wanted, register_timeout)


class ConnectError(Exception):
    """The node refuses the connection; with `refused`, it does so because of the login, and a retry does not help."""

    def __init__(self, text: str, refused: bool) -> None:
        super().__init__(text)
        self.refused = refused


@contextmanager
def open_session(
    address: str,
    port: int,
    secrets: Mapping[str, str],
    consistency: int,
    connect_seconds: float = 30.0,
    request_seconds: float = 120.0,
    encryption: Encryption | None = None,
) -> Iterator[Session]:
    """Open a session with this node alone.

    The default for a request is the time of a schema change, which waits for all nodes.

    Args:
        address: The node's IP address.
        port: Its native transport port.
        secrets: Can hold cassandra_username and cassandra_password.
        consistency: A value of the driver's ConsistencyLevel.
        connect_seconds: The longest wait for the connection.
        request_seconds: The longest wait for an answer.
        encryption: TLS of the native transport; None for plain text.

    Raises:
        ConnectError: There is no connection.
    """
    profile = ExecutionProfile(
        load_balancing_policy=WhiteListRoundRobinPolicy([address]),
        consistency_level=consistency,
        request_timeout=request_seconds,
    )
    cluster = _cluster(address, port, secrets, profile, connect_seconds, _context(address, port, encryption))
    try:
        yield _connect(cluster, f"{address}:{port}")
    finally:
        cluster.shutdown()


def _connect(cluster: Cluster, where: str) -> Session:
    try:
        session = cluster.connect()
    except CQL_ERRORS as error:
        refused = "Authentication" in str(error) or isinstance(error, AuthenticationFailed)
        raise ConnectError(f"CQL on {where}: {words(error)}", refused) from error
    session.client_protocol_handler = _Handler
    return session


def _cluster(
    address: str,
    port: int,
    secrets: Mapping[str, str],
    profile: ExecutionProfile,
    connect_seconds: float,
    context: ssl.SSLContext | None,
) -> Cluster:
    user = secrets.get("cassandra_username")
    return Cluster(
        [address],
        connection_class=_Connection,
        port=port,
        auth_provider=PlainTextAuthProvider(user, secrets.get("cassandra_password", "")) if user else None,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        protocol_version=PROTOCOL,
        ssl_context=context,
        connect_timeout=connect_seconds,
        control_connection_timeout=connect_seconds,
        max_schema_agreement_wait=_AGREEMENT_SECONDS,
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
    )


def _context(address: str, port: int, encryption: Encryption | None) -> ssl.SSLContext | None:
    try:
        return None if encryption is None else encryption.context(address)
    except UntrustedError as error:
        raise ConnectError(f"CQL on {address}:{port}: {error}", refused=True) from error


def words(error: BaseException) -> str:
    """Return the driver's error as a sentence: the node's cause if it has one."""
    if isinstance(error, NoHostAvailable) and error.errors:
        return "; ".join(_plain(cause) for cause in error.errors.values())
    return _plain(error)


def _plain(error: object) -> str:
    text = str(error)
    if _OF_TIME.search(text):
        return f"{text}: if its node renewed it in time, this agent's clock is wrong"
    found = _OF_SERVER.fullmatch(text)
    if found is None:
        return text
    return f"{found['message']} ({found['numbers'].replace(chr(39), '')})" if found["numbers"] else found["message"]
