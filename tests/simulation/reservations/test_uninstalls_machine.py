"""The service is removed at any moment: whatever happens before and after, nothing forbidden is done or left behind."""

from __future__ import annotations

from hypothesis.stateful import invariant, precondition, rule

from scheduler.core.commands.command import ForceComplete
from scheduler.core.state.node import TaskState
from tests.simulation.cycle.test_machine import Cluster
from tests.simulation.engine.random_runs import machine_settings
from tests.simulation.engine.script import wrongs


class Removal(Cluster):
    """The cluster's random events, and an uninstall among them."""

    @precondition(lambda self: not self.scheduler.uninstalls)
    @rule()
    def uninstall(self) -> None:
        for agent in self.mesos.agents.values():
            for data in agent.volumes.values():
                data.given_up = True
        self.scheduler.uninstalls = True
        self.scheduler.start()

    @invariant()
    def nothing_forbidden_was_done(self) -> None:
        if self.begun:
            assert wrongs(self.mesos, self.scheduler) == []
            assert self.scheduler.uninstalls or self.mesos.kills == []

    def give_up_tasks(self) -> None:
        """As an operator would: what ran on a machine that came back under another id is no more."""
        for node in self.scheduler.state.nodes.values():
            if node.task is not None and node.task.state is TaskState.UNKNOWN:
                self.scheduler.command(ForceComplete("uninstall", "Tasks", node.name))

    def teardown(self) -> None:
        if not self.begun:
            return
        if not self.scheduler.uninstalls:
            self.uninstall()
        self.mesos.refuse_next = set()
        for agent in self.mesos.agents.values():
            self.mesos.reconnect(agent)
        for count in range(400):
            if self.scheduler.over:
                break
            self.mesos.step(5.0)
            self.scheduler.cycle()
            if count % 100 == 99:
                self.give_up_tasks()
        self.nothing_forbidden_was_done()
        assert self.scheduler.over, self.scheduler.plans()
        assert (self.scheduler.znodes, self.mesos.live_tasks()) == ({}, [])
        self.mesos.rescind()
        for agent in self.mesos.agents.values():
            assert not agent.volumes
            assert not any(owner and not bundle.empty for owner, bundle in agent.available.items())


TestRemoval = Removal.TestCase
TestRemoval.settings = machine_settings(300, 30)
