"""Steps of an operation, as recorded."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import OperationRecord, StepRecord, StepState, step_key
from scheduler.core.state.operation_kinds import CLUSTER, KINDS, Needs, PhaseKind


def steps(state: ClusterState, operation: OperationRecord, phase: PhaseKind) -> Iterator[StepRecord]:
    """Yield the steps of a phase in order, PENDING ones without a record too; none of a phase that is not needed."""
    if phase.needs is not None and not _is_met(state, operation, phase.needs):
        return
    for name in (CLUSTER,) if phase.once else operation.nodes:
        found = state.steps.get(step_key(operation.kind, phase.name, name))
        known = found is not None and found.operation == operation.id
        yield found if found is not None and known else StepRecord(operation.kind, operation.id, phase.name, name)


def _is_met(state: ClusterState, operation: OperationRecord, needs: Needs) -> bool:
    earlier = {phase.name: phase for phase in KINDS[operation.kind].phases}
    if not any(map(_has_begun, steps(state, operation, earlier[needs.begun]))):
        return False
    return any(step.result.get(needs.field) for name in needs.phases for step in steps(state, operation, earlier[name]))


def _has_begun(step: StepRecord) -> bool:
    return step.started_at is not None or step.state is not StepState.PENDING
