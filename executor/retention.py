"""The rule of retention: which backups of one cluster a deletion keeps, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

DAY_SECONDS = 24 * 3600.0
# A backup that has not grown for this time is abandoned.
ABANDONED_SECONDS = 7 * DAY_SECONDS


@dataclass(frozen=True)
class Finished:
    """A complete backup. It is fine if it has a valid signature, or needs none; `at` is in seconds since 1970."""

    name: str
    at: float
    is_fine: bool


def kept(backups: Iterable[Finished], now: float, keep_last: int | None, keep_days: float | None) -> Mapping[str, str]:
    """Return the names of the backups that a rule keeps, each with the reason.

    A backup is kept if it is one of the last `keep_last`, or not older than `keep_days`; one of the two is enough.
    Backups that are not fine are counted apart.

    Args:
        backups: The complete backups of one cluster.
        now: The time, in seconds since 1970.
        keep_last: A number of backups, or None.
        keep_days: An age in days, or None.
    """
    newest_first = sorted(backups, key=lambda backup: backup.at, reverse=True)
    found: dict[str, str] = {}
    if keep_days is not None:
        young = (backup for backup in newest_first if now - backup.at <= keep_days * DAY_SECONDS)
        found |= {backup.name: f"of the last {keep_days} days" for backup in young}
    # A writer of the bucket can add backups without a valid signature: they do not displace signed ones.
    groups = [[backup for backup in newest_first if backup.is_fine is fine] for fine in (True, False)]
    found |= {backup.name: f"one of the last {keep_last}" for group in groups for backup in group[: keep_last or 0]}
    return found


def is_abandoned(changed_at: float, now: float) -> bool:
    """Return whether an incomplete backup that last grew at that time is abandoned."""
    return now - changed_at > ABANDONED_SECONDS
