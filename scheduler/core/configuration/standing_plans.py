"""The two plans that always exist, deploy and recovery: their names and their stored records."""

from __future__ import annotations

from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import PlanRecord
from scheduler.core.state.reason import Code, Reason

DEPLOY, RECOVERY = "deploy", "recovery"
# It exists once the authority of the certificates was rotated.
CERTIFICATES = "certificates"


def plan_record(state: ClusterState, name: str) -> PlanRecord:
    """Return the stored record of this plan, a blank one before the first change to it."""
    return state.plans.get(name, PlanRecord(name))


def interruption(state: ClusterState, name: str) -> Reason | None:
    """Return the reason to wait if an operator has interrupted this plan; None otherwise."""
    if not plan_record(state, name).interrupted:
        return None
    return Reason(Code.INTERRUPTED, f"the plan {name} was interrupted by an operator")
