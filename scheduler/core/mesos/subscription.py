"""The subscription to Mesos and its reconciliation, as reasons to wait."""

from __future__ import annotations

from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.reason import Code, Reason

NOT_RECONCILED = "waiting for task reconciliation: Mesos has not reported every task yet"


def subscription_block(state: ClusterState) -> Reason | None:
    """Return the reason to wait for Mesos before any launch; None once Mesos has reported every task."""
    if not state.registered:
        return Reason(Code.NOT_REGISTERED, "the scheduler is not subscribed to Mesos")
    if not state.reconciliation.complete:
        return Reason(Code.RECONCILING, NOT_RECONCILED)
    return None
