"""The keys of backups for executors. They follow from the key files, so that no executor gets a line of a file itself.

Lines of BACKUP_ENCRYPTION_KEY_FILE wrap the data keys of sealed backups. Signatures use the lines of the same file, and
after them those of SECRETS_KEY_FILE. The first key signs or wraps, every one verifies or unwraps.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from executor.protocol import BACKUP_SIGNING_KEY, BACKUP_WRAPPING_KEY
from scheduler.security.lines import read_text
from scheduler.security.sealing import KEY_BYTES, parse_keys

SETTING = "BACKUP_ENCRYPTION_KEY_FILE"
_KINDS = frozenset({"backup", "backup-verify", "backup-delete", "restore"})
_SIGNS, _SEALS = "keys", "sealed"


@dataclass(frozen=True)
class BackupKeys:
    """The keys as executors get them, in base64. Without signing keys backups are neither signed nor checked."""

    signing: tuple[str, ...] = field(default=(), repr=False)
    wrapping: tuple[str, ...] = field(default=(), repr=False)

    @property
    def secrets(self) -> Mapping[str, str]:
        """Return the keys as secrets of a job or question, by name."""
        named = ((BACKUP_SIGNING_KEY, self.signing), (BACKUP_WRAPPING_KEY, self.wrapping))
        return {f"{name}.{number}": key for name, keys in named for number, key in enumerate(keys)}

    @property
    def sentence(self) -> str:
        """Return which keys there are, by the ids that backups and messages have, in the order of the files."""
        if not self.signing:
            return "backups are neither signed nor sealed: no file of keys is set"
        sealed = f"sealed with {', '.join(map(_id, self.wrapping))}" if self.wrapping else "not sealed"
        return f"backups are signed with {', '.join(map(_id, self.signing))}, and {sealed}"

    def facts(self, kind: str) -> Mapping[str, bool]:
        """Return what an operation of this kind records: that its jobs need keys, and that it seals what it writes."""
        if kind not in _KINDS or not self.signing:
            return {}
        return {_SIGNS: True, **({_SEALS: True} if kind == "backup" and self.wrapping else {})}

    def problem(self, facts: Mapping[str, object]) -> str:
        """Return why an operation with these facts cannot get its keys; empty if it can."""
        if facts.get(_SEALS) and not self.wrapping:
            return f"the backup cannot be sealed: {SETTING} is not set any more"
        if facts.get(_SIGNS) and not self.signing:
            return "signatures of backups cannot be checked: the file of keys is not set any more"
        return ""


NO_KEYS = BackupKeys()


def backup_keys(encryption_key_file: str, secrets_key_file: str, secrets_key: str) -> BackupKeys:
    """Return the keys that follow from the settings of these names; an empty one is not set.

    Raises:
        OSError: A file cannot be read.
        KeyFileError: A file holds no key, or a line is not a key.
    """
    wrapping = parse_keys(read_text(Path(encryption_key_file))) if encryption_key_file else ()
    others: tuple[str, ...] = (secrets_key,) if secrets_key else ()
    if secrets_key_file:
        others = parse_keys(read_text(Path(secrets_key_file)))
    return BackupKeys(
        signing=_derived((*wrapping, *others), "cassandra-mesos backup signature"),
        wrapping=_derived(wrapping, "cassandra-mesos backup encryption"),
    )


def _id(key: str) -> str:
    # As the executor names the key in the documents of a backup.
    raw = base64.urlsafe_b64decode(key)
    return HKDF(SHA256(), KEY_BYTES, None, b"cassandra-mesos key id").derive(raw)[:8].hex()


def _derived(keys: Sequence[str], purpose: str) -> tuple[str, ...]:
    found = (HKDF(SHA256(), KEY_BYTES, None, purpose.encode()).derive(base64.urlsafe_b64decode(key)) for key in keys)
    return tuple(base64.urlsafe_b64encode(key).decode() for key in found)
