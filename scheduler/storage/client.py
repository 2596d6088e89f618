"""kazoo's client with the service's credentials, ACL and TLS. It keeps the cause of the last failed connection."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError, ConnectionDropped
from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler
from kazoo.protocol.serialization import Auth

from scheduler.security.tls import Tls
from scheduler.security.zookeeper import Access
from scheduler.storage.acl import acl_of

# kazoo's own back-off grows to a minute: the session could end before the next attempt.
RECONNECT = {"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": 2.0}
# A ZooKeeper that is just starting can take a connection and never answer it. kazoo would wait for the whole session
# for one server's answer; this share of it leaves time for another attempt.
_PATIENCE = 1 / 3
Sockets = list[socket.socket]
# By a part of the cause: what to do about it, with TLS and without.
_HINTS_WITH_TLS = {
    "ALERT": "ZooKeeper refuses the scheduler's certificate: check ZOOKEEPER_CERTIFICATE_FILE",
    "UNEXPECTED_EOF": "with ZOOKEEPER_CA_FILE, ZOOKEEPER_SERVERS must name the secure ports",
    "WRONG_VERSION": "with ZOOKEEPER_CA_FILE, ZOOKEEPER_SERVERS must name the secure ports",
    "CERTIFICATE_VERIFY_FAILED": "check ZooKeeper's certificate and ZOOKEEPER_CA_FILE",
}
_HINTS_WITHOUT_TLS = {"socket connection broken": "if the port is a secure one, set ZOOKEEPER_CA_FILE"}


class ClientLog(logging.LoggerAdapter[logging.Logger]):
    """Log of one client. kazoo reports the cause of a failed connection nowhere else.

    kazoo logs every request at level DEBUG, passwords included; this log leaves them out.
    """

    def __init__(self) -> None:
        super().__init__(logging.getLogger("kazoo.client"), {})
        self.cause: Exception | None = None

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Keep the cause, then log without passwords."""
        for argument in args:
            if isinstance(argument, ConnectionDropped | KazooTimeoutError | AuthFailedError):
                self.cause = argument
        shown: tuple[object, ...] = tuple(
            f"Auth({value.scheme})" if isinstance(value, Auth) else value for value in args
        )
        super().log(level, msg, *shown, **kwargs)

    def explain(self, tls: Tls | None) -> str:
        """Return the cause in its own words, and what to do about it; empty if no attempt has failed."""
        # OpenSSL's words end with a line of its source.
        words = str(self.cause or "").partition(" (_ssl.c")[0]
        hints = _HINTS_WITHOUT_TLS if tls is None else _HINTS_WITH_TLS
        return "; ".join([words, *(hint for part, hint in hints.items() if part in words)][:2])


class Connector(SequentialThreadingHandler):
    """Handler that opens connections itself, over TLS with a context of our own if there is one.

    It waits no longer than a share of the session for a server.
    """

    def __init__(self, tls: Tls | None, session_seconds: float) -> None:
        super().__init__()
        self._tls = tls
        self._longest = session_seconds * _PATIENCE

    def _bounded(self, seconds: float | None) -> float:
        return self._longest if seconds is None else min(seconds, self._longest)

    def select(
        self, rlist: Sockets, wlist: Sockets, xlist: Sockets, timeout: float | None = None
    ) -> tuple[Sockets, Sockets, Sockets]:
        """Wait for one of the sockets, no longer than the share of the session."""
        return super().select(rlist, wlist, xlist, timeout=self._bounded(timeout))

    def create_connection(
        self,
        address: tuple[str, int],
        hostname: str | None = None,
        timeout: float | None = None,
        **_options: object,
    ) -> socket.socket:
        """Connect to one server; reads the files again, so that renewed certificates are used.

        Raises OSError, whose `strerror` kazoo logs.
        """
        connection: socket.socket | None = None
        try:
            connection = socket.create_connection(address, self._bounded(timeout))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._tls is None:
                return connection
            return self._tls.context().wrap_socket(connection, server_hostname=hostname or address[0])
        except OSError as error:
            if connection is not None:
                connection.close()
            if error.strerror is None:
                raise OSError(error.errno, str(error) or type(error).__name__) from error
            raise


def make_client(servers: str, session_seconds: float, access: Access, log: ClientLog) -> KazooClient:
    """Return a client, not yet started, that creates every znode with the service's ACL."""
    options: Mapping[str, Any] = {} if access.tls is None else {"use_ssl": True, "verify_certs": True}
    return KazooClient(
        hosts=servers,
        timeout=session_seconds,
        connection_retry=RECONNECT,
        handler=Connector(access.tls, session_seconds),
        # A password can contain colons, so kazoo gets each pair as one text.
        auth_data=[("digest", f"{one.user}:{one.password}") for one in access.credentials],
        default_acl=acl_of(access),
        logger=log,
        **options,
    )
