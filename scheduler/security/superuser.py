"""The operator's own superuser of Cassandra, from a file with `user:password` on its first line."""

from __future__ import annotations

import re
from pathlib import Path

from executor.key_spaces import SERVICE_ROLES
from scheduler.security.lines import read_text

SHORTEST = 8
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,47}")
_TAKEN = (*SERVICE_ROLES, "cassandra")


class SuperuserFileError(ValueError):
    """A file that cannot be used; the text names the rule and never the password."""


def parse_superuser(text: str) -> tuple[str, str]:
    """Return user and password from the first line of the file. Raises SuperuserFileError."""
    user, _, password = text.partition("\n")[0].rstrip("\r").partition(":")
    if not _NAME.fullmatch(user) or len(password) < SHORTEST or not password.isprintable():
        raise SuperuserFileError(
            f"its first line is not user:password, with a password of at least {SHORTEST} printable characters"
        )
    if user in _TAKEN:
        raise SuperuserFileError(f"the user must be another one than {', '.join(_TAKEN)}")
    return user, password


def read_superuser(path: str) -> tuple[str, str] | None:
    """Return user and password of the file; None without a path. Raises OSError, SuperuserFileError."""
    return parse_superuser(read_text(Path(path))) if path else None
