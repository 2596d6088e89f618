"""Concern: carry out maintenance operations: one job at a time on a node, on the node's share.

The steps' records store the progress, so an operation continues after any restart of the scheduler.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from executor.protocol import JobLaunch
from scheduler.core.cycle.decision import Accept, Kill, Purpose, Tuning
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.maintenance.job_parameters import launched_job, parameters
from scheduler.core.maintenance.logins import note_logins
from scheduler.core.maintenance.progress import View, at_once, choose_node, turn_block, view_operation
from scheduler.core.maintenance.snapshots import settle
from scheduler.core.maintenance.steps import give_up, interrupt, plain_values
from scheduler.core.mesos.offer import Offer
from scheduler.core.mesos.offer_operations import Hold, build_launch
from scheduler.core.mesos.resources import Share, node_needs, to_scalar
from scheduler.core.mesos.task_info import JOB_GRACE_SECONDS, Executor, build_job, job_task_id
from scheduler.core.nodes.names import agent_name
from scheduler.core.state.cluster import ClusterState, Need, NeedKind
from scheduler.core.state.exclusion import held_up, holds_turn
from scheduler.core.state.lifecycle import UNSEEN, has_ended, shorten
from scheduler.core.state.naming import named
from scheduler.core.state.node import NodeRecord, TaskState
from scheduler.core.state.operation import (
    HistoryRecord,
    JobTask,
    OperationRecord,
    OperationState,
    StepRecord,
    StepState,
    is_live,
    needs_keys,
)
from scheduler.core.state.operation_kinds import PhaseKind
from scheduler.core.state.reason import Code, Reason

REFUSED_SECONDS = 5.0
TELL_EVERY = 10.0

KEPT = 20
# A record in ZooKeeper has at most 1 MB.
SIZE_LIMIT = 200_000
# The value of `verdict` in the result of a step that found a difference.
DIFFERENT = "different"
# The phases whose steps compare.
JUDGING = frozenset({"Digest", "Compare"})


def maintain(cycle: Cycle) -> None:
    """Continue every operation that has not ended, the oldest first."""
    _forget_steps(cycle)
    _note_ended_nodes(cycle)
    _pass_turn_on(cycle)
    live = [operation for operation in cycle.state.operations.values() if is_live(operation)]
    for operation in sorted(live, key=_order):
        view = view_operation(cycle.state, operation)
        while settle(cycle, view) or _leave_out(cycle, view):
            view = view_operation(cycle.state, cycle.state.operations[operation.kind])
        if view.finished:
            note_logins(cycle, view)
            close(cycle, view)
            continue
        if operation.state is OperationState.STOPPING:
            _cancel(cycle, view)
        _tune(cycle, view)
        _launch(cycle, view)
    _forget_told(cycle)


def _order(operation: OperationRecord) -> tuple[bool, float, str]:
    """Return a sort key: operations that stop come first, since they only tidy up and hold up the others."""
    return operation.state is not OperationState.STOPPING, operation.started_at, operation.kind


def _pass_turn_on(cycle: Cycle) -> None:
    """Let the oldest queued operation continue once no other works, or needs what it could spoil."""
    operations = cycle.state.operations.values()
    if any(holds_turn(cycle.state, operation) for operation in operations):
        return
    queued = [found for found in operations if found.queued and holds_turn(cycle.state, replace(found, queued=False))]
    free = [found for found in queued if held_up(cycle.state, found) is None]
    if free:
        cycle.put(replace(min(free, key=_order), queued=False))


def _forget_steps(cycle: Cycle) -> None:
    """Remove steps without an operation: they would never end, and would hold up their nodes."""
    for step in list(cycle.state.steps.values()):
        operation = cycle.state.operations.get(step.kind)
        if operation is None or operation.id != step.operation:
            cycle.remove(step)


def _note_ended_nodes(cycle: Cycle) -> None:
    """Interrupt the jobs of executors that have ended, even without an update of the job."""
    for step in list(cycle.state.steps.values()):
        if step.state is not StepState.RUNNING or step.task is None:
            continue
        node = cycle.state.nodes.get(step.task.node)
        if node is None or node.task is None or node.task.id != step.task.node_task_id or has_ended(node):
            cycle.put(interrupt(step, f"{step.task.node} ended while the job ran", cycle.now))


def _leave_out(cycle: Cycle, view: View) -> bool:
    """End the steps of nodes that have left the ring; return whether there are any."""
    if view.finished:
        return False
    phase, steps = view.phases[view.current]
    if not phase.of_members:
        return False
    found = [step for step in steps if step.state in (StepState.PENDING, StepState.FAILED) and _has_left(cycle, step)]
    for step in found:
        result = {**step.result, "message": "skipped: the node has left the ring"}
        cycle.put(replace(step, state=StepState.COMPLETE, finished_at=cycle.now, result=result))
    return bool(found)


def _has_left(cycle: Cycle, step: StepRecord) -> bool:
    node = cycle.state.nodes.get(step.name)
    return node is None or node.left


def _cancel(cycle: Cycle, view: View) -> None:
    """Kill the jobs of a stopping operation. A job that Mesos cannot see is killed when an update of it arrives."""
    for phase, steps in view.phases:
        for step in steps:
            if step.state is not StepState.RUNNING or step.task is None:
                continue
            if step.task.state in UNSEEN:
                cycle.put(give_up(step, cycle.now))
            elif not phase.always and _may_tell(cycle, step.task.id):
                reason = f"the operation {view.kind.name} is being stopped"
                cycle.kills.append(Kill(step.task.id, step.task.agent_id, JOB_GRACE_SECONDS, reason))


def _tune(cycle: Cycle, view: View) -> None:
    wanted = view.operation.tuning
    for step in view.busy.values():
        sighting = cycle.state.jobs.get(step.key)
        task = step.task
        if step.operation != view.operation.id or task is None or sighting is None or sighting.task_id != task.id:
            continue
        used = sighting.progress.tuning
        differs = any(used.get(name) != value for name, value in wanted.items() if name in used)
        if differs and _may_tell(cycle, task.id):
            cycle.tunings.append(Tuning(task.node, task.executor_id, task.agent_id, task.id, dict(wanted)))


def _may_tell(cycle: Cycle, task_id: str) -> bool:
    """Return whether the next message to a job is due, and record it if so."""
    told = cycle.state.memory.told
    if cycle.now - told.get(task_id, float("-inf")) < TELL_EVERY:
        return False
    memory = replace(cycle.state.memory, told={**told, task_id: cycle.now})
    cycle.replace_state(replace(cycle.state, memory=memory))
    return True


def _forget_told(cycle: Cycle) -> None:
    told = cycle.state.memory.told
    if told:
        alive = {step.task.id for step in cycle.state.steps.values() if step.task and step.state is StepState.RUNNING}
        alive |= {node.task.id for node in cycle.state.nodes.values() if node.intent is not None and node.task}
        kept = {task_id: at for task_id, at in told.items() if task_id in alive}
        cycle.replace_state(replace(cycle.state, memory=replace(cycle.state.memory, told=kept)))


def _launch(cycle: Cycle, view: View) -> None:
    """Launch steps of the current phase, in order, as many as may run at the same time."""
    phase, steps = view.phases[view.current]
    room = at_once(view.operation, phase) - len(view.running[view.current])
    for step in steps:
        if room <= 0:
            return
        if step.state is not StepState.PENDING or turn_block(view, view.current, step, cycle.now) is not None:
            continue
        node = choose_node(cycle.state, view, step)
        if isinstance(node, Reason):
            continue
        room -= 1
        _launch_step(cycle, view, phase, step, node)


def _launch_step(cycle: Cycle, view: View, phase: PhaseKind, step: StepRecord, node: NodeRecord) -> None:
    assert node.reservation is not None
    offer = cycle.holder(node.reservation.id)
    if offer is None:
        cycle.wanted.add(Need(NeedKind.JOB, step.key))
        where = agent_name(node)
        cycle.waits[step.key] = f"waits for {where} to offer the share that is reserved for jobs of {node.name}"
        return
    if (short := _share_problem(cycle, node, offer)) is not None:
        cycle.wanted.add(Need(NeedKind.JOB, step.key))
        cycle.waits[step.key] = short
        cycle.judge(offer, Reason(Code.RESERVATION_PARTIAL, f"{step.key}: {short}"), REFUSED_SECONDS)
        return
    started = _start_step(cycle, phase, step, node)
    cycle.put(started)
    cycle.use(offer, _accept(cycle, view.operation, phase, started, node, offer))


def _share_problem(cycle: Cycle, node: NodeRecord, offer: Offer) -> str | None:
    """Return why the offer cannot carry a job of this node; None if it can."""
    assert node.reservation is not None
    assert node.task is not None
    if node.task.executor_id not in offer.executor_ids:
        # The node has just ended, without an update yet: Mesos would start another executor for the job alone.
        return f"the executor of {node.name} is not among those that run on {offer.agent.hostname}"
    held = offer.held[node.reservation.id]
    needs = node_needs(cycle.state.configurations[node.task.configuration].spec).spare
    if held.cpus >= needs.cpus and held.mem >= needs.mem:
        return None
    offered = _share(Share(held.cpus, held.mem))
    return f"the share for jobs of {node.name} is not offered whole: {offered} of {_share(needs)}"


def _share(share: Share) -> str:
    return f"{to_scalar(share.cpus):g} cpus and {to_scalar(share.mem):g} MB"


def _start_step(cycle: Cycle, phase: PhaseKind, step: StepRecord, node: NodeRecord) -> StepRecord:
    assert node.agent is not None
    assert node.task is not None
    task = JobTask(
        id=job_task_id(phase.job, node.name, cycle.new_id()),
        node=node.name,
        agent_id=node.agent.id,
        executor_id=node.task.executor_id,
        node_task_id=node.task.id,
        state=TaskState.STAGING,
        launched_at=cycle.now,
        updated_at=cycle.now,
    )
    begun = cycle.now if step.started_at is None else step.started_at
    return replace(step, state=StepState.RUNNING, task=task, started_at=begun, finished_at=None)


def _accept(
    cycle: Cycle, operation: OperationRecord, phase: PhaseKind, step: StepRecord, node: NodeRecord, offer: Offer
) -> Accept:
    assert node.reservation is not None
    assert node.task is not None
    assert step.task is not None
    configuration = cycle.state.configurations[node.task.configuration]
    hold = Hold(offer.held[node.reservation.id].reservations, configuration.spec.role)
    executor = Executor(
        node.name, step.task.executor_id, configuration, cycle.state.framework_id, hold, node.task.digests,
        node.task.command_form,
    )  # fmt: skip
    launch = JobLaunch(
        job=launched_job(operation, phase.job),
        operation=operation.id,
        node=node.name,
        node_task_id=node.task.id,
        parameters=parameters(cycle.state, operation, phase.job, node.name),
        tuning=operation.tuning,
        secret=bool(operation.sealed) or needs_keys(operation) or cycle.state.logins is not None,
    )
    return Accept(Purpose.JOB, node.name, offer.ids, (build_launch(build_job(step.task, executor, launch)),), step.key)


def close(cycle: Cycle, view: View) -> None:
    """End the operation as complete, different or stopped; remove its secrets, keep its steps until the next one."""
    steps = [step for _, found in view.phases for step in found]
    stopped = view.operation.state is OperationState.STOPPING
    state, message = (OperationState.STOPPED, "") if stopped else verdict(steps)
    # Executors know the others by their addresses alone.
    message = named(cycle.state, message)
    ended = replace(
        view.operation, state=state, message=message, finished_at=cycle.now, interrupted=False, sealed=""
    )  # fmt: skip
    cycle.put(ended)
    for record in _oldest(cycle.state, ended):
        cycle.remove(record)
    cycle.put(_summary(cycle.state, ended, steps))


def verdict(steps: Iterable[StepRecord]) -> tuple[OperationState, str]:
    """Return state and message of a completed operation, from `verdict` and `message` of its results.

    A step that found a difference makes it DIFFERENT. A forced step that was to compare has not compared.
    """
    state, words = OperationState.COMPLETE, []
    for step in steps:
        if step.result.get("verdict") == DIFFERENT:
            state = OperationState.DIFFERENT
        if step.forced and step.phase in JUDGING:
            words.append(f"not compared: the step {step.phase} of {step.name} was forced complete by an operator")
        elif said := str(step.result.get("message") or ""):
            words.append(said)
    # A message that several nodes share appears once.
    return state, shorten("; ".join(dict.fromkeys(words)))


def _summary(state: ClusterState, operation: OperationRecord, steps: list[StepRecord]) -> HistoryRecord:
    """Return the record of the history, within `SIZE_LIMIT`.

    Of very many nodes or tables only the numbers are kept; if even these are too long, only the failed steps.
    """
    begun = {f"{step.phase}.{step.name}": step for step in steps if step.started_at is not None}
    whole = {name: _step(state, step, step.result) for name, step in begun.items()}
    if len(json.dumps(whole)) <= SIZE_LIMIT:
        return HistoryRecord(operation, whole)
    short = {name: _step(state, step, plain_values(step.result)) for name, step in begun.items()}
    if len(json.dumps(short)) <= SIZE_LIMIT:
        return HistoryRecord(operation, short)
    kept, room = {}, SIZE_LIMIT
    for name, found in short.items():
        room -= len(json.dumps({name: found})) if found["error"] else 0
        if found["error"] and room >= 0:
            kept[name] = found
    return HistoryRecord(operation, kept)


def _step(state: ClusterState, step: StepRecord, result: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "state": step.state.value,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "error": named(state, step.failures.message),
        "result": result,
    }


def _oldest(state: ClusterState, operation: OperationRecord) -> list[HistoryRecord]:
    """Return the oldest records of this kind that are too many, once one more is added."""
    same = sorted(
        (record for record in state.history.values() if record.operation.kind == operation.kind),
        key=lambda record: record.operation.started_at,
    )
    others = [record for record in same if record.operation.id != operation.id]
    return others[: max(0, len(others) - KEPT + 1)]
