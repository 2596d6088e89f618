"""The log of each plan's steps: what changed since the cycle before."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from scheduler.core.plans.plan import Plan, Status

logger = logging.getLogger(__name__)


class StepLog:
    """Compares the plans of each cycle with those before."""

    def __init__(self) -> None:
        # By plan, phase and step: status and message.
        self._seen: dict[tuple[str, str, str], tuple[Status, str]] | None = None

    def follow(self, plans: Mapping[str, Plan]) -> None:
        """Log the steps whose status changed; of the first plans only their own status."""
        before, self._seen = self._seen, _steps(plans)
        if before is None:
            # During an uninstall the plan of that name is in place of the plan `deploy` too.
            for plan in {plan.name: plan for plan in plans.values()}.values():
                logger.info("plan %s: %s", plan.name, plan.status)
            return
        for key, (status, message) in self._seen.items():
            # A new operation's pending steps are no change.
            if status is not (before[key][0] if key in before else Status.PENDING):
                logger.info("plan %s, step %s: %s: %s", key[0], key[-1], status, message)


def _steps(plans: Mapping[str, Plan]) -> dict[tuple[str, str, str], tuple[Status, str]]:
    return {
        (plan.name, phase.name, step.name): (step.status, step.message)
        for plan in plans.values()
        for phase in plan.phases
        for step in phase.steps
    }
