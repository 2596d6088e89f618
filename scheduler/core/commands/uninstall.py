"""Commands during an uninstall: only forceComplete, for tasks and reservations that cannot be reached."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.commands.command import Command, ForceComplete, Refusal, RefusalKind
from scheduler.core.configuration.standing_plans import DEPLOY
from scheduler.core.plans.plan import stable_id
from scheduler.core.plans.uninstall import PLAN, RESERVATIONS, TASKS
from scheduler.core.reservations.uninstall import clear_node, forget_holdings, holds_nothing
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import UNSEEN, may_live
from scheduler.core.state.node import NodeRecord, TaskState


def command_uninstall(state: ClusterState, command: Command) -> ClusterState | Refusal:
    """Return the state in which the uninstall does not wait for the named step any more, or a refusal."""
    if not isinstance(command, ForceComplete) or command.plan not in (PLAN, DEPLOY):
        return Refusal(RefusalKind.CONFLICT, f"the service is being removed: see the plan {PLAN}")
    node = next((node for node in state.nodes.values() if _is_named(command, TASKS, node.name)), None)
    if node is not None and may_live(node):
        return _give_up_task(state, node)
    node = next((node for node in state.nodes.values() if _is_named(command, RESERVATIONS, node.name)), None)
    if node is not None and not may_live(node) and not holds_nothing(node):
        return forget_holdings(state, clear_node(node))
    record = next((item for item in state.garbage.values() if _is_named(command, RESERVATIONS, item.id)), None)
    if record is not None and state.uninstall is not None:
        others = {name: item for name, item in state.garbage.items() if name != record.id}
        left = replace(state.uninstall, left=(*state.uninstall.left, record.id))
        return replace(state, garbage=others, uninstall=left)
    return Refusal(RefusalKind.UNKNOWN, f"the plan {PLAN} has no step {command.step!r} that waits")


def _is_named(command: ForceComplete, phase: str, name: str) -> bool:
    in_phase = command.phase in (None, phase, stable_id(PLAN, phase))
    return in_phase and command.step in (name, stable_id(PLAN, phase, name))


def _give_up_task(state: ClusterState, node: NodeRecord) -> ClusterState | Refusal:
    assert node.task is not None
    if node.task.state not in UNSEEN:
        return Refusal(
            RefusalKind.CONFLICT, f"the task of {node.name} is visible to Mesos and is being ended: wait for its end"
        )
    task = replace(node.task, state=TaskState.LOST, message="abandoned by an operator")
    return replace(state, nodes={**state.nodes, node.name: replace(node, task=task)})
