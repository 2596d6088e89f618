"""Build the plans of a cluster by their names."""

from __future__ import annotations

from scheduler.core.nodes import deploy, recovery
from scheduler.core.plans import maintenance, uninstall
from scheduler.core.plans.nodes import deploy_plan, reconciliation_step, recovery_plan
from scheduler.core.plans.plan import Plan
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation_kinds import KINDS

ALWAYS = (deploy.PLAN, recovery.PLAN)


def plan_names(state: ClusterState) -> tuple[str, ...]:
    """The plans that there are: deploy, recovery, and one for the newest operation of each kind."""
    if state.uninstall is not None:
        return (deploy.PLAN, uninstall.PLAN)
    return (*ALWAYS, *(kind for kind in KINDS if kind in state.operations))


def build_plans(state: ClusterState, now: float) -> dict[str, Plan]:
    """All plans by name, in the order in which they come.

    While the service is removed there is one alone, under its own name and where the deployment used to be.
    """
    if state.uninstall is not None:
        return dict.fromkeys(plan_names(state), uninstall.build(state, reconciliation_step(state)))
    always = {deploy.PLAN: deploy_plan(state, now), recovery.PLAN: recovery_plan(state, now)}
    return {**always, **maintenance.build(state, now)}
