"""Settings of the environment and of the API, canaries and ways back in any order, with faults in between."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scheduler.core.commands.command import Interrupt, Proceed, RestartNodes
from scheduler.core.configuration.overrides import active_overrides, apply_overrides
from tests.simulation.cycle.test_machine import PICK, SECONDS, heal
from tests.simulation.engine.samples import SETTINGS, agents, wanted
from tests.simulation.engine.scheduler import CrashError
from tests.simulation.engine.script import Send, World, play, wrongs
from tests.simulation.nodes.test_changes import HEAP_MB, put, roll_back
from tests.simulation.nodes.test_rollouts import heaps

HEAPS = st.sampled_from((None, "", "280", "300", "350"))


class Changes(RuleBasedStateMachine):
    """Random changes of three nodes that are up."""

    @initialize()
    def begin(self) -> None:
        self.world = play([Send.until_complete()], World(machines=agents(4)))

    @rule(seconds=SECONDS, cycles=st.integers(min_value=1, max_value=12))
    def go_on(self, seconds: float, cycles: int) -> None:
        self.world.go_on(seconds, cycles)

    @rule(after=st.integers(min_value=0, max_value=6), seconds=SECONDS)
    def crash(self, after: int, seconds: float) -> None:
        self.world.mesos.step(seconds)
        try:
            self.world.scheduler.cycle(crash_after=after)
        except CrashError:
            self.world.scheduler.start()

    @rule(heap=HEAPS, canary=st.booleans())
    def change(self, heap: str | None, canary: bool) -> None:
        put(canary, **{HEAP_MB: heap}).play(self.world)

    @rule(heap=HEAPS)
    def change_environment(self, heap: str | None) -> None:
        self.world.scheduler.environment = {HEAP_MB: heap} if heap else {}
        self.world.scheduler.start()

    @rule()
    def go_back(self) -> None:
        if self.world.scheduler.state.previous is not None:
            roll_back().play(self.world)

    @rule(interrupt=st.booleans())
    def operate(self, interrupt: bool) -> None:
        self.world.scheduler.command(Interrupt("deploy") if interrupt else Proceed("deploy"))

    @rule(pick=PICK)
    def restart_node(self, pick: int) -> None:
        self.world.scheduler.command(RestartNodes((f"node-{pick % 3}",), "operator"))

    @rule(pick=PICK)
    def die(self, pick: int) -> None:
        if live := self.world.mesos.live_tasks():
            self.world.mesos.fail_task(live[pick % len(live)].id)

    @invariant()
    def nothing_forbidden_was_done(self) -> None:
        if hasattr(self, "world"):
            assert wrongs(self.world.mesos, self.world.scheduler) == []

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        scheduler = self.world.scheduler
        heal(self.world.mesos, scheduler)
        held = active_overrides(scheduler.state.overrides, scheduler.environment, SETTINGS)
        assert held == scheduler.state.overrides
        spec = wanted(scheduler.spec, held, scheduler.environment).spec
        assert heaps(self.world) == [spec.cassandra.heap_mb] * 3, apply_overrides(scheduler.environment, held)


TestChanges = Changes.TestCase
TestChanges.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
