"""More and fewer nodes in any order, refused, stopped and rejoining: it ends in NODES, or a plan says why not."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from scheduler.core.commands.command import Interrupt, Proceed, RestartStep, ResumeOperation, StopOperation
from scheduler.core.plans.plan import Status, Step
from scheduler.core.state.lifecycle import is_up
from scheduler.core.state.reason import Code
from tests.simulation.engine.random_runs import SECONDS, ThreeNodes, machine_settings
from tests.simulation.engine.samples import begin
from tests.simulation.engine.script import Send, wrongs
from tests.simulation.nodes.test_departures import decommission

NODES = st.integers(min_value=1, max_value=4)
# Only an operator brings about what these tell: his own stop, or his own decommission.
HIS_OWN = {Code.STOPPED, Code.LEFT}


class Departures(ThreeNodes):
    """Random wishes for three nodes that are up."""

    machines = 5

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0
        self.let_go_of: set[int] = set()  # by the operator, and wanted by NODES ever since

    @rule(seconds=SECONDS, cycles=st.integers(min_value=1, max_value=20))
    def go_on(self, seconds: float, cycles: int) -> None:
        self.world.go_on(seconds, cycles)

    @rule(nodes=NODES)
    def want(self, nodes: int) -> None:
        Send.scheduler_restart(nodes=nodes, seeds=1).play(self.world)
        self.world.scheduler.cycle()
        self.let_go_of = {index for index in self.let_go_of if index < nodes}

    @rule(hold=st.booleans())
    def hold(self, hold: bool) -> None:
        names = [f"decommission-node-{index}" for index in range(5)] if hold else []
        Send.hold(*names).play(self.world)

    @rule(times=st.integers(min_value=1, max_value=3), hopeless=st.booleans())
    def refuse(self, times: int, hopeless: bool) -> None:
        words = ["check: shop has 3 replicas"] * times
        Send.job_failures("decommission", *words, hopeless=hopeless).play(self.world)

    @rule(node=st.integers(min_value=0, max_value=3))
    def let_go(self, node: int) -> None:
        refused = self.world.scheduler.command(decommission(f"node-{node}"))
        if refused is None and node < self.world.scheduler.spec.nodes:
            self.let_go_of.add(node)

    @rule()
    def stop(self) -> None:
        self.world.scheduler.command(StopOperation("decommission", "alice"))

    @rule()
    def resume(self) -> None:
        self.world.scheduler.command(ResumeOperation("decommission"))

    @rule(node=st.integers(min_value=0, max_value=3))
    def restart_step(self, node: int) -> None:
        self.world.scheduler.command(RestartStep("decommission", None, f"node-{node}"))

    @rule(interrupt=st.booleans())
    def interrupt(self, interrupt: bool) -> None:
        self.world.scheduler.command(Interrupt("deploy") if interrupt else Proceed("deploy"))

    @rule(kind=st.sampled_from(("cleanup", "flush")))
    def do_something_else(self, kind: str) -> None:
        self.operations += 1
        self.world.scheduler.command(begin(kind, f"run-{self.operations}", 1))

    def teardown(self) -> None:
        """An operator mends what failed, and lets everything go on."""
        if not self.begun:
            return
        scheduler = self.world.scheduler
        Send.hold().play(self.world)
        self.world.mesos.jobs.failures = {}
        scheduler.command(Proceed("deploy"))
        for _ in range(60):
            self.world.go_on(5.0, 10)
            if self._settled():
                return
            for plan in scheduler.plans().values():
                for phase in plan.phases:
                    for step in phase.steps:
                        if step.status is Status.ERROR:
                            scheduler.command(RestartStep(plan.name, phase.name, step.name))
        raise AssertionError(f"NODES is {scheduler.spec.nodes}: {scheduler.plans()}")

    def _settled(self) -> bool:
        scheduler = self.world.scheduler
        members = {node.name for node in scheduler.state.nodes.values() if node.deployed is not None and is_up(node)}
        wanted = {f"node-{index}" for index in range(scheduler.spec.nodes)}
        steps = [step for phase in scheduler.plans()["deploy"].phases for step in phase.steps]
        told = {step.name for step in steps if self._is_his_own(step)}
        differs = members ^ wanted
        # Beside the one whose stop counts, others wait for their turn.
        waits = {step.name for step in steps if step.reason == Code.EARLIER_NODE} if told else set()
        return wrongs(self.world.mesos, scheduler) == [] and differs <= told | waits

    def _is_his_own(self, step: Step) -> bool:
        """That he let a node go explains its absence, and that another one does not leave for it, and no other's."""
        if step.reason == Code.LEFT:
            return bool(self.let_go_of)
        return step.reason in HIS_OWN


TestDepartures = Departures.TestCase
TestDepartures.settings = machine_settings(60, 25)
