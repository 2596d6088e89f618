"""Credentials of operations at rest: sealed with a key that ZooKeeper never sees.

The file of keys has one key on each line; empty lines and lines that begin with # are ignored. The first key seals, and
every key opens. So add a new key at the top, and remove an old one once no operation that it sealed is running.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from scheduler.security.lines import entries, read_text

KEY_BYTES = 32
SETTINGS = "SECRETS_KEY_FILE (or SECRETS_KEY)"


class KeyFileError(ValueError):
    """Keys that cannot be used; the text names the line and never the key."""


class SealError(Exception):
    """Sealed credentials that cannot be opened; the text gives the possible cause."""


class Sealer:
    """Seals and opens. Its keys are in no text that it makes."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, operation: str, values: Mapping[str, str]) -> str:
        """Return the credentials as text that only a holder of the key can read, and only for this operation."""
        document = {"operation": operation, "values": dict(values)}
        return self._fernet.encrypt(json.dumps(document).encode()).decode()

    def open(self, operation: str, sealed: str) -> Mapping[str, str]:
        """Return the credentials that `seal` sealed; raises SealError."""
        try:
            content = self._fernet.decrypt(sealed.encode())
        except (InvalidToken, UnicodeEncodeError):
            raise SealError(
                f"the credentials cannot be opened: no key of {SETTINGS} sealed them, or they were changed since"
            ) from None
        try:
            document = json.loads(content)
            found, values = document["operation"], dict(document["values"])
        except (ValueError, LookupError, TypeError):
            raise SealError("the credentials cannot be opened: the key sealed something else here") from None
        if found != operation:
            raise SealError("the credentials were sealed for another operation")
        return values


def sealer(key_file: str, key: str) -> Sealer | None:
    """Return a sealer with the keys of the file, or with the one key; None if neither is set.

    Args:
        key_file: Path of a file of keys; it wins over `key`.
        key: One key, 32 bytes in URL-safe base64, such as `7vXh…RlE=`.

    Raises:
        KeyFileError: The file holds no key, or a line is not a key.
    """
    if key_file:
        return Sealer(parse_keys(read_text(Path(key_file))))
    return Sealer([key]) if key else None


def parse_keys(text: str) -> tuple[str, ...]:
    """Return all keys of a file, at least one; raises KeyFileError."""
    keys = []
    for number, line in entries(text):
        if not is_key(line):
            raise KeyFileError(f"line {number} is not a key: {KEY_BYTES} random bytes in URL-safe base64")
        keys.append(line)
    if not keys:
        raise KeyFileError("holds no key")
    return tuple(keys)


def is_key(text: str) -> bool:
    """Return whether this is a key of Fernet."""
    try:
        return len(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)) == KEY_BYTES
    except ValueError:
        return False
