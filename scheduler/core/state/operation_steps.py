"""Steps of an operation, as recorded."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import OperationRecord, StepRecord, step_key
from scheduler.core.state.operation_kinds import CLUSTER, KINDS, PhaseKind


def steps(state: ClusterState, operation: OperationRecord, phase: PhaseKind) -> Iterator[StepRecord]:
    """Yield the steps of a phase in order, PENDING ones without a record too; none of a phase that is not needed."""
    if phase.needs is not None and not _is_needed(state, operation, *phase.needs):
        return
    for name in (CLUSTER,) if phase.once else operation.nodes:
        found = state.steps.get(step_key(operation.kind, phase.name, name))
        known = found is not None and found.operation == operation.id
        yield found if found is not None and known else StepRecord(operation.kind, operation.id, phase.name, name)


def _is_needed(state: ClusterState, operation: OperationRecord, phase: str, field: str) -> bool:
    earlier = next(item for item in KINDS[operation.kind].phases if item.name == phase)
    return any(step.result.get(field) for step in steps(state, operation, earlier))
