"""What a deletion of backups would remove, told from their list. The executor that deletes reads the manifests anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.page.formats import seconds_of

Json = Mapping[str, Any]

_DAY_SECONDS = 24 * 3600.0
# As the executor does: a backup that has not grown for so long is abandoned.
_ABANDONED_SECONDS = 7 * _DAY_SECONDS


@dataclass(frozen=True)
class Fate:
    """One backup of the list: whether it would go, and why it goes or stays."""

    backup: Json
    goes: bool
    why: str


def fates(listed: Iterable[Json], cluster: str, rule: Json, now: float) -> list[Fate]:
    """Return what becomes of each backup, newest first.

    Args:
        listed: The backups as the API lists them.
        cluster: The name of this cluster: backups of others are never removed by a rule.
        rule: `backup_name`, or `keep_last` and `keep_days`, as in a request.
        now: The time, in seconds since the epoch.
    """
    ordered = sorted(listed, key=lambda item: -(finished(item) or 0.0))
    if rule.get("backup_name"):
        name = rule["backup_name"]
        return [Fate(item, item["backup_name"] == name, "") for item in ordered if item["backup_name"] == name]
    own = [item for item in ordered if item.get("cluster_name") == cluster and item.get("state") == "complete"]
    # Backups whose signature is not valid are counted apart, so that they displace none.
    groups = [[item for item in own if _is_signed(item) is fine] for fine in (True, False)]
    newest = {item["backup_name"] for group in groups for item in group[: int(rule.get("keep_last") or 0)]}
    return [_fate(item, cluster, newest, rule, now) for item in ordered]


def _fate(item: Json, cluster: str, newest: Iterable[Any], rule: Json, now: float) -> Fate:
    keep_days, end = rule.get("keep_days"), finished(item)
    if item.get("cluster_name") != cluster:
        return Fate(item, False, "of another cluster")
    if item.get("state") == "unfinished":
        old = end is not None and now - end > _ABANDONED_SECONDS
        return Fate(item, old, "abandoned, unless it still grows" if old else "not finished")
    if item.get("state") != "complete":
        return Fate(item, False, f"{item.get('state')}: cannot be judged from here")
    if item["backup_name"] in newest:
        return Fate(item, False, f"one of the last {rule['keep_last']}")
    if keep_days is not None and end is not None and now - end <= int(keep_days) * _DAY_SECONDS:
        return Fate(item, False, f"of the last {keep_days} days")
    return Fate(item, True, "no rule keeps it")


def finished(item: Json) -> float | None:
    """Return when a backup ended, or began if it has not ended, in seconds since the epoch."""
    return seconds_of(item.get("finished_at") or item.get("started_at"))


def _is_signed(item: Json) -> bool:
    return item.get("signature") in (None, "valid")


def removed_bytes(found: Sequence[Fate]) -> int:
    """Return the size of the backups that would go; objects that others share stay, so less becomes free."""
    return sum(int(item.backup.get("bytes") or 0) for item in found if item.goes)
