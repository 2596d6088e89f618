"""The rules by which maintenance operations exclude each other.

One operation works at a time: all of them work on the same SSTables. A parked operation lets operations of other kinds
begin, except those that could remove what it needs to continue, or would spoil its result. Once its failed step is
restarted, it is queued until the other operation has ended, or is parked and needs nothing that this one could spoil.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from executor.sentences import stamp
from scheduler.core.state.backup_place import place_of
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.naming import named
from scheduler.core.state.operation import OperationRecord, OperationState, StepRecord, StepState, is_live
from scheduler.core.state.operation_kinds import DECOMMISSION, KINDS
from scheduler.core.state.operation_steps import steps

BACKUP, RESTORE, DELETE = "backup", "restore", "backup-delete"


def failed_step(state: ClusterState, operation: OperationRecord) -> StepRecord | None:
    """Return the first failed step of a running operation, which waits for an operator; None if there is none."""
    if operation.state is not OperationState.RUNNING:
        return None
    return next((step for step in _steps(state, operation) if step.state is StepState.FAILED), None)


def is_parked(state: ClusterState, operation: OperationRecord) -> bool:
    """Return whether an operation has a failed step and no running job."""
    if failed_step(state, operation) is None:
        return False
    return all(step.state is not StepState.RUNNING for step in _steps(state, operation))


def holds_turn(state: ClusterState, operation: OperationRecord) -> bool:
    """Return whether this is the operation that works; at most one does."""
    running = operation.state is OperationState.RUNNING and not operation.queued
    return running and failed_step(state, operation) is None


def exclusion(state: ClusterState, kind: str, request: Mapping[str, Any]) -> str | None:
    """Return why an operation of this kind cannot begin now, as a sentence without its full stop; None if it can."""
    for operation in state.operations.values():
        if is_live(operation) and (reason := _excluded(state, operation, kind, request)) is not None:
            return reason
    return None


def held_up(state: ClusterState, operation: OperationRecord) -> str | None:
    """Return why an operation that was parked does not go on beside another one that is; None if it can.

    The other one began while this one waited, so that nothing was refused.
    """
    for other in state.operations.values():
        step = None if other.kind == operation.kind else failed_step(state, other)
        if step is None or (needed := _needed(other, operation.kind, operation.request)) is None:
            continue
        found = f"{KINDS[other.kind].title}, in progress since {stamp(other.started_at)} (id {other.id})"
        return f"{found}, {_failure(state, other, step)}; {needed}: {_way_out(other)}"
    return None


def remarks(state: ClusterState, kind: str) -> str:
    """Return what the operator who begins an operation beside a parked one has to know; can be empty."""
    restore = state.operations.get(RESTORE)
    if kind != BACKUP or restore is None or failed_step(state, restore) is None:
        return ""
    return f"The restore {restore.id} waits in ERROR: what it has restored so far is backed up as it is now."


def _excluded(state: ClusterState, other: OperationRecord, kind: str, request: Mapping[str, Any]) -> str | None:
    title, found = KINDS[kind].title, KINDS[other.kind].title
    step = failed_step(state, other)
    if step is None or not is_parked(state, other):
        word = "in progress" if other.state is OperationState.RUNNING else "being stopped"
        since = f"{word} since {stamp(other.started_at)} (id {other.id})"
        return f"{title} already {since}" if other.kind == kind else f"{title} cannot begin: {found} is {since}"
    failed, out = _failure(state, other, step), _way_out(other)
    since = f"since {stamp(other.started_at)} (id {other.id})"
    if other.kind == kind:
        return f"{title} already in progress {since}, and {failed}; {out}"
    needed = _needed(other, kind, request)
    return None if needed is None else f"{title} cannot begin: {found}, in progress {since}, {failed}; {needed}: {out}"


def _failure(state: ClusterState, other: OperationRecord, step: StepRecord) -> str:
    return f"failed in its step {step.phase} of {step.name}: {named(state, step.failures.message)}"


def _way_out(other: OperationRecord) -> str:
    return f"restart that step, or stop the {other.kind}"


def _needed(other: OperationRecord, kind: str, request: Mapping[str, Any]) -> str | None:
    """Return why this kind must not begin, or go on, beside a parked operation of another kind; None if it can."""
    if kind == DECOMMISSION and other.kind in (BACKUP, RESTORE):
        return "it needs all of its nodes to go on"
    if kind == RESTORE and other.kind == BACKUP:
        return "its snapshots are older than what would be restored"
    if kind == DELETE and other.kind in (BACKUP, RESTORE, "backup-verify") and _may_be_same(request, other.request):
        return "it needs its backup to go on"
    if (
        kind == BACKUP
        and other.kind == DELETE
        and not _is_by_age(other.request)
        and _may_be_same(other.request, request)
    ):
        return "it would delete the new backup of that name when it goes on"
    return None


def _may_be_same(deletion: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether a deletion can mean the other request's backup."""
    if place_of(deletion) != place_of(other):
        return False
    return _is_by_age(deletion) or deletion.get("backup_name") == other.get("backup_name")


def _is_by_age(deletion: Mapping[str, Any]) -> bool:
    """Return whether a deletion names no backup. It keeps the newest ones, so that it never takes one that begins."""
    return deletion.get("backup_name") is None


def _steps(state: ClusterState, operation: OperationRecord) -> Iterator[StepRecord]:
    for phase in KINDS[operation.kind].phases:
        yield from steps(state, operation, phase)
