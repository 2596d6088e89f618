"""What a deletion of backups would remove, told from their list. The executor that deletes reads the manifests anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.page.formats import seconds_of
from executor.retention import Finished, is_abandoned, kept

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Fate:
    """One backup of the list: whether it would go, and why it goes or stays."""

    backup: Json
    goes: bool
    why: str


@dataclass(frozen=True)
class Cluster:
    """This cluster: others that keep backups in the same bucket can have its name, but not its id."""

    id: str
    name: str

    def owns(self, item: Json) -> bool:
        """Return whether a listed backup is of this cluster; executors of earlier versions list its name alone."""
        return item["cluster"] == self.id if "cluster" in item else item.get("cluster_name") == self.name


def fates(listed: Iterable[Json], cluster: Cluster, rule: Json, now: float) -> list[Fate]:
    """Return what becomes of each backup, newest first.

    Args:
        listed: The backups as the API lists them.
        cluster: This cluster: backups of others are never removed by a rule.
        rule: `backup_name`, or `keep_last` and `keep_days`, as in a request.
        now: The time, in seconds since the epoch.
    """
    ordered = sorted(listed, key=lambda item: -(finished(item) or 0.0))
    if rule.get("backup_name"):
        name = rule["backup_name"]
        return [Fate(item, item["backup_name"] == name, "") for item in ordered if item["backup_name"] == name]
    own = [item for item in ordered if cluster.owns(item) and item.get("state") == "complete"]
    judged = (Finished(item["backup_name"], finished(item) or 0.0, _is_signed(item)) for item in own)
    why_kept = kept(judged, now, rule.get("keep_last"), rule.get("keep_days"))
    return [_fate(item, cluster, why_kept, now) for item in ordered]


def _fate(item: Json, cluster: Cluster, why_kept: Mapping[str, str], now: float) -> Fate:
    if not cluster.owns(item):
        return Fate(item, False, "of another cluster" if item.get("cluster_name") else "of an unknown cluster")
    if item.get("state") == "unfinished":
        end = finished(item)
        old = end is not None and is_abandoned(end, now)
        return Fate(item, old, "abandoned, unless it still grows" if old else "not finished")
    if item.get("state") != "complete":
        return Fate(item, False, f"{item.get('state')}: cannot be judged from here")
    why = why_kept.get(item["backup_name"])
    return Fate(item, why is None, why or "no rule keeps it")


def finished(item: Json) -> float | None:
    """Return when a backup ended, or began if it has not ended, in seconds since the epoch."""
    return seconds_of(item.get("finished_at") or item.get("started_at"))


def _is_signed(item: Json) -> bool:
    return item.get("signature") in (None, "valid")


def removed_bytes(found: Sequence[Fate]) -> int:
    """Return the size of the backups that would go; objects that others share stay, so less becomes free."""
    return sum(int(item.backup.get("bytes") or 0) for item in found if item.goes)
