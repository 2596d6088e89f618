"""Concern: the cleanup after nodes were added, with CLEANUP_AFTER_SCALE.

It begins once all added nodes are members, and never while a member is down.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.configuration.standing_plans import DEPLOY, plan_record
from scheduler.core.configuration.surplus import surplus
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.nodes import deploy
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.exclusion import exclusion
from scheduler.core.state.lifecycle import by_index, is_down
from scheduler.core.state.operation import SCHEDULER, OperationRecord, OperationState

CLEANUP = "cleanup"


def clean_up(cycle: Cycle) -> None:
    """Begin the cleanup that is due after nodes were added, or note that an operator did."""
    state = cycle.state
    plan = state.plans.get(DEPLOY)
    if plan is None or plan.cleanup_due_since is None:
        return
    due = cleanup_due(state)
    newest = state.operations.get(CLEANUP)
    if newest is not None and newest.started_at >= plan.cleanup_due_since and is_whole(newest):
        left = tuple(name for name in due if name not in newest.nodes)
    elif due and state.policy.cleanup_after_scale and _is_calm(state):
        cycle.put(_cleanup(cycle, due))
        left = ()
    else:
        left = due
    if left != due or not due:
        again = replace(plan, cleanup_due=left or None, cleanup_due_since=plan.cleanup_due_since if left else None)
        cycle.put(again)


def cleanup_due(state: ClusterState) -> tuple[str, ...]:
    """Return the members that keep data of nodes that joined after them."""
    plan = state.plans.get(DEPLOY)
    if plan is None or plan.cleanup_due_since is None:
        return ()
    members = [node for node in by_index(state.nodes.values()) if node.deployed is not None]
    return tuple(node.name for node in members if plan.cleanup_due is None or node.name in plan.cleanup_due)


def is_whole(operation: OperationRecord) -> bool:
    """Return whether the cleanup is of all tables, on any nodes."""
    return not operation.request.get("key_spaces") and not operation.request.get("column_families")


def _is_calm(state: ClusterState) -> bool:
    """Return whether no node joins, leaves or has an intent, and no other operation works."""
    interrupted = plan_record(state, DEPLOY).interrupted
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
