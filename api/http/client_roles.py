"""The roles of API_CLIENT_ROLES_FILE, as they are in the file now."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from scheduler.security.client_names import read_roles
from scheduler.security.tokens import Role

log = logging.getLogger(__name__)

# A change that leaves size and time stamp as they were is seen after this time.
REREAD_SECONDS = 5.0
# The key of a request's environment under which the server puts a scheduler.security.client_names.ClientCertificate.
ENVIRON = "cassandra-mesos.client-certificate"


class ClientRoles:
    """Finds the role of a client certificate's name. A file that is missing or unreadable gives none.

    Used by many threads.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._roles: Mapping[str, Role] = {}
        self._seen: tuple[int, int, int] | None = None
        self._read_at = -REREAD_SECONDS
        self._said = ""
        self._reading = threading.Lock()

    def role(self, name: str) -> Role | None:
        """Return the role of this name."""
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            seen = None
        if seen != self._seen or self._clock() - self._read_at >= REREAD_SECONDS:
            with self._reading:
                self._roles = self._read()
                self._seen, self._read_at = seen, self._clock()
        return self._roles.get(name)

    def _read(self) -> Mapping[str, Role]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not a text"
            self._say(f"cannot be read, no client certificate is valid: {why}")
            return {}
        roles, problems = read_roles(text)
        self._say("; ".join(problems))
        return roles

    def _say(self, problem: str) -> None:
        """Log a problem when it begins, not at each request."""
        if problem and problem != self._said:
            log.error("API_CLIENT_ROLES_FILE %s: %s", self._path, problem)
        self._said = problem
