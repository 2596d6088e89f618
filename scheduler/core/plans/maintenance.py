"""Plans of maintenance operations, computed from their records."""

from __future__ import annotations

from scheduler.core.maintenance.progress import View, choose_node, turn_block, view_operation
from scheduler.core.maintenance.run import DIFFERENT
from scheduler.core.mesos.subscription import subscription_block
from scheduler.core.nodes.deploy import NO_OFFER
from scheduler.core.plans.plan import Phase, Plan, Status, Step, aggregate, stable_id
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.naming import named
from scheduler.core.state.node import TaskState
from scheduler.core.state.operation import OperationRecord, OperationState, StepRecord, StepState, is_live
from scheduler.core.state.reason import Code, Reason

_BLOCKED = {
    Code.BACK_OFF: Status.DELAYED,
    Code.FAILED: Status.ERROR,
    Code.EARLIER_PHASE: Status.PENDING,
    Code.EARLIER_NODE: Status.PENDING,
    Code.NOT_REGISTERED: Status.PENDING,
    Code.RECONCILING: Status.PENDING,
}


def operation_plan(state: ClusterState, operation: OperationRecord, now: float) -> Plan:
    """Return the plan of a maintenance operation; `now` is in seconds since the epoch."""
    view = view_operation(state, operation)
    # A phase that no step needs so far is not shown.
    shown = [index for index, (phase, found) in enumerate(view.phases) if found or phase.needs is None]
    phases = tuple(_phase(state, view, index, now) for index in shown)
    status = aggregate((phase.status for phase in phases), view.operation.interrupted)
    return Plan(view.kind.name, phases, status)


def _phase(state: ClusterState, view: View, index: int, now: float) -> Phase:
    phase, found = view.phases[index]
    steps = tuple(_step(state, view, index, step, now) for step in found)
    identifier = stable_id(view.operation.id, phase.name)
    status = aggregate((step.status for step in steps), view.operation.interrupted)
    return Phase(identifier, phase.name, steps, status)


def _step(state: ClusterState, view: View, index: int, step: StepRecord, now: float) -> Step:
    status, reason = _status(state, view, index, step, now)
    identifier = stable_id(view.operation.id, step.phase, step.name)
    message = named(state, f"{step.phase} of {step.name}: {reason.sentence}")
    return Step(identifier, step.name, status, message, reason.code)


def _status(state: ClusterState, view: View, index: int, step: StepRecord, now: float) -> tuple[Status, Reason]:
    phase = view.phases[index][0]
    if step.state is StepState.COMPLETE:
        return Status.COMPLETE, _done(step)
    if step.state is StepState.RUNNING:
        return _running(state, step)
    if phase.always and not is_live(view.operation) and step.state is not StepState.FAILED:
        return _leftover_status(view, step)
    if view.operation.state is OperationState.RUNNING and (block := subscription_block(state)) is not None:
        return _BLOCKED[block.code], block
    block = _block(state, view, index, step, now)
    if block is not None:
        return _BLOCKED.get(block.code, Status.WAITING), block
    waits = state.memory.waits.get(step.key, NO_OFFER)
    return Status.PENDING, Reason(Code.NO_OFFER, waits)


def _done(step: StepRecord) -> Reason:
    """Return the reason of a complete step: the message of its result, also if the result is a difference."""
    if step.forced:
        return Reason(Code.FORCED, "forced complete by an operator")
    words = str(step.result.get("message") or "done")
    return Reason(Code.DIFFERENT if step.result.get("verdict") == DIFFERENT else Code.DONE, words)


def _leftover_status(view: View, step: StepRecord) -> tuple[Status, Reason]:
    """Return how a step stands that was to tidy up after a stop, and did not run."""
    if step.name in view.begun:
        return Status.WAITING, Reason(Code.NODE_DOWN, f"{step.name} was not NORMAL: the next operation tidies up there")
    return Status.COMPLETE, Reason(Code.DONE, "nothing was left to do")


def _block(state: ClusterState, view: View, index: int, step: StepRecord, now: float) -> Reason | None:
    """Return what holds a step back; that its node is down comes before its turn."""
    turn = turn_block(view, index, step, now)
    if turn is not None and turn.code is not Code.EARLIER_NODE:
        return turn
    node = choose_node(state, view, step)
    if isinstance(node, Reason) and (turn is None or node.code is Code.NODE_DOWN):
        return node
    return turn


def _running(state: ClusterState, step: StepRecord) -> tuple[Status, Reason]:
    assert step.task is not None
    where = f"on {step.task.node}"
    if step.task.state in (TaskState.UNREACHABLE, TaskState.UNKNOWN):
        return Status.WAITING, Reason(Code.UNREACHABLE, f"its job {where} cannot be seen by Mesos ({step.task.state})")
    if step.task.state is TaskState.STAGING:
        return Status.STARTING, Reason(Code.STAGING, f"its job is being launched {where}")
    sighting = state.jobs.get(step.key)
    words = f"its job runs {where}"
    if sighting is not None and sighting.task_id == step.task.id:
        progress = sighting.progress
        percent = "" if progress.percent is None else f", {progress.percent:.0f} %"
        words += percent + (f", {progress.doing}" if progress.doing else "")
        # Executors of earlier versions include the word.
        words += f"; waits: {progress.waiting.removeprefix('waits: ')}" if progress.waiting else ""
    return Status.IN_PROGRESS, Reason(Code.RUNNING, words)
