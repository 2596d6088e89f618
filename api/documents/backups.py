"""What the service's own history adds to the list of backups: what each sent, and when it was verified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from executor.sentences import stamp
from scheduler.core.state.backup_place import place_of
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import HistoryRecord, OperationState

Json = Mapping[str, Any]

_ENDED = (OperationState.COMPLETE, OperationState.DIFFERENT, OperationState.STOPPED)
_UPLOAD = "Upload."


def with_history(listed: Iterable[Json], state: ClusterState, request: Json) -> list[Json]:
    """Return the backups of a location's list with `new_bytes` and `verified`, None where nothing is known.

    Args:
        listed: The backups, as a node lists them.
        state: The cluster, for the ended operations that it keeps.
        request: The checked request with the location.
    """
    place = place_of(request)
    ended = sorted(state.history.values(), key=lambda item: item.operation.started_at)
    there = [
        record
        for record in ended
        if "backup_name" in record.operation.request and place_of(record.operation.request) == place
    ]
    return [{**item, **_known(item.get("backup_name"), there)} for item in listed]


def _known(name: Any, there: Iterable[HistoryRecord]) -> Json:
    """Return what the ended operations of one place, the oldest first, tell of a backup."""
    found = [record for record in there if record.operation.request["backup_name"] == name]
    # A name can have been used before: the newest operations tell of this backup.
    backups = [item for item in found if item.operation.kind == "backup"]
    began = backups[-1].operation.started_at if backups else 0.0
    checks = [
        item.operation
        for item in found
        if item.operation.kind == "backup-verify" and item.operation.started_at >= began
        if item.operation.state in _ENDED and item.operation.finished_at is not None
    ]
    verified = None
    if checks:
        assert checks[-1].finished_at is not None
        verified = {"state": checks[-1].state.value, "at": stamp(checks[-1].finished_at)}
    return {"new_bytes": _sent(backups[-1]) if backups else None, "verified": verified}


def _sent(record: HistoryRecord) -> int | None:
    """Return the bytes that a backup's uploads sent, None if not each of them says so."""
    results = [step.get("result") or {} for name, step in record.steps.items() if name.startswith(_UPLOAD)]
    sent = [found for result in results if isinstance(found := result.get("sent_bytes"), int)]
    return sum(sent) if sent and len(sent) == len(results) else None
