"""Restarts, pauses and replacements in any order, with faults in between: each ends, and no other change is held up."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from scheduler.core.commands.command import (
    CancelIntent,
    Command,
    Interrupt,
    PauseNode,
    Proceed,
    ReplaceNode,
    RestartNodes,
    RestartStep,
    ResumeNode,
)
from scheduler.core.plans.plan import Status
from scheduler.core.state.node import IntentKind
from tests.simulation.engine.random_runs import PICK, SECONDS, ThreeNodes, machine_settings

AWAY = st.sampled_from((None, 60.0, 600.0))


class Intents(ThreeNodes):
    """Random commands on three nodes that are up, and faults of their agents."""

    machines = 6

    def _name(self, pick: int) -> str:
        return f"node-{pick % 3}"

    def _hostname(self, pick: int) -> str:
        found = sorted(agent.hostname for agent in self.mesos.agents.values())
        return found[pick % len(found)]

    def _command(self, command: Command) -> None:
        self.scheduler.command(command)

    @rule(seconds=SECONDS, cycles=st.integers(min_value=1, max_value=20))
    def go_on(self, seconds: float, cycles: int) -> None:
        self.world.go_on(seconds, cycles)

    @rule(pick=PICK, forced=st.booleans(), by_rack=st.booleans())
    def restart_node(self, pick: int, forced: bool, by_rack: bool) -> None:
        self._command(RestartNodes((self._name(pick),), "operator", forced, by_rack))

    @rule(pick=PICK, forced=st.booleans())
    def pause(self, pick: int, forced: bool) -> None:
        self._command(PauseNode(self._name(pick), "operator", forced))

    @rule(pick=PICK)
    def resume(self, pick: int) -> None:
        self._command(ResumeNode(self._name(pick), "operator"))

    @rule(pick=PICK)
    def replace_node(self, pick: int) -> None:
        self._command(ReplaceNode(self._name(pick), "operator"))

    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        self._command(CancelIntent(self._name(pick), "operator"))

    @rule(plan=st.sampled_from(("deploy", "recovery")), interrupt=st.booleans())
    def operate(self, plan: str, interrupt: bool) -> None:
        self._command(Interrupt(plan) if interrupt else Proceed(plan))

    @rule(seconds=AWAY)
    def replace_after(self, seconds: float | None) -> None:
        policy = replace(self.scheduler.state.policy, replace_after_seconds=seconds)
        self.scheduler.state = replace(self.scheduler.state, policy=policy)

    @rule(pick=PICK)
    def die(self, pick: int) -> None:
        if live := self.mesos.live_tasks():
            self.mesos.fail_task(live[pick % len(live)].id)

    @rule(pick=PICK, noticed=st.booleans(), cut=st.booleans())
    def lose_agent(self, pick: int, noticed: bool, cut: bool) -> None:
        agent = self.world.agent(self._hostname(pick))
        self.mesos.partition(agent)
        if noticed:
            self.mesos.mark_unreachable(agent)
        self.world.cut(agent.hostname, cut)

    @rule(pick=PICK)
    def agent_returns(self, pick: int) -> None:
        self._come_back(self._hostname(pick))

    @rule(pick=PICK, new_agent_id=st.booleans())
    def reboot_agent(self, pick: int, new_agent_id: bool) -> None:
        self.mesos.reboot(self.world.agent(self._hostname(pick)), new_agent_id)

    @rule()
    def restart_master(self) -> None:
        self.mesos.restart_master()

    def _come_back(self, hostname: str) -> None:
        self.mesos.reconnect(self.world.agent(hostname))
        self.world.cut(hostname, False)

    def teardown(self) -> None:
        """All agents come back; an operator resumes what is paused, and restarts failed steps. Each intent ends."""
        if not self.begun:
            return
        for hostname in [agent.hostname for agent in self.mesos.agents.values()]:
            self._come_back(hostname)
        for plan in ("deploy", "recovery"):
            self._command(Proceed(plan))
        for _ in range(80):
            self.world.go_on(5.0, 10)
            nodes = list(self.scheduler.state.nodes.values())
            if self.scheduler.healthy() and all(node.intent is None and not node.abandoned for node in nodes):
                break
            for node in nodes:
                if node.intent is not None and node.intent.kind is IntentKind.PAUSE and node.mode == "PAUSED":
                    self._command(ResumeNode(node.name, "operator"))
            self._restart_failed_steps()
        else:
            raise AssertionError(f"not settled: {self.scheduler.plans()}")
        self.nothing_forbidden_was_done()

    def _restart_failed_steps(self) -> None:
        for plan in self.scheduler.plans().values():
            for phase in plan.phases:
                for step in phase.steps:
                    if step.status is Status.ERROR:
                        self._command(RestartStep(plan.name, phase.name, step.name))


TestIntents = Intents.TestCase
TestIntents.settings = machine_settings(60, 25)
