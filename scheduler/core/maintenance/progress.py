"""Progress of a maintenance operation: its phases and steps, the next step, and what holds a step back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from executor.protocol import JobProgress
from executor.sentences import list_first
from scheduler.core.configuration.standing_plans import describe_interrupt
from scheduler.core.nodes.names import intent_name
from scheduler.core.nodes.recovery import back_off
from scheduler.core.ring.availability import begun_nodes
from scheduler.core.ring.readiness import why_down
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.exclusion import held_up
from scheduler.core.state.lifecycle import by_index, is_joining, is_up
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.operation import OperationRecord, OperationState, StepRecord, StepState, is_live
from scheduler.core.state.operation_kinds import ALL_AT_ONCE, CLUSTER, DECOMMISSION, KINDS, Kind, PhaseKind
from scheduler.core.state.operation_steps import steps
from scheduler.core.state.reason import Code, Reason

Phases = tuple[tuple[PhaseKind, tuple[StepRecord, ...]], ...]

# States in which every step was carried out.
DONE = frozenset({OperationState.COMPLETE, OperationState.DIFFERENT})

# A step that moves data takes longer than one that only reads or writes a file. The ratio is a guess.
LONG_WEIGHT = 20


@dataclass(frozen=True)
class View:
    """An operation with its steps by phase. `current` is the index of the phase in progress.

    `running` has the steps of each phase with a running job. `busy` has, by node, the step whose job runs there, of any
    operation; it is empty for an operation that has ended. `joining` is a node that joins the ring, `changing` another
    node whose intent is under way while one is to leave. `failed` is the first failed step. `begun` names the nodes
    where a step began that needs tidying up. `held` is why a queued operation waits for one that is parked.
    """

    operation: OperationRecord
    kind: Kind
    phases: Phases
    running: tuple[tuple[StepRecord, ...], ...]
    current: int
    failed: StepRecord | None
    begun: frozenset[str]
    busy: Mapping[str, StepRecord]
    joining: NodeRecord | None
    changing: NodeRecord | None
    held: str | None = None

    @property
    def finished(self) -> bool:
        """Return whether no step is left."""
        return self.current == len(self.phases)


def view_operation(state: ClusterState, operation: OperationRecord) -> View:
    """Return the present progress of the operation."""
    kind = KINDS[operation.kind]
    phases = tuple(_phases(state, operation, kind))
    begun = {step.name for phase, found in phases if not phase.always for step in found if step.started_at is not None}
    return View(
        operation=operation,
        kind=kind,
        phases=phases,
        running=tuple(tuple(step for step in found if step.state is StepState.RUNNING) for _, found in phases),
        current=_current(state, operation, phases, begun),
        failed=next((step for _, found in phases for step in found if step.state is StepState.FAILED), None),
        begun=frozenset(begun),
        busy=_busy(state) if is_live(operation) else {},
        joining=next((node for node in by_index(state.nodes.values()) if is_joining(node)), None),
        changing=_changing(state, operation),
        held=held_up(state, operation) if operation.queued else None,
    )


def _changing(state: ClusterState, operation: OperationRecord) -> NodeRecord | None:
    """Return a node that is replaced, restarted or paused while another one would stream to it; None without one."""
    if operation.kind != DECOMMISSION:
        return None
    return next((node for node in begun_nodes(state) if node.name not in operation.nodes), None)


def _phases(
    state: ClusterState, operation: OperationRecord, kind: Kind
) -> Iterator[tuple[PhaseKind, tuple[StepRecord, ...]]]:
    """Yield all phases; of a completed operation, those that it had: an earlier version may have known fewer."""
    for phase in kind.phases:
        found = tuple(steps(state, operation, phase))
        if operation.state not in DONE or any(step.state is not StepState.PENDING for step in found):
            yield phase, found


def newest_progress(state: ClusterState, step: StepRecord) -> JobProgress:
    """Return the job's newest progress: from its reports while it runs, from the record after its end."""
    sighting = state.jobs.get(step.key)
    if step.task is not None and sighting is not None and sighting.task_id == step.task.id:
        return sighting.progress
    return step.progress


def percent_done(state: ClusterState, view: View) -> float | None:
    """Return how much of an operation is done, in percent; None if it was stopped."""
    if view.finished:
        return None if view.operation.state is OperationState.STOPPED else 100.0
    done = whole = 0.0
    for phase, found in view.phases:
        weight = 1 if phase.once or phase.at_once == ALL_AT_ONCE else LONG_WEIGHT
        for step in found:
            whole += weight
            if step.state is StepState.COMPLETE:
                done += weight
            elif step.state is StepState.RUNNING:
                # An executor of an earlier version can report more than all.
                done += weight * min(100.0, max(0.0, newest_progress(state, step).percent or 0.0)) / 100
    return round(100 * done / whole, 1) if whole else 0.0


def at_once(operation: OperationRecord, phase: PhaseKind) -> int:
    """Return how many steps of a phase may run at the same time."""
    limit = phase.at_once if isinstance(phase.at_once, int) else operation.request.get(phase.at_once, 1)
    return len(operation.nodes) if limit == ALL_AT_ONCE else int(limit)


def turn_block(view: View, phase: int, step: StepRecord, now: float) -> Reason | None:
    """Return what in the operation holds a step back; None if it is its turn."""
    operation = view.operation
    if step.state is StepState.FAILED:
        often = "once" if step.failures.count == 1 else f"{step.failures.count} times"
        return Reason(Code.FAILED, f"failed {often}; the last message: {step.failures.message}")
    if not is_live(operation):
        return Reason(Code.STOPPED, f"the operation {operation.kind} was stopped")
    if operation.state is OperationState.STOPPING:
        if not view.kind.phases[phase].always:
            return Reason(Code.STOPPED, f"the operation {operation.kind} is being stopped")
        if step.name not in view.begun:
            return Reason(
                Code.STOPPED, f"the operation {operation.kind} is being stopped, and had not begun on {step.name}"
            )
    if phase > view.current:
        return Reason(Code.EARLIER_PHASE, f"waits for the phase {view.kind.phases[view.current].name}")
    if view.failed is not None and operation.state is OperationState.RUNNING:
        return Reason(Code.OTHER_FAILED, f"waits for an operator: the step {_title(view.failed)} failed")
    if operation.state is OperationState.RUNNING and (other := _other_operation(view)) is not None:
        return other
    if operation.interrupted and operation.state is OperationState.RUNNING:
        return describe_interrupt(operation.kind, operation.interrupted_by, operation.interrupted_at)
    if (waiting := back_off(step.failures, now)) is not None:
        return waiting
    running = view.running[phase]
    if len(running) >= at_once(operation, view.kind.phases[phase]):
        # Each of a thousand steps may wait for hundreds of others.
        first = list_first((other.name for other in running[:3]), 3, len(running))
        return Reason(Code.EARLIER_NODE, f"waits for {first}")
    return None


def _other_operation(view: View) -> Reason | None:
    """Return the reason to wait for another operation that works or tidies up."""
    if view.held is not None:
        return Reason(Code.OTHER_JOB, f"waits for an operator: {view.held}")
    if view.operation.queued:
        return Reason(
            Code.OTHER_JOB, "waits for its turn: another operation began while this one waited for an operator"
        )
    other = next((step for step in view.busy.values() if step.operation != view.operation.id), None)
    if other is None:
        return None
    return Reason(Code.OTHER_JOB, f"waits for the job {_title(other)} of the operation {other.kind}")


def node_block(view: View, node: NodeRecord | None, name: str) -> Reason | None:
    """Return what holds back a job on this node; None if the node is ready for it."""
    if node is None or node.left:
        out = f"stop the {view.operation.kind}, and start another one"
        return Reason(Code.NODE_DOWN, f"{name} has left the ring: {out}")
    if not is_up(node):
        return Reason(Code.NODE_DOWN, f"waits for {name} to be NORMAL: {why_down(node)}")
    if node.intent is not None and node.intent.begun_at is not None:
        return Reason(Code.OTHER_INTENT, f"waits for {intent_name(node)}")
    if (other := view.busy.get(name)) is not None:
        return Reason(Code.OTHER_JOB, f"waits for the job {_title(other)} of the operation {other.kind}")
    if view.changing is not None:
        return Reason(Code.OTHER_INTENT, f"waits for {intent_name(view.changing)}")
    if view.joining is not None:
        return Reason(Code.OTHER_JOINS, f"waits for {view.joining.name} to join the ring")
    return None


def choose_node(state: ClusterState, view: View, step: StepRecord) -> NodeRecord | Reason:
    """Return the node for a step: its own, or for a step of the cluster the first one that is ready."""
    first = Reason(Code.NODE_DOWN, "waits for a node that is NORMAL")
    names = _members(state, view.operation.nodes) if step.name == CLUSTER else (step.name,)
    for name in reversed(names):
        first = node_block(view, state.nodes.get(name), name) or first
    for name in names:
        node = state.nodes.get(name)
        if node is not None and node_block(view, node, name) is None:
            return node
    return first


def _members(state: ClusterState, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those that have not left the ring, since any of them will do; all names if all have."""
    return tuple(name for name in names if (node := state.nodes.get(name)) and not node.left) or names


def _busy(state: ClusterState) -> Mapping[str, StepRecord]:
    return {step.task.node: step for step in state.steps.values() if step.task and step.state is StepState.RUNNING}


def _current(state: ClusterState, operation: OperationRecord, phases: Phases, begun: Collection[str]) -> int:
    if operation.state is OperationState.RUNNING:
        undone = (index for index, (_, found) in enumerate(phases) if not all(map(_is_complete, found)))
        return next(undone, len(phases))
    if operation.state is OperationState.STOPPING:
        for index, (phase, found) in enumerate(phases):
            if any(step.state is StepState.RUNNING for step in found):
                return index
            if phase.always and any(_is_to_be_tidied(state, step) for step in found if step.name in begun):
                return index
    return len(phases)


def _is_complete(step: StepRecord) -> bool:
    return step.state is StepState.COMPLETE


def _is_to_be_tidied(state: ClusterState, step: StepRecord) -> bool:
    """Return whether this step of a stopped operation is left and possible.

    A later operation tidies up on nodes that are down.
    """
    node = state.nodes.get(step.name)
    return step.state is StepState.PENDING and node is not None and is_up(node)


def _title(step: StepRecord) -> str:
    return f"{step.phase} of {step.name}"
