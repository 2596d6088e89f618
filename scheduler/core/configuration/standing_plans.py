"""The two plans that always exist, deploy and recovery: their names and their stored records."""

from __future__ import annotations

from executor.sentences import stamp
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
    record = plan_record(state, name)
    return describe_interrupt(name, record.interrupted_by, record.interrupted_at) if record.interrupted else None


def describe_interrupt(plan: str, principal: str, at: float | None) -> Reason:
    """Return the reason to wait for the end of an interrupt; the principal is empty and the time None if unknown."""
    when = "" if at is None else f" at {stamp(at)}"
    return Reason(Code.INTERRUPTED, f"the plan {plan} was interrupted by {principal or 'an operator'}{when}")
