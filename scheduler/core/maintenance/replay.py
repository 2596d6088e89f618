"""The check that a backup is the newest one of its name that this cluster has completed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scheduler.core.state.backup_place import place_of
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import OperationRecord, OperationState


def replaced(state: ClusterState, request: Mapping[str, Any], backup: Mapping[str, Any]) -> str:
    """Return a sentence if this cluster completed a later backup of that name there; empty otherwise.

    A signature stays valid: who can write to the bucket can put an earlier backup in the place of a later one. Only
    backups that the history still has are compared.
    """
    wanted = (request.get("backup_name"), place_of(request))
    own = [item for item in _completed(state) if (item.request.get("backup_name"), place_of(item.request)) == wanted]
    newest = max(own, key=lambda item: item.finished_at or 0.0, default=None)
    if newest is None or backup.get("operation") in (None, newest.id):
        return ""
    return (
        f"The backup {request['backup_name']} is of the operation {backup['operation']}, and the last one of that name "
        f'was made by {newest.id}: an earlier one can have been put back; give "trust": true if you did that.'
    )


def _completed(state: ClusterState) -> Iterator[OperationRecord]:
    every = [*(record.operation for record in state.history.values()), *state.operations.values()]
    return (item for item in every if item.kind == "backup" and item.state is OperationState.COMPLETE)
