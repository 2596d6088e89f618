"""The signature of a backup: a holder of a key of the service has completed it, and it was not changed since.

It covers the cluster's manifest and the moments. The manifest has the SHA-256 of the schema and of each node's
manifest, the schema that of the roles, and a node's manifest that of each file.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from executor.backup.format import document
from executor.backup.format.rules import Place
from executor.backup.seal.keys import Keys, key_id

_ADD_KEY = 'add that line to SECRETS_KEY_FILE or BACKUP_ENCRYPTION_KEY_FILE, or give "trust": true'


class Verdict(StrEnum):
    """The result of the check of a signature; UNCHECKED if this service has no key, and so signs nothing."""

    VALID = "valid"
    UNSIGNED = "unsigned"
    FOREIGN = "foreign"
    CHANGED = "changed"
    UNCHECKED = ""


@dataclass(frozen=True)
class Signature:
    """The document of a signature: the id of the key, and an HMAC with SHA-256, both hexadecimal."""

    backup_name: str
    key: str
    mac: str


@dataclass(frozen=True)
class Judged:
    """A verdict, with the id of the key that signed; empty without a signature."""

    verdict: Verdict
    key: str = ""

    @property
    def is_fine(self) -> bool:
        """Return whether the backup can be used without the operator's word."""
        return self.verdict in (Verdict.VALID, Verdict.UNCHECKED)

    def sentence(self, backup: str) -> str:
        """Return what is wrong with a backup's signature; empty if nothing is."""
        match self.verdict:
            case Verdict.UNSIGNED:
                return f"the backup {backup} has no signature: an earlier version or another program made it"
            case Verdict.FOREIGN:
                return f"the backup {backup} is signed with the key {self.key}, which this service does not have"
            case Verdict.CHANGED:
                return f"the backup {backup} was changed after it was signed"
        return ""

    def refusal(self, backup: str) -> str:
        """Return the same sentence with what helps."""
        if self.verdict is Verdict.CHANGED:
            return f'{self.sentence(backup)}: use another backup, or give "trust": true to use it all the same'
        help_ = _ADD_KEY if self.verdict is Verdict.FOREIGN else 'give "trust": true if you know that it is yours'
        return f"{self.sentence(backup)}; {help_}"


UNCHECKED = Judged(Verdict.UNCHECKED)


def sign(keys: Keys, backup: str, whole: bytes, moments: bytes | None) -> bytes:
    """Return the document of a signature by the first key.

    Args:
        keys: The keys, at least one that signs.
        backup: The backup's name.
        whole: The cluster's manifest.
        moments: The document of the moments; None if there is none.
    """
    key = keys.signing[0]
    return document.write(Signature(backup, key_id(key), _mac(key, backup, whole, moments)))


def judge(keys: Keys, backup: str, signature: Signature | None, whole: bytes, moments: bytes | None) -> Judged:
    """Return whether a signature is that of these documents, by any of the keys; `signature` is None without one."""
    if not keys.signing:
        return UNCHECKED
    if signature is None:
        return Judged(Verdict.UNSIGNED)
    key = next((key for key in keys.signing if key_id(key) == signature.key), None)
    if key is None:
        return Judged(Verdict.FOREIGN, signature.key)
    right = hmac.compare_digest(_mac(key, backup, whole, moments), signature.mac)
    return Judged(Verdict.VALID if right else Verdict.CHANGED, signature.key)


def read_signature(data: bytes, what: str) -> Signature:
    """Parse a signature; `what` names the document in errors. Raises DocumentError."""
    found = document.read(Signature, data, what)
    place = Place(what)
    place.names(found.backup_name)
    place.key_id(found.key, 8)
    place.digest(found.mac)
    return found


def _mac(key: bytes, backup: str, whole: bytes, moments: bytes | None) -> str:
    parts = (hashlib.sha256(whole).hexdigest(), "" if moments is None else hashlib.sha256(moments).hexdigest())
    return hmac.digest(key, "\n".join(("cassandra-mesos backup", backup, *parts)).encode(), "sha256").hex()
