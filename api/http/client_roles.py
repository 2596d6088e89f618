"""The roles of API_CLIENT_ROLES_FILE, as they are in the file now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from api.http.watched_file import Clock, WatchedFile
from scheduler.security.client_names import read_roles
from scheduler.security.tokens import Role

# The key of a request's environment under which the server puts a scheduler.security.client_names.ClientCertificate.
ENVIRON = "cassandra-mesos.client-certificate"


class ClientRoles:
    """Finds the role of a client certificate's name. A file that is missing or unreadable gives none.

    Used by many threads.
    """

    def __init__(self, path: Path, clock: Clock = time.monotonic) -> None:
        unread = "no client certificate is valid"
        self._file = WatchedFile("API_CLIENT_ROLES_FILE", path, _parse, unread, clock)

    def role(self, name: str) -> Role | None:
        """Return the role of this name."""
        return self._file.current().get(name)


def _parse(text: str | None) -> tuple[Mapping[str, Role], str]:
    roles, problems = read_roles(text or "")
    return roles, "; ".join(problems)
