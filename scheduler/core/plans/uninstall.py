"""The plan by which the service is removed, as people see it, and what an operator may say of it."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.commands.command import Command, ForceComplete, Refusal, RefusalKind
from scheduler.core.leftovers import GarbageRecord
from scheduler.core.plans.plan import Phase, Plan, Status, Step, aggregate, stable_id
from scheduler.core.reservations.release import refusal
from scheduler.core.reservations.uninstall import emptied, forget_holdings, holds_nothing
from scheduler.core.ring.seeds import by_index
from scheduler.core.state.cluster import ClusterState, NodeRecord, TaskState
from scheduler.core.state.lifecycle import UNSEEN, may_live
from scheduler.core.state.reason import Code, Reason

PLAN = "uninstall"
TASKS = "Tasks"
RESERVATIONS = "Reservations"
FRAMEWORK = "Framework"


def build(state: ClusterState, reconciliation: Step) -> Plan:
    """The plan, with a step for each node's task, for what each node holds, and for the framework."""
    nodes = by_index(state.nodes.values())
    tasks = tuple(_step(TASKS, node.name, *_task_status(node)) for node in nodes)
    held = [_step(RESERVATIONS, node.name, *_holding_status(state, node)) for node in nodes]
    held += [_step(RESERVATIONS, record.id, *_garbage_status(state, record)) for record in state.garbage.values()]
    phases = (
        _phase("Reconciliation", (reconciliation,)),
        _phase(TASKS, tasks),
        _phase(RESERVATIONS, tuple(held)),
        _phase(FRAMEWORK, (_step(FRAMEWORK, "teardown", *_framework_status(state)),)),
    )
    return Plan(PLAN, phases, aggregate(phase.status for phase in phases))


def command_uninstall(state: ClusterState, command: Command) -> ClusterState | Refusal:
    """Only one thing can be said: that something which cannot be reached is not to be waited for."""
    if not isinstance(command, ForceComplete) or command.plan not in (PLAN, "deploy"):
        return Refusal(RefusalKind.CONFLICT, f"the service is being removed: see the plan {PLAN}")
    node = next((node for node in state.nodes.values() if _is_named(command, TASKS, node.name)), None)
    if node is not None and may_live(node):
        return _give_up_task(state, node)
    node = next((node for node in state.nodes.values() if _is_named(command, RESERVATIONS, node.name)), None)
    if node is not None and not may_live(node) and not holds_nothing(node):
        return forget_holdings(state, emptied(node))
    record = next((item for item in state.garbage.values() if _is_named(command, RESERVATIONS, item.id)), None)
    if record is not None and state.uninstall is not None:
        others = {name: item for name, item in state.garbage.items() if name != record.id}
        left = replace(state.uninstall, left=(*state.uninstall.left, record.id))
        return replace(state, garbage=others, uninstall=left)
    return Refusal(RefusalKind.UNKNOWN, f"the plan {PLAN} waits for no step {command.step!r}")


def _is_named(command: ForceComplete, phase: str, name: str) -> bool:
    in_phase = command.phase in (None, phase, stable_id(PLAN, phase))
    return in_phase and command.step in (name, stable_id(PLAN, phase, name))


def _give_up_task(state: ClusterState, node: NodeRecord) -> ClusterState | Refusal:
    assert node.task is not None
    if node.task.state not in UNSEEN:
        return Refusal(RefusalKind.CONFLICT, f"the task of {node.name} is seen, and is being ended: wait for it")
    task = replace(node.task, state=TaskState.LOST, message="given up by an operator")
    return replace(state, nodes={**state.nodes, node.name: replace(node, task=task)})


def _task_status(node: NodeRecord) -> tuple[Status, Reason]:
    if not may_live(node):
        return Status.COMPLETE, Reason(Code.DONE, f"{node.name} has no task")
    assert node.task is not None
    if node.task.state in UNSEEN:
        where = node.agent.hostname if node.agent is not None else "its agent"
        words = (
            f"Mesos cannot see the task of {node.name} on {where}: it is ended once it is seen again; "
            "forceComplete gives it up"
        )
        return Status.WAITING, Reason(Code.UNREACHABLE, words)
    return Status.STARTED, Reason(Code.STOPPING_TASK, f"the task of {node.name} is being ended")


def _holding_status(state: ClusterState, node: NodeRecord) -> tuple[Status, Reason]:
    if holds_nothing(node):
        return Status.COMPLETE, Reason(Code.DONE, f"nothing is reserved for {node.name}")
    if may_live(node):
        return Status.PENDING, Reason(Code.STOPPING_TASK, f"what {node.name} holds is released once its task has ended")
    for item in node.abandoned:
        if (refused := refusal(state, item.id)) is not None:
            return Status.WAITING, Reason(Code.RELEASE_REFUSED, f"Mesos does not give {item.id} back: {refused.words}")
    if ending := [name for item in node.abandoned if item.agent_id and item.destroyed for name in item.executors]:
        words = f"waits for the end of {', '.join(ending)}, which may hold the rest; forceComplete leaves it behind"
        return Status.WAITING, Reason(Code.STOPPING_TASK, words)
    waits = [f"{item.id} (agent {item.agent_id})" for item in node.abandoned if item.agent_id]
    words = f"waits for an offer that shows {', '.join(waits) or 'what it holds'}; forceComplete leaves it behind"
    return Status.WAITING, Reason(Code.NO_OFFER, words)


def _garbage_status(state: ClusterState, record: GarbageRecord) -> tuple[Status, Reason]:
    if (refused := refusal(state, record.id)) is not None:
        return Status.WAITING, Reason(Code.RELEASE_REFUSED, f"Mesos does not give it back: {refused.words}")
    if record.executors:
        words = f"waits for the end of {', '.join(record.executors)} on {record.hostname}, which may hold the rest"
        return Status.WAITING, Reason(Code.STOPPING_TASK, f"{words}; forceComplete leaves it behind")
    words = f"waits for {record.hostname} to offer it: no node's record knows it; forceComplete leaves it behind"
    return Status.WAITING, Reason(Code.GARBAGE, words)


def _framework_status(state: ClusterState) -> tuple[Status, Reason]:
    if state.uninstalled:
        return Status.COMPLETE, Reason(Code.DONE, "the framework is torn down, and its records are removed")
    if state.uninstall is not None and state.uninstall.released:
        return Status.IN_PROGRESS, Reason(Code.RUNNING, "the framework is torn down, and its records removed")
    return Status.PENDING, Reason(Code.EARLIER_PHASE, "waits until nothing is reserved any more")


def _step(phase: str, name: str, status: Status, reason: Reason) -> Step:
    return Step(stable_id(PLAN, phase, name), name, status, reason.sentence, reason.code)


def _phase(name: str, steps: tuple[Step, ...]) -> Phase:
    return Phase(stable_id(PLAN, name), name, steps, aggregate(step.status for step in steps))
