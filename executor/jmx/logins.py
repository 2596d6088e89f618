"""Logins of a Cassandra, over our MBean: its own superusers, and the clients that could not log in."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executor.jmx.encryption import MOST_NAMED
from executor.jmx.java_agent import attach
from executor.jmx.jolokia import Jolokia
from executor.untrusted import clean_text

_NAME = "Logins"
_SECONDS = 60.0
# A check of a password takes Cassandra some tens of milliseconds.
_PAUSE_SECONDS = 5.0
_TRANSITIONAL = "Transitional"
# An address with the name of a user or a driver, which the client chooses, and why it cannot log in.
_MOST_CHARACTERS = 200


@dataclass(frozen=True)
class Clients:
    """The clients that could not log in: without credentials, and with those that Cassandra would refuse."""

    silent: tuple[str, ...]
    refused: tuple[str, ...]


class Watch:
    """The clients of a node with transitional authentication or authorization, read every few seconds."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.active = any(_TRANSITIONAL in str(options.get(key, "")) for key in ("authenticator", "authorizer"))
        self._permissions = _TRANSITIONAL in str(options.get("authorizer", ""))
        self._at = float("-inf")
        self._found: Clients | None = None

    def read(self, jolokia: Jolokia) -> Clients | None:
        """Return the clients; None if they are not transitional. Raises JolokiaError."""
        if not self.active:
            return None
        now = time.monotonic()
        if self._found is None or now - self._at >= _PAUSE_SECONDS:
            bean = attach(jolokia, _NAME)
            silent = jolokia.execute(bean, "silent", [], _SECONDS)
            refused = jolokia.execute(bean, "refused", [self._permissions], _SECONDS)
            self._found, self._at = Clients(_shown(silent), _shown(refused)), now
        return self._found


def set_superuser(jolokia: Jolokia, name: str, password: str) -> None:
    """Create a superuser, or set its password. Raises JolokiaError."""
    jolokia.execute(attach(jolokia, _NAME), "setSuperuser", [name, password], _SECONDS)


def disable(jolokia: Jolokia, name: str, password: str) -> bool:
    """Take login, superuser and password from a role; return whether it exists. Raises JolokiaError."""
    return bool(jolokia.execute(attach(jolokia, _NAME), "disable", [name, password], _SECONDS))


def uncertified_clients(jolokia: Jolokia) -> tuple[str, ...]:
    """Return the addresses of clients that are logged in without a certificate. Raises JolokiaError."""
    return _shown(jolokia.execute(attach(jolokia, _NAME), "uncertified", [], _SECONDS))


def _shown(clients: Sequence[Any]) -> tuple[str, ...]:
    """Return clients for a status, each in one line and short: long ones would make it too large to be read."""
    lines = (" ".join(str(client)[: 2 * _MOST_CHARACTERS].split()) for client in clients[:MOST_NAMED])
    return tuple(clean_text(line, _MOST_CHARACTERS) for line in lines)


def replicate(jolokia: Jolokia, data_center: str, replicas: int) -> str:
    """Raise the replicas of system_auth in a data center, and send its rows to them. Raises JolokiaError."""
    return str(jolokia.execute(attach(jolokia, _NAME), "replicate", [data_center, replicas], _SECONDS))
