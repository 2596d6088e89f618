"""Plans by name: which plans exist, and one or all of them built from the state."""

from __future__ import annotations

from scheduler.core.configuration.standing_plans import CERTIFICATES, DEPLOY, RECOVERY
from scheduler.core.plans import uninstall
from scheduler.core.plans.certificates import certificates_plan, has_rotation
from scheduler.core.plans.maintenance import operation_plan
from scheduler.core.plans.nodes import deploy_plan, reconciliation_step, recovery_plan
from scheduler.core.plans.plan import Plan
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation_kinds import KINDS

ALWAYS = (DEPLOY, RECOVERY)


def plan_names(state: ClusterState) -> tuple[str, ...]:
    """Return the names of all plans: deploy, recovery, and one for the newest operation of each kind.

    After a rotation of the authority there is `certificates` too. During an uninstall these are `deploy` and
    `uninstall`, two names of one plan.
    """
    if state.uninstall is not None:
        return (DEPLOY, uninstall.PLAN)
    rotation = (CERTIFICATES,) if has_rotation(state) else ()
    return (*ALWAYS, *rotation, *(kind for kind in KINDS if kind in state.operations))


def build_plan(state: ClusterState, name: str, now: float) -> Plan:
    """Return the plan of this name, one of `plan_names`; `now` is in seconds since the epoch."""
    if state.uninstall is not None:
        return uninstall.build(state, reconciliation_step(state))
    if name == DEPLOY:
        return deploy_plan(state, now)
    if name == RECOVERY:
        return recovery_plan(state, now)
    if name == CERTIFICATES:
        return certificates_plan(state)
    return operation_plan(state, state.operations[name], now)


def build_plans(state: ClusterState, now: float) -> dict[str, Plan]:
    """Return all plans by name, in the order of `plan_names`; `now` is in seconds since the epoch."""
    return {name: build_plan(state, name, now) for name in plan_names(state)}
