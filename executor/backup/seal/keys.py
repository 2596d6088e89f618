"""The keys of backups, as the scheduler gives them to a job or with a question, and keys that follow from them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from executor.protocol import BACKUP_SIGNING_KEY, BACKUP_WRAPPING_KEY

KEY_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """Keys of 32 bytes. The first signs or wraps, every one verifies or unwraps.

    `signing` are those of signatures, `wrapping` those that wrap the data key of a cluster.
    """

    signing: tuple[bytes, ...] = field(default=(), repr=False)
    wrapping: tuple[bytes, ...] = field(default=(), repr=False)


def read_keys(secrets: Mapping[str, str]) -> Keys:
    """Take the keys out of a job's secrets; there are none if the scheduler has none, or is of an earlier version."""
    return Keys(_numbered(secrets, BACKUP_SIGNING_KEY), _numbered(secrets, BACKUP_WRAPPING_KEY))


def derive(key: bytes, purpose: str, salt: bytes = b"") -> bytes:
    """Return the key of 32 bytes that follows from another one for a purpose (HKDF with SHA-256)."""
    return HKDF(SHA256(), KEY_BYTES, salt or None, purpose.encode()).derive(key)


def key_id(key: bytes) -> str:
    """Return the name of a key, 16 hexadecimal digits, which says nothing about the key itself."""
    return derive(key, "cassandra-mesos key id")[:8].hex()


def _numbered(secrets: Mapping[str, str], name: str) -> tuple[bytes, ...]:
    found: list[bytes] = []
    while (text := secrets.get(f"{name}.{len(found)}")) is not None:
        found.append(base64.urlsafe_b64decode(text))
    return tuple(found)
