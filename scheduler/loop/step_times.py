"""Since when each step of a plan has had its status and reason, as far as this process has seen it change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scheduler.core.plans.plan import Plan, Status


class StepTimes:
    """Compares the plans of each cycle with those before. Steps that are as in the first plans have no time."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Status, str]] | None = None
        self._since: Mapping[str, float] = {}

    def follow(self, plans: Iterable[Plan], now: float) -> Mapping[str, float]:
        """Return by step's id since when it has been as it is, in seconds since the epoch."""
        seen = {step.id: (step.status, step.reason) for plan in plans for phase in plan.phases for step in phase.steps}
        before, self._seen = self._seen, seen
        if before is None or before == seen:
            return self._since
        changed = {name: now for name, words in seen.items() if before.get(name) != words}
        kept = {name: at for name, at in self._since.items() if name in seen}
        self._since = {**kept, **changed}
        return self._since
