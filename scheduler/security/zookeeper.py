"""How the scheduler connects to ZooKeeper: its credentials, who else may read its znodes, and TLS.

The credentials file has `user:password` on its first line. That user owns every znode of the service. Further lines are
earlier credentials: the scheduler presents them too, so that it can take over znodes that they own. Empty lines and
lines that begin with # are ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from scheduler.security.lines import entries
from scheduler.security.tls import Tls

SHORTEST = 8
_USER = re.compile(r"[A-Za-z0-9_.@-]+")


class CredentialsFileError(ValueError):
    """A credentials file that cannot be used; the text names the line and never the password."""


@dataclass(frozen=True)
class Credentials:
    """A user of ZooKeeper's scheme `digest`."""

    user: str
    password: str = field(repr=False)


def parse_credentials(text: str) -> tuple[Credentials, ...]:
    """Return the credentials of the file, at least one, the owner first; raises CredentialsFileError."""
    found = []
    for number, line in entries(text):
        user, _, password = line.partition(":")
        # ZooKeeper decodes credentials by the locale of its Java, so other characters could fail there.
        printable = password.isascii() and password.isprintable()
        if not _USER.fullmatch(user) or len(password) < SHORTEST or not printable:
            raise CredentialsFileError(
                f"line {number} is not user:password, with a password of at least {SHORTEST} printable characters"
            )
        found.append(Credentials(user, password))
    if not found:
        raise CredentialsFileError("it holds no user:password")
    return tuple(found)


@dataclass(frozen=True)
class Access:
    """The connection's rights. Without credentials the service's znodes are open to every client of ZooKeeper."""

    credentials: tuple[Credentials, ...] = ()
    world_reads: bool = False
    tls: Tls | None = None

    @property
    def owner(self) -> Credentials | None:
        """The user that owns the znodes."""
        return self.credentials[0] if self.credentials else None


OPEN = Access()
