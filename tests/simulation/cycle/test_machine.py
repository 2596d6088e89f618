"""Random events in any order: nothing forbidden is done, and after all faults the cluster comes up."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from scheduler.core.commands.command import Interrupt, Proceed
from tests.simulation.engine.machines import Agent
from tests.simulation.engine.model import Mesos
from tests.simulation.engine.random_runs import PICK, SECONDS, Machine, machine_settings
from tests.simulation.engine.rest import heal
from tests.simulation.engine.samples import Ids, agents, spec
from tests.simulation.engine.scheduler import Scheduler

# The clock may jump back by hours: it is never set to before the epoch.
LONG_SINCE = 1e9
JUMP = st.sampled_from((-3600.0, -60.0, -2.0, 2.0, 60.0, 3600.0))
LOSABLE = ("STATUS", "WORD", "ANSWER", "REPLY", "OPERATION")
REPEATABLE = ("UPDATE", "REPLY", "OPERATION")


class Cluster(Machine):
    """Random events against one model and the schedulers that run on it in turn."""

    @initialize(mounts=st.booleans(), linger=st.integers(min_value=0, max_value=4))
    def begin(self, mounts: bool, linger: int) -> None:
        ids = Ids()
        self.mesos = Mesos(agents(4, mounts=2 if mounts else 0), ids)
        self.mesos.now = LONG_SINCE
        self.mesos.linger = linger
        wanted = spec(3, disk_type="MOUNT" if mounts else "ROOT")
        self.scheduler = Scheduler(self.mesos, wanted, ids)

    def _agent(self, pick: int) -> Agent:
        found = list(self.mesos.agents.values())
        return found[pick % len(found)]

    @rule()
    def restart(self) -> None:
        self.scheduler.start()

    @rule(kinds=st.sets(st.sampled_from(LOSABLE), min_size=1), seconds=SECONDS)
    def lose_events(self, kinds: set[str], seconds: float) -> None:
        self.mesos.step(seconds)
        self.scheduler.lose = lambda kind: kind in kinds
        self.scheduler.cycle()
        self.scheduler.lose = lambda kind: False

    @rule()
    def repeat_events(self) -> None:
        again = [event for event in self.mesos.events if event[0] in REPEATABLE]
        self.mesos.events.extend(again)

    @rule(times=st.sampled_from((0, 2)), seconds=SECONDS)
    def lose_or_repeat_acknowledgements(self, times: int, seconds: float) -> None:
        self.mesos.step(seconds)
        self.scheduler.acknowledgements = times
        try:
            self.scheduler.cycle()
        finally:
            self.scheduler.acknowledgements = 1

    @rule(jump=JUMP)
    def jump_clock(self, jump: float) -> None:
        """The scheduler's clock is set, by a person or after a move; Mesos' own goes on as it did."""
        self.scheduler.ahead += jump

    @rule()
    def offer_in_part(self) -> None:
        self.mesos.allocate(partial=True)

    @rule(seconds=SECONDS)
    def rescind_too_late(self, seconds: float) -> None:
        """The offers are gone, but the word of it comes after the decision."""
        self.mesos.step(seconds)
        unread = len(self.mesos.events)
        self.mesos.rescind()
        late = [self.mesos.events.pop() for _ in range(len(self.mesos.events) - unread)]
        self.scheduler.cycle()
        self.mesos.events.extend(reversed(late))

    @rule(pick=PICK, executor_first=st.booleans())
    def die(self, pick: int, executor_first: bool) -> None:
        if live := [task for task in self.mesos.live_tasks() if task.job is None]:
            task_id = live[pick % len(live)].id
            if executor_first:
                self.mesos.fail_executor(task_id)
            else:
                self.mesos.fail_task(task_id)

    @rule(pick=PICK, noticed=st.booleans())
    def lose_agent(self, pick: int, noticed: bool) -> None:
        self.mesos.partition(self._agent(pick))
        if noticed:
            self.mesos.mark_unreachable(self._agent(pick))

    @rule(pick=PICK)
    def agent_returns(self, pick: int) -> None:
        self.mesos.reconnect(self._agent(pick))

    @rule(pick=PICK, new_agent_id=st.booleans())
    def reboot_agent(self, pick: int, new_agent_id: bool) -> None:
        self.mesos.reboot(self._agent(pick), new_agent_id)

    @rule()
    def restart_master(self) -> None:
        self.mesos.restart_master()

    @rule(kind=st.sampled_from(("RESERVE", "CREATE", "LAUNCH")))
    def operation_fails(self, kind: str) -> None:
        self.mesos.refuse_next = {kind}

    @rule(interrupt=st.booleans())
    def operate(self, interrupt: bool) -> None:
        self.scheduler.command(Interrupt("deploy") if interrupt else Proceed("deploy"))

    @precondition(lambda self: self.scheduler.spec.nodes < 4)
    @rule()
    def grow(self) -> None:
        self.scheduler.spec = replace(self.scheduler.spec, nodes=4)
        self.scheduler.start()

    @invariant()
    def nothing_forbidden_was_done(self) -> None:
        super().nothing_forbidden_was_done()
        if not self.begun:
            return
        assert self.mesos.kills == []
        busy = [name for task in self.mesos.live_tasks() for bundle in task.used.values() for name in bundle.volumes]
        assert len(busy) == len(set(busy)), "two tasks on one volume"

    def teardown(self) -> None:
        if self.begun:
            heal(self.mesos, self.scheduler)
            self.nothing_forbidden_was_done()


TestCluster = Cluster.TestCase
TestCluster.settings = machine_settings(200, 40)
