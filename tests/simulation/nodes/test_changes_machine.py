"""Settings of the environment and of the API, canaries and ways back in any order, with faults in between."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from scheduler.core.commands.command import Interrupt, Proceed, RestartNodes
from scheduler.core.configuration.overrides import active_overrides, apply_overrides
from tests.simulation.engine.random_runs import PICK, SECONDS, ThreeNodes, machine_settings
from tests.simulation.engine.rest import heal
from tests.simulation.engine.samples import SETTINGS, wanted
from tests.simulation.nodes.test_changes import HEAP_MB, put, roll_back
from tests.simulation.nodes.test_rollouts import heaps

HEAPS = st.sampled_from((None, "", "280", "300", "350"))


class Changes(ThreeNodes):
    """Random changes of three nodes that are up."""

    @rule(seconds=SECONDS, cycles=st.integers(min_value=1, max_value=12))
    def go_on(self, seconds: float, cycles: int) -> None:
        self.world.go_on(seconds, cycles)

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

    def teardown(self) -> None:
        if not self.begun:
            return
        scheduler = self.world.scheduler
        heal(self.world.mesos, scheduler)
        held = active_overrides(scheduler.state.overrides, scheduler.environment, SETTINGS)
        assert held == scheduler.state.overrides
        spec = wanted(scheduler.spec, held, scheduler.environment).spec
        assert heaps(self.world) == [spec.cassandra.heap_mb] * 3, apply_overrides(scheduler.environment, held)


TestChanges = Changes.TestCase
TestChanges.settings = machine_settings(60, 25)
