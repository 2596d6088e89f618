"""What the service's own history adds to the list of backups: what each sent, and when it was verified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduler.core.state.backup_place import place_of
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import HistoryRecord, OperationState, stamp

Json = Mapping[str, Any]

_ENDED = (OperationState.COMPLETE, OperationState.DIFFERENT, OperationState.STOPPED)
_UPLOAD = "Upload."


def with_history(listed: Json, state: ClusterState, request: Json) -> Json:
    """Return a backup of a location's list with `new_bytes` and `verified`; both are None where nothing is known.

    Args:
        listed: The backup, as a node lists it.
        state: The cluster, for the ended operations that it keeps.
        request: The checked request with the location.
    """
    name, place = listed.get("backup_name"), place_of(request)
    found = [
        record
        for record in sorted(state.history.values(), key=lambda item: item.operation.started_at)
        if record.operation.request.get("backup_name") == name and place_of(record.operation.request) == place
    ]
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
    return {**listed, "new_bytes": _sent(backups[-1]) if backups else None, "verified": verified}


def _sent(record: HistoryRecord) -> int | None:
    """Return the bytes that a backup's uploads sent, None if not each of them says so."""
    results = [step.get("result") or {} for name, step in record.steps.items() if name.startswith(_UPLOAD)]
    sent = [found for result in results if isinstance(found := result.get("sent_bytes"), int)]
    return sum(sent) if sent and len(sent) == len(results) else None
