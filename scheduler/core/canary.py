"""A canary: one node has the target alone until an operator lets the plan deploy go on, or wants another target.

It is stored with the target, and its node before anything is done to it, so that it outlives every crash.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.configuration.overrides import Canary
from scheduler.core.state.cluster import ClusterState, PlanRecord
from scheduler.core.state.reason import Code, Reason

PLAN = "deploy"


def canary_of(state: ClusterState) -> Canary | None:
    """That of the present target, if it has one."""
    canary = state.plans.get(PLAN, PlanRecord(PLAN)).canary
    return canary if canary is not None and canary.configuration == state.target.id else None


def with_node(state: ClusterState, name: str) -> ClusterState:
    """The state in which this node is the canary, if one is still to be chosen."""
    canary = canary_of(state)
    if canary is None or canary.node:
        return state
    plan = replace(state.plans[PLAN], canary=replace(canary, node=name))
    return replace(state, plans={**state.plans, PLAN: plan})


def canary_block(state: ClusterState, name: str = "") -> Reason | None:
    """Why this node, or a new one, does not get the target yet; None if it may."""
    canary = canary_of(state)
    if canary is None or (name and name == canary.node):
        return None
    if not canary.node:
        return None if name else Reason(Code.CANARY, "waits for the first node with the new settings")
    text = f"waits for an operator: {canary.node} has the new settings; continue the plan {PLAN}, or roll back"
    return Reason(Code.CANARY, text)
