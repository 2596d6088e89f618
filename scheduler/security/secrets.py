"""The secrets that the loop works with."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.security.backup_keys import NO_KEYS, BackupKeys
from scheduler.security.issuer import Issuer
from scheduler.security.sealing import Sealer


@dataclass(frozen=True)
class Secrets:
    """What the scheduler opens, encrypts and signs with; each part can be missing.

    `sealer` opens the credentials that jobs request. `backup_keys` are those of sealed backups. `issuer` signs
    certificates. `superuser_file` has the operator's own superuser of Cassandra.
    """

    sealer: Sealer | None = None
    backup_keys: BackupKeys = NO_KEYS
    issuer: Issuer | None = None
    superuser_file: str = ""
