"""Commands on maintenance operations: start, stop, continue, tune, interrupt, and single steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from scheduler.core.commands.command import (
    ForceComplete,
    Interrupt,
    Proceed,
    Refusal,
    RefusalKind,
    RestartStep,
    ResumeOperation,
    StartOperation,
    StopOperation,
    TuneOperation,
)
from scheduler.core.configuration.logins import ON
from scheduler.core.maintenance.progress import view_operation
from scheduler.core.nodes import decommission
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import PlanRecord
from scheduler.core.state.exclusion import exclusion, failed_step, held_up, holds_turn
from scheduler.core.state.node import Failures
from scheduler.core.state.operation import OperationRecord, OperationState, StepRecord, StepState, is_live
from scheduler.core.state.operation_kinds import KINDS, ROTATION
from scheduler.core.state.operation_steps import steps

# The principal of a command without one.
OPERATOR = "an operator"

Interruptible = TypeVar("Interruptible", PlanRecord, OperationRecord)
OperationCommand = StartOperation | StopOperation | ResumeOperation | TuneOperation


def command_operation(state: ClusterState, command: OperationCommand, now: float) -> ClusterState | Refusal:
    """Return the state after the command, or a refusal."""
    match command:
        case StartOperation():
            return _start(state, command, now)
        case StopOperation():
            return _stop(state, command, now)
        case ResumeOperation():
            return _resume(state, command)
        case TuneOperation():
            return _tune(state, command)


def mark_interrupt(record: Interruptible, command: Interrupt | Proceed, now: float) -> Interruptible:
    """Record an interrupt with its principal and time, or its end. The first interrupt counts."""
    if isinstance(command, Proceed):
        return replace(record, interrupted=False, interrupted_by="", interrupted_at=None)
    if record.interrupted:
        return record
    return replace(record, interrupted=True, interrupted_by=command.principal, interrupted_at=now)


def command_plan(state: ClusterState, command: Interrupt | Proceed, now: float) -> ClusterState | Refusal:
    """Interrupt an operation's plan or let it continue; a stopped operation resumes, if its kind can."""
    operation = state.operations[command.plan]
    if isinstance(command, Proceed) and operation.state is OperationState.STOPPED:
        return _resume(state, ResumeOperation(command.plan))
    if not is_live(operation):
        return _not_running(operation.kind)
    return _put(state, mark_interrupt(operation, command, now))


def command_step(state: ClusterState, command: ForceComplete | RestartStep, step: StepRecord) -> ClusterState | Refusal:
    """Mark a step as complete, or let it begin again."""
    operation = state.operations[command.plan]
    if operation.state is not OperationState.RUNNING:
        return _not_running(operation.kind)
    if step.state is StepState.RUNNING:
        words = f"the job of the step {step.phase} of {step.name} runs: stop the operation, or wait for its end"
        return Refusal(RefusalKind.CONFLICT, words)
    if isinstance(command, RestartStep):
        if (reason := _restart_problem(state, operation, step)) is not None:
            return Refusal(RefusalKind.CONFLICT, reason)
        anew = replace(step, state=StepState.PENDING, failures=Failures(), interruptions=0, forced=False)
    elif step.state is StepState.COMPLETE:
        return state
    elif step.kind == decommission.KIND and (reason := decommission.force_problem(state, step.name)) is not None:
        return Refusal(RefusalKind.CONFLICT, reason)
    else:
        anew = replace(step, state=StepState.COMPLETE, forced=True)
    after = replace(state, steps={**state.steps, anew.key: anew})
    waited = failed_step(state, operation) is not None
    if waited and _must_queue(after, operation):
        after = _put(after, replace(operation, queued=True))
    return after


def _must_queue(state: ClusterState, operation: OperationRecord) -> bool:
    """Return whether an operation that was parked waits for another one."""
    others = [other for other in state.operations.values() if other.kind != operation.kind]
    return any(holds_turn(state, other) for other in others) or held_up(state, operation) is not None


def _restart_problem(state: ClusterState, operation: OperationRecord, step: StepRecord) -> str | None:
    """Return why a step cannot begin again: later phases have used its result, or removed its input."""
    view = view_operation(state, operation)
    names = [phase.name for phase in view.kind.phases]
    reached = names[min(view.current, len(names) - 1)]
    if names.index(step.phase) >= names.index(reached):
        return None
    return f"the step {step.phase} of {step.name} cannot begin again: the operation has reached the phase {reached}"


def _start(state: ClusterState, command: StartOperation, now: float) -> ClusterState | Refusal:
    if (reason := exclusion(state, command.plan, command.request)) is not None:
        return Refusal(RefusalKind.CONFLICT, reason)
    if unknown := [name for name in command.nodes if name not in state.nodes]:
        return Refusal(RefusalKind.INVALID, f"nodes: there is no {', '.join(unknown)}")
    if command.plan == decommission.KIND:
        leaving = state.nodes[command.nodes[0]]
        problem = decommission.departure_problem(state, leaving, bool(command.request.get("force")))
        if problem is not None:
            return Refusal(RefusalKind.CONFLICT, problem)
    if gone := [name for name in command.nodes if decommission.has_left(state, state.nodes[name])]:
        words = f"nodes: {', '.join(gone)} left the ring meanwhile: nothing was changed. Send the request again"
        return Refusal(RefusalKind.CONFLICT, words)
    if command.plan == ROTATION and (problem := _rotation_problem(state, command)) is not None:
        return Refusal(RefusalKind.CONFLICT, problem)
    operation = OperationRecord(
        kind=command.plan,
        id=command.id,
        state=OperationState.RUNNING,
        nodes=command.nodes,
        request=command.request,
        started_at=now,
        principal=command.principal,
        facts=command.facts,
        tuning=command.tuning,
        sealed=command.sealed,
    )
    kept = {key: step for key, step in state.steps.items() if step.kind != command.plan}
    return _put(replace(state, steps=kept), operation)


def _rotation_problem(state: ClusterState, command: StartOperation) -> str | None:
    """Return why a superuser's password cannot change now; None if it can."""
    record = state.logins
    if record is None or not record.made or state.target.spec.cassandra.authentication != ON:
        return "The service has no users of its own: SECURITY_AUTHENTICATION is not on, or not yet on all nodes"
    if command.request.get("user") != record.other:
        return "Another rotation has ended meanwhile: nothing was changed. Send the request again"
    return None


def _stop(state: ClusterState, command: StopOperation, now: float) -> ClusterState | Refusal:
    kind = command.plan
    operation = state.operations.get(kind)
    if operation is None or not is_live(operation):
        return _not_running(kind)
    if kind == decommission.KIND:
        state = decommission.restart_leaving_node(state, operation, now)
    by = operation.stopped_by if operation.state is OperationState.STOPPING else command.principal or OPERATOR
    return _put(state, replace(operation, state=OperationState.STOPPING, stopped_by=by))


def _resume(state: ClusterState, command: ResumeOperation) -> ClusterState | Refusal:
    kind, operation = KINDS[command.plan], state.operations.get(command.plan)
    if operation is None or operation.state is not OperationState.STOPPED:
        return Refusal(RefusalKind.CONFLICT, f"no stopped {kind.title} can be continued")
    if not kind.resumable:
        return Refusal(RefusalKind.INVALID, f"a {kind.title} that was stopped cannot be continued; start another one")
    if (reason := exclusion(state, command.plan, operation.request)) is not None:
        return Refusal(RefusalKind.CONFLICT, reason)
    undone = [
        step
        for phase in kind.phases
        for step in steps(state, operation, phase)
        if step.state is not StepState.COMPLETE and step.key in state.steps
    ]
    anew = {
        step.key: replace(step, state=StepState.PENDING, failures=Failures(), interruptions=0, finished_at=None)
        for step in undone
    }
    again = replace(
        operation,
        state=OperationState.RUNNING,
        finished_at=None,
        sealed=command.sealed,
        stopped_by="",
        lapsed=False,
        queued=False,
    )
    return _put(replace(state, steps={**state.steps, **anew}), again)


def _tune(state: ClusterState, command: TuneOperation) -> ClusterState | Refusal:
    operation = state.operations.get(command.plan)
    if operation is None or not is_live(operation):
        return _not_running(command.plan)
    if unknown := sorted(command.values.keys() - operation.tuning.keys()):
        return Refusal(RefusalKind.INVALID, f"{', '.join(unknown)} cannot be changed while a {command.plan} runs")
    return _put(state, replace(operation, tuning={**operation.tuning, **command.values}))


def _not_running(kind: str) -> Refusal:
    return Refusal(RefusalKind.CONFLICT, f"{KINDS[kind].title} already not running")


def _put(state: ClusterState, operation: OperationRecord) -> ClusterState:
    return replace(state, operations={**state.operations, operation.kind: operation})
