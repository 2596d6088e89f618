"""The rules for every state, checked by tests after each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from scheduler.core.configuration.target import canary_of
from scheduler.core.maintenance.progress import DONE
from scheduler.core.maintenance.run import KEPT
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.exclusion import holds_turn
from scheduler.core.state.lifecycle import is_joining
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.operation import OperationRecord, StepRecord, StepState, is_live
from scheduler.core.state.operation_kinds import KINDS
from scheduler.core.state.operation_steps import steps


def invariants(state: ClusterState) -> tuple[str, ...]:
    """Return a sentence for each rule that this state breaks."""
    nodes = tuple(state.nodes.values())
    found = [f"{key} is recorded as {node.name}" for key, node in state.nodes.items() if key != node.name]
    found += _shared("agent", (node.agent.id for node in nodes if node.agent))
    found += _shared("reservation", (node.reservation.id for node in nodes if node.reservation))
    found += _shared("volume", (node.reservation.volume_id for node in nodes if node.reservation))
    found += _shared("task", (node.task.id for node in nodes if node.task))
    found += _shared("host id", (node.host_id for node in nodes if node.host_id))
    joining = [node.name for node in nodes if is_joining(node) and not node.forced]
    members = [node for node in nodes if node.deployed is not None]
    if len(joining) > (2 if len(members) == 1 else 1):
        found.append(f"{', '.join(joining)} join at once")
    begun = [node for node in nodes if node.intent is not None and node.intent.begun_at is not None]
    by_rack = all(node.intent is not None and node.intent.by_rack for node in begun)
    if len(begun) > 1 and not (by_rack and len({node.rack for node in begun}) == 1):
        found.append(f"the intents of {', '.join(node.name for node in begun)} are carried out at once")
    for node in nodes:
        found += _node(state, node)
    found += [
        f"{name} is wanted, but unknown"
        for name in {state.target.id, state.previous or state.target.id}
        if name not in state.configurations
    ]
    found += _canary(state)
    return (*found, *_maintenance(state))


def _node(state: ClusterState, node: NodeRecord) -> Iterable[str]:
    if node.deployed is not None:
        if node.task is None or node.agent is None or node.reservation is None or node.address is None:
            yield f"{node.name} is a member without task, agent, reservation or address"
        elif not node.reservation.seen:
            yield f"{node.name} is a member whose reservation was never seen"
        if node.deployed not in state.configurations:
            yield f"{node.name} was deployed with the unknown configuration {node.deployed}"
    if node.task is not None and node.task.configuration not in state.configurations:
        yield f"{node.name} was launched with the unknown configuration {node.task.configuration}"
    if node.intent is not None and node.intent.configuration not in (None, *state.configurations):
        yield f"{node.name} is to get the unknown configuration {node.intent.configuration}"
    if (node.agent is None) != (node.reservation is None):
        yield f"{node.name} has only one of agent and reservation"


def _canary(state: ClusterState) -> Iterable[str]:
    """While one node is to be the first with the target, no other is on its way to it."""
    canary = canary_of(state)
    if canary is None:
        return
    for node in state.nodes.values():
        if node.intent is not None and node.intent.configuration == state.target.id and node.name != canary.node:
            yield f"{node.name} gets the target beside the canary {canary.node or '(none yet)'}"


def _maintenance(state: ClusterState) -> Iterable[str]:
    working = [operation for operation in state.operations.values() if holds_turn(state, operation)]
    if len(working) > 1:
        yield f"{', '.join(operation.kind for operation in working)} work at once"
    tasks = [step.task for step in state.steps.values() if step.task is not None]
    yield from _shared("job", (task.id for task in tasks), "steps")
    running = [step for step in state.steps.values() if step.state is StepState.RUNNING]
    yield from _shared("node", (step.task.node for step in running if step.task), "jobs")
    for key, step in state.steps.items():
        yield from _step(state, key, step)
    for kind, operation in state.operations.items():
        yield from _operation(state, kind, operation)
    kept = Counter(record.operation.kind for record in state.history.values())
    yield from (f"the history has {count} of {kind}" for kind, count in kept.items() if count > KEPT)


def _step(state: ClusterState, key: str, step: StepRecord) -> Iterable[str]:
    if key != step.key:
        yield f"{key} is recorded as {step.key}"
    operation = state.operations.get(step.kind)
    if step.state is not StepState.RUNNING:
        return
    if step.task is None:
        yield f"{key} runs without a job"
    elif operation is not None and operation.id == step.operation and not is_live(operation):
        yield f"{key} runs, but its operation is {operation.state}"


def _operation(state: ClusterState, kind: str, operation: OperationRecord) -> Iterable[str]:
    if kind != operation.kind:
        yield f"{kind} is recorded as {operation.kind}"
    if is_live(operation):
        if operation.finished_at is not None:
            yield f"{kind} is {operation.state}, but has finished"
        return
    if operation.sealed:
        yield f"{kind} is {operation.state}, but its secrets are kept"
    if operation.finished_at is None:
        yield f"{kind} is {operation.state}, but has not finished"
    if operation.state in DONE:
        found = [step for phase in KINDS[kind].phases for step in steps(state, operation, phase)]
        undone = [step.key for step in found if step.state is not StepState.COMPLETE]
        if undone:
            yield f"{kind} is complete without {', '.join(undone)}"


def _shared(what: str, values: Iterable[str], owners: str = "") -> list[str]:
    return [
        f"the {what} {value} has {count} {owners}" if owners else f"the {what} {value} belongs to {count} nodes"
        for value, count in Counter(values).items()
        if count > 1
    ]
