"""The plan of an uninstall: the end of all tasks, the release of all reservations, the teardown."""

from __future__ import annotations

from scheduler.core.nodes.names import agent_name
from scheduler.core.plans.plan import Phase, Plan, Status, Step, aggregate, stable_id
from scheduler.core.reservations.release import refusal
from scheduler.core.reservations.uninstall import CALM_SECONDS, holds_nothing
from scheduler.core.state.cluster import ClusterState, GarbageRecord
from scheduler.core.state.lifecycle import UNSEEN, by_index, may_live
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.reason import Code, Reason

PLAN = "uninstall"
TASKS = "Tasks"
RESERVATIONS = "Reservations"
FRAMEWORK = "Framework"


def build(state: ClusterState, reconciliation: Step) -> Plan:
    """Return the plan, with a step for the task and the reservations of each node, and one for the framework."""
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


def _task_status(node: NodeRecord) -> tuple[Status, Reason]:
    if not may_live(node):
        return Status.COMPLETE, Reason(Code.DONE, f"{node.name} has no task")
    assert node.task is not None
    if node.task.state in UNSEEN:
        where = agent_name(node)
        words = (
            f"Mesos cannot see the task of {node.name} on {where}: it is ended once Mesos sees it again; "
            "forceComplete abandons it"
        )
        return Status.WAITING, Reason(Code.UNREACHABLE, words)
    return Status.STARTED, Reason(Code.STOPPING_TASK, f"the task of {node.name} is being ended")


def _holding_status(state: ClusterState, node: NodeRecord) -> tuple[Status, Reason]:
    if holds_nothing(node):
        return Status.COMPLETE, Reason(Code.DONE, f"nothing is reserved for {node.name}")
    if may_live(node):
        return Status.PENDING, Reason(
            Code.STOPPING_TASK, f"the reservation of {node.name} is released once its task has ended"
        )
    for item in node.abandoned:
        if (refused := refusal(state, item.id)) is not None:
            return Status.WAITING, Reason(Code.RELEASE_REFUSED, f"Mesos refuses to release {item.id}: {refused.words}")
    if ending := [name for item in node.abandoned if item.agent_id and item.destroyed for name in item.executors]:
        words = f"waits for the end of {', '.join(ending)}, which may hold the rest; forceComplete leaves it behind"
        return Status.WAITING, Reason(Code.STOPPING_TASK, words)
    waits = [f"{item.id} (agent {item.agent_id})" for item in node.abandoned if item.agent_id]
    words = f"waits for an offer that shows {', '.join(waits) or 'its reservation'}; forceComplete leaves it behind"
    return Status.WAITING, Reason(Code.NO_OFFER, words)


def _garbage_status(state: ClusterState, record: GarbageRecord) -> tuple[Status, Reason]:
    if (refused := refusal(state, record.id)) is not None:
        return Status.WAITING, Reason(Code.RELEASE_REFUSED, f"Mesos refuses to release {record.id}: {refused.words}")
    if record.executors:
        words = f"waits for the end of {', '.join(record.executors)} on {record.hostname}, which may hold the rest"
        return Status.WAITING, Reason(Code.STOPPING_TASK, f"{words}; forceComplete leaves it behind")
    words = f"waits for {record.hostname} to offer {record.id}, which no record knows; forceComplete leaves it behind"
    return Status.WAITING, Reason(Code.GARBAGE, words)


def _framework_status(state: ClusterState) -> tuple[Status, Reason]:
    if state.uninstalled:
        return Status.COMPLETE, Reason(Code.DONE, "the framework is torn down, and its records are removed")
    if state.uninstall is not None and state.uninstall.released:
        return Status.IN_PROGRESS, Reason(Code.RUNNING, "the framework is torn down, and its records removed")
    if state.memory.calm_since is not None:
        words = f"all reservations are released: waits until no offer has shown another one for {CALM_SECONDS:.0f} s"
        return Status.IN_PROGRESS, Reason(Code.RUNNING, words)
    return Status.PENDING, Reason(Code.EARLIER_PHASE, "waits until all reservations are released")


def _step(phase: str, name: str, status: Status, reason: Reason) -> Step:
    return Step(stable_id(PLAN, phase, name), name, status, reason.sentence, reason.code)


def _phase(name: str, steps: tuple[Step, ...]) -> Phase:
    return Phase(stable_id(PLAN, name), name, steps, aggregate(step.status for step in steps))
