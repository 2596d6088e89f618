"""Concern: make the superusers of the service, and replicate the logins, where authentication is being switched on.

The operation begins by itself: once all members are transitional, on a new cluster once the first node is a member, and
again when more nodes allow more replicas of system_auth. A rotation's new password counts once all nodes accept it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scheduler.core.configuration import logins
from scheduler.core.configuration.standing_plans import DEPLOY, plan_record
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.maintenance.progress import View
from scheduler.core.nodes import deploy
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.exclusion import exclusion
from scheduler.core.state.lifecycle import by_index, is_down, may_live
from scheduler.core.state.logins import Login
from scheduler.core.state.operation import SCHEDULER, OperationRecord, OperationState
from scheduler.core.state.operation_kinds import AUTHENTICATION, ROTATION

MOST_REPLICAS = 3
_REPAIR = {
    "key_spaces": ["system_auth"],
    "column_families": [],
    "incremental": False,
    "primary_range": True,
    "parallelism": "parallel",
    "pending_compactions": 1000,
    "stall_seconds": 600,
    "segment_mb": 256,
}


def secure(cycle: Cycle) -> None:
    """Begin the operation that makes the superusers and replicates system_auth, if it is due."""
    state = cycle.state
    record = state.logins
    if record is None or state.target.spec.cassandra.authentication != logins.ON:
        return
    members = by_index(node for node in state.nodes.values() if node.deployed is not None)
    found = logins.stages(state).members.values()
    if not members or any(stage.authentication == logins.OFF for stage in found):
        return
    replicas = min(MOST_REPLICAS, len(members))
    if (record.made and record.replicas >= replicas) or not _is_calm(state, record.made):
        return
    spec = state.target.spec.cassandra
    request: dict[str, Any] = {**_REPAIR, "data_center": spec.data_center, "replicas": replicas}
    cycle.put(
        OperationRecord(
            kind=AUTHENTICATION,
            id=cycle.new_id(),
            state=OperationState.RUNNING,
            nodes=tuple(node.name for node in members),
            request=request,
            started_at=cycle.now,
            principal=SCHEDULER,
        )
    )


def _is_calm(state: ClusterState, made: bool) -> bool:
    """Return whether nothing else changes the ring. On a new cluster other nodes wait for the superusers."""
    if plan_record(state, DEPLOY).interrupted or exclusion(state, AUTHENTICATION, {}) is not None:
        return False
    if made and deploy.candidate(state) is not None:
        return False
    return not any(
        node.intent is not None or is_down(node) or (node.deployed is None and may_live(node))
        for node in state.nodes.values()
    )


def note_logins(cycle: Cycle, view: View) -> None:
    """Keep what a complete operation has proven: the superusers are made, or the new password is valid."""
    operation, record = view.operation, cycle.state.logins
    if record is None or operation.state is not OperationState.RUNNING:
        return
    if any(step.forced for _, found in view.phases for step in found):
        return
    if operation.kind == AUTHENTICATION:
        changed_at = record.changed_at if record.made else cycle.now
        known = replace(record, made=True, replicas=int(operation.request["replicas"]), changed_at=changed_at)
    elif operation.kind == ROTATION:
        changed = Login(str(operation.request["user"]), operation.sealed, operation.id)
        users = tuple(changed if user.name == changed.name else user for user in record.users)
        known = replace(record, users=users, current=changed.name, changed_at=cycle.now)
    else:
        return
    cycle.replace_state(replace(cycle.state, logins=known))
