"""Concerns: what the scheduler does by itself, where the operators have said so.

A member is replaced whose agent an operator marked as gone, or, with REPLACE_AFTER_S, that Mesos has not seen for so
long. One at a time, and as careful as what an operator asks for: never while another member is down. With
CLEANUP_AFTER_SCALE a cleanup follows once all nodes that were added are members.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.cycle.workspace import Cycle
from scheduler.core.nodes import deploy
from scheduler.core.nodes.decommission import surplus
from scheduler.core.ring.seeds import by_index
from scheduler.core.state.cluster import ClusterState, Intent, IntentKind, NodeRecord, PlanRecord, TaskState
from scheduler.core.state.exclusion import exclusion
from scheduler.core.state.lifecycle import UNSEEN, is_down
from scheduler.core.state.operation import SCHEDULER, OperationRecord, OperationState

CLEANUP = "cleanup"
# The master's word that it knows nothing of a task; its agent may come back with it.
_ABSENT = UNSEEN | {TaskState.LOST, TaskState.GONE}


def replace_lost(cycle: Cycle) -> None:
    """Intend the replacement of the first member that is lost; the intent waits its turn like any other."""
    state = cycle.state
    for node in by_index(state.nodes.values()):
        if _is_pointless(node):
            cycle.update(replace(node, intent=None))
    if any(node.intent is not None for node in cycle.state.nodes.values()):
        return
    if sum(1 for node in state.nodes.values() if node.deployed is not None) < 2:
        return
    for node in by_index(state.nodes.values()):
        reason = lost_reason(state, node, cycle.now)
        if reason is None or _is_offered(cycle, node):
            continue
        assert node.task is not None
        intent = Intent(IntentKind.REPLACE, cycle.now, node.task.id, reason, SCHEDULER)
        cycle.update(replace(node, intent=intent))
        return


def lost_reason(state: ClusterState, node: NodeRecord, now: float) -> str | None:
    """Why this member is to be replaced without anybody asking; None if it is not."""
    if node.deployed is None or node.intent is not None or node.task is None or node.address is None:
        return None
    if node.task.state is TaskState.GONE_BY_OPERATOR:
        return "an operator marked its agent as gone"
    after = state.policy.replace_after_seconds
    away = now - node.task.updated_at
    if after is None or node.task.state not in _ABSENT or away < after:
        return None
    return f"it was not seen for {away:.0f} s, and REPLACE_AFTER_S is {after:.0f}"


def _is_pointless(node: NodeRecord) -> bool:
    """Whether a replacement that nobody asked for still waits its turn, and its node was seen again meanwhile."""
    intent, task = node.intent, node.task
    if intent is None or intent.kind is not IntentKind.REPLACE or intent.principal != SCHEDULER or task is None:
        return False
    return intent.begun_at is None and task.state not in _ABSENT | {TaskState.GONE_BY_OPERATOR}


def _is_offered(cycle: Cycle, node: NodeRecord) -> bool:
    """Whether its agent is back after all: then it is launched where it was."""
    gone = node.task is not None and node.task.state is TaskState.GONE_BY_OPERATOR
    return not gone and node.reservation is not None and cycle.holder(node.reservation.id) is not None


def clean_up(cycle: Cycle) -> None:
    """Begin the cleanup that is due since nodes were added, or note that somebody else did."""
    state = cycle.state
    plan = state.plans.get(deploy.PLAN)
    if plan is None or plan.cleanup_due_since is None:
        return
    due = cleanup_due(state)
    newest = state.operations.get(CLEANUP)
    if newest is not None and newest.started_at >= plan.cleanup_due_since and is_whole(newest):
        left = tuple(name for name in due if name not in newest.nodes)
    elif due and state.policy.cleanup_after_scale and _is_calm(state):
        cycle.update_operation(_cleanup(cycle, due))
        left = ()
    else:
        left = due
    if left != due or not due:
        again = replace(plan, cleanup_due=left or None, cleanup_due_since=plan.cleanup_due_since if left else None)
        cycle.replace_state(replace(cycle.state, plans={**cycle.state.plans, deploy.PLAN: again}))


def cleanup_due(state: ClusterState) -> tuple[str, ...]:
    """The members that keep data which is not theirs any more: they were there before others joined."""
    plan = state.plans.get(deploy.PLAN)
    if plan is None or plan.cleanup_due_since is None:
        return ()
    members = [node for node in by_index(state.nodes.values()) if node.deployed is not None]
    return tuple(node.name for node in members if plan.cleanup_due is None or node.name in plan.cleanup_due)


def is_whole(operation: OperationRecord) -> bool:
    """Whether it is of all tables, whichever its nodes are."""
    return not operation.request.get("key_spaces") and not operation.request.get("column_families")


def _is_calm(state: ClusterState) -> bool:
    """Nothing joins or leaves, nothing is intended, nothing else is done."""
    interrupted = state.plans.get(deploy.PLAN, PlanRecord(deploy.PLAN)).interrupted
    if interrupted or deploy.candidate(state) is not None or surplus(state):
        return False
    return exclusion(state, CLEANUP, {}) is None and all(
        node.intent is None and not is_down(node) for node in state.nodes.values()
    )


def _cleanup(cycle: Cycle, nodes: tuple[str, ...]) -> OperationRecord:
    request = {"key_spaces": [], "column_families": [], "parallelism": 1}
    return OperationRecord(
        kind=CLEANUP,
        id=cycle.new_id(),
        state=OperationState.RUNNING,
        nodes=nodes,
        request=request,
        started_at=cycle.now,
        principal=SCHEDULER,
    )
