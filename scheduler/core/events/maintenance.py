"""Events of maintenance operations and their steps. The plan shows running jobs."""

from __future__ import annotations

from executor.sentences import number_of
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import Entry, EntryKind
from scheduler.core.state.operation import SCHEDULER, OperationRecord, OperationState, StepState

_WORDS = {
    OperationState.RUNNING: "goes on",
    OperationState.STOPPING: "is being stopped",
    OperationState.STOPPED: "is stopped",
    OperationState.COMPLETE: "is complete",
    OperationState.DIFFERENT: "is complete, but its result differs from the request",
}


def operation_entries(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    """Return the events of operations that began, went on or ended."""
    if before.operations is after.operations:
        return []
    found = []
    for kind, operation in after.operations.items():
        old = before.operations.get(kind)
        if old is None or old.id != operation.id:
            trust = ", and trusts the backup without a valid signature" if operation.request.get("trust") else ""
            found.append(_entry(operation, now, f"begins, on {number_of(len(operation.nodes), 'node')}{trust}"))
        elif old.state is not operation.state:
            by = operation.stopped_by if operation.state is OperationState.STOPPING else ""
            words = _WORDS[operation.state] + (f", as requested by {by}" if by and by != SCHEDULER else "")
            words += ", because NODES includes its node again" if by == SCHEDULER else ""
            found.append(_entry(operation, now, words, by))
    return found


def step_entries(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    """Return the events of steps that failed and wait for an operator."""
    if before.steps is after.steps:
        return []
    found = []
    for key, step in after.steps.items():
        old = before.steps.get(key)
        if old is step or step.state is not StepState.FAILED or (old is not None and old.state is StepState.FAILED):
            continue
        words = f"the step {step.phase} of {step.name} in the operation {step.kind} {step.operation} failed"
        node = step.name if step.name in after.nodes else ""
        found.append(Entry(0, now, EntryKind.STEP, words, node=node, subject=key, cause=step.failures.message))
    return found


def _entry(operation: OperationRecord, now: float, words: str, by: str = "") -> Entry:
    return Entry(
        sequence=0,
        at=now,
        kind=EntryKind.OPERATION,
        sentence=f"the operation {operation.kind} {operation.id} {words}",
        subject=operation.id,
        principal=by or operation.principal,
        cause=operation.message,
    )
