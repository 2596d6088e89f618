"""The way to the Mesos master: plain or over TLS, and the name that its certificate must have."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection
from typing import Any

from executor.mesos_http import Peer, Stream, TlsError, open_http, prepare
from scheduler.security.tls import Tls, openssl_words


def make_context(tls: Tls) -> ssl.SSLContext:
    """Return a context for masters and agents from the present files. Raises OSError."""
    return prepare(tls.context())


def context_maker(tls: Tls | None) -> Callable[[], ssl.SSLContext] | None:
    """Return what makes a context whenever a connection needs one, since files change; None without TLS."""
    return None if tls is None else partial(make_context, tls)


class Route:
    """Connections to masters by address (`host:port`). Only the driver's own thread opens streams."""

    def __init__(self, tls: Tls | None) -> None:
        self._tls = tls
        self._names: dict[str, list[str]] = {}  # by address, the one to try first
        self._peer: Peer | None = None

    def note_announced(self, data: bytes) -> None:
        """Store the names under which a master announces itself in ZooKeeper; pymesos connects to its IP address."""
        try:
            address = json.loads(data)["address"]
            names = [str(address[key]) for key in ("hostname", "ip") if address.get(key)]
            self._names[f"{address['ip']}:{address['port']}"] = list(dict.fromkeys(names))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return  # the driver reports what is no announcement

    def note_failure(self, error: TlsError) -> None:
        """Try the next announced name if the certificate is for another one."""
        for names in self._names.values():
            if error.other_name and self._peer is not None and names[0] == self._peer.name:
                names.append(names.pop(0))

    def open_stream(self, address: str, callback: Any) -> Stream:
        """Return a connection that is being made; reads the files of TLS again. Raises OSError and TlsError."""
        self._peer = None if self._tls is None else self._make_peer(address, self._tls)
        return Stream(address, callback, self._peer)

    def open_http(self, address: str, timeout: float) -> HTTPConnection:
        """Return a connection for one call, with the TLS of the last stream; `timeout` is in seconds."""
        return open_http(address, timeout, self._peer)

    def _make_peer(self, address: str, tls: Tls) -> Peer:
        try:
            context = make_context(tls)
        except OSError as error:
            raise TlsError(
                f"MESOS_CA_FILE, MESOS_CERTIFICATE_FILE or MESOS_KEY_FILE cannot be used: {openssl_words(error)}"
            ) from error
        name = self._names.get(address, [address.rpartition(":")[0]])[0]
        return Peer(context, name, f"the Mesos master {address}", "MESOS_CA_FILE", "MESOS_CERTIFICATE_FILE")
