"""Random runs: the rules, checks and settings that the simulation's Hypothesis state machines share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.simulation.engine.model import Mesos
from tests.simulation.engine.samples import agents
from tests.simulation.engine.scheduler import CrashError, Scheduler
from tests.simulation.engine.script import Send, World, play, wrongs

PICK = st.integers(min_value=0, max_value=9)
SECONDS = st.sampled_from((0.2, 1.0, 4.0, 11.0, 31.0))


def machine_settings(examples: int, steps: int) -> settings:
    """Return the settings of a machine with so many runs of so many steps."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


class Machine(RuleBasedStateMachine):
    """Random cycles and crashes; a subclass sets `mesos` and `scheduler` in its @initialize."""

    mesos: Mesos
    scheduler: Scheduler

    @property
    def begun(self) -> bool:
        """Return whether the run has begun: Hypothesis checks invariants before the first step, too."""
        return hasattr(self, "scheduler")

    @rule(seconds=SECONDS, cycles=st.integers(min_value=1, max_value=6))
    def go_on(self, seconds: float, cycles: int) -> None:
        for _ in range(cycles):
            self.mesos.step(seconds)
            self.scheduler.cycle()

    @rule(after=st.integers(min_value=0, max_value=6), seconds=SECONDS)
    def crash(self, after: int, seconds: float) -> None:
        self.mesos.step(seconds)
        try:
            self.scheduler.cycle(crash_after=after)
        except CrashError:
            self.scheduler.start()

    @invariant()
    def nothing_forbidden_was_done(self) -> None:
        if self.begun:
            assert wrongs(self.mesos, self.scheduler) == []


class ThreeNodes(Machine):
    """Random events for a world whose three nodes are up; `machines` is the number of its agents."""

    machines = 4

    @initialize()
    def begin(self) -> None:
        self.world = play([Send.until_complete()], World(machines=agents(self.machines)))
        self.mesos, self.scheduler = self.world.mesos, self.world.scheduler
