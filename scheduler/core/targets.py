"""How a configuration becomes the target, and which old ones are kept."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.configuration.overrides import Canary
from scheduler.core.state.cluster import ClusterState, Configuration, PlanRecord
from scheduler.core.state.codec import named_by

PLAN = "deploy"
# Beside those that any record names.
KEPT = 20


def become(state: ClusterState, target: Configuration, canary: bool = False) -> ClusterState:
    """The state with another target; with `canary` one node gets it before all others. An older canary is over."""
    before = state.plans.get(PLAN, PlanRecord(PLAN))
    plan = replace(before, canary=Canary(target.id) if canary else None)
    plans = state.plans if plan == before else {**state.plans, PLAN: plan}
    known = {**state.configurations, target.id: target}
    after = replace(state, target=target, previous=state.target.id, configurations=known, plans=plans)
    return replace(after, configurations=_kept(after))


def _kept(state: ClusterState) -> dict[str, Configuration]:
    """What any record names, and of the others the newest."""
    named = {state.target.id, state.previous}.union(*map(named_by, state.nodes.values()))
    others = [found for found in state.configurations.values() if found.id not in named]
    newest = {found.id for found in sorted(others, key=lambda found: found.created_at)[-KEPT:]}
    return {name: found for name, found in state.configurations.items() if name in named | newest}
