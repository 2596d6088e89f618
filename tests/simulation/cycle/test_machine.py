"""Whatever happens in whatever order, nothing forbidden is done; and once all is well again the cluster comes up."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scheduler.core.commands.command import Interrupt, Proceed, RestartStep
from scheduler.core.plans.build import ALWAYS
from scheduler.core.plans.plan import Status, Step
from scheduler.core.state.operation import is_live
from scheduler.core.state.reason import Code
from tests.simulation.engine.machines import Agent
from tests.simulation.engine.model import Mesos
from tests.simulation.engine.samples import Ids, agents, spec
from tests.simulation.engine.scheduler import CrashError, Scheduler
from tests.simulation.engine.script import wrongs

PICK = st.integers(min_value=0, max_value=9)
SECONDS = st.sampled_from((0.2, 1.0, 4.0, 11.0, 31.0))
# The clock may jump back by hours: it is never set to before the epoch.
LONG_SINCE = 1e9
JUMP = st.sampled_from((-3600.0, -60.0, -2.0, 2.0, 60.0, 3600.0))
LOSABLE = ("STATUS", "WORD", "ANSWER", "REPLY", "OPERATION")
REPEATABLE = ("UPDATE", "REPLY", "OPERATION")


class Cluster(RuleBasedStateMachine):
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
        if not hasattr(self, "scheduler"):
            return
        assert wrongs(self.mesos, self.scheduler) == []
        assert self.mesos.kills == []
        busy = [name for task in self.mesos.live_tasks() for bundle in task.used.values() for name in bundle.volumes]
        assert len(busy) == len(set(busy)), "two tasks on one volume"

    def teardown(self) -> None:
        if hasattr(self, "scheduler"):
            heal(self.mesos, self.scheduler)
            self.nothing_forbidden_was_done()


def heal(mesos: Mesos, scheduler: Scheduler) -> None:
    """All faults end; the cluster must come up, its operations end, and then all stays as it is."""
    mesos.refuse_next = set()
    mesos.drop_next = set()
    mesos.jobs.held = set()
    mesos.jobs.failures = {}
    for agent in mesos.agents.values():
        mesos.reconnect(agent)
    for plan in (*scheduler.plans(), "deploy"):  # that one again: the first time it ends an interrupt, then a canary
        scheduler.command(Proceed(plan))
    for count in range(400):
        mesos.step(5.0)
        scheduler.cycle()
        for plan, phase, step in _open_steps(scheduler):
            lost = count % 100 == 99 and step.reason in (Code.UNREACHABLE, Code.OWN_AGENT)
            if step.status is Status.ERROR or lost:
                scheduler.command(RestartStep(plan, phase, step.name))
        live = [kind for kind, operation in scheduler.state.operations.items() if is_live(operation)]
        if (
            scheduler.healthy()
            and not live
            and all(scheduler.plans()[plan].status is Status.COMPLETE for plan in ALWAYS)
        ):
            break
    else:
        raise AssertionError(f"the cluster does not come up: {scheduler.plans()}")
    records = {node.host_id for node in scheduler.state.nodes.values()}
    assert records == mesos.ring.members
    assert_at_rest(mesos, scheduler)
    assert mesos.live_jobs() == []


def _open_steps(scheduler: Scheduler) -> list[tuple[str, str, Step]]:
    found = [
        (plan.name, phase, step) for plan in scheduler.plans().values() for phase in plan.phases for step in phase.steps
    ]
    return [(plan, phase.name, step) for plan, phase, step in found if step.status is not Status.COMPLETE]


def assert_at_rest(mesos: Mesos, scheduler: Scheduler, cycles: int = 10) -> None:
    """Nothing but questions any more, until the next look at what nobody knows."""
    for _ in range(14):  # what is on its way may arrive, and failures are forgotten after a while
        mesos.step(5.0)
        scheduler.put_off_looking()
        scheduler.cycle()
    for _ in range(cycles):
        mesos.step(5.0)
        scheduler.put_off_looking()
        decision = scheduler.cycle()
        quiet = replace(decision, asks=(), reconcile=None)
        assert quiet == type(quiet)(), quiet


TestCluster = Cluster.TestCase
TestCluster.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
