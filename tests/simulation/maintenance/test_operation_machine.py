"""Operations that begin and end during random events: nothing forbidden is done, and after all faults they finish."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from executor.protocol import JobResult
from scheduler.core.commands.command import (
    Command,
    ForceComplete,
    Interrupt,
    Proceed,
    RestartStep,
    ResumeOperation,
    StopOperation,
    TuneOperation,
)
from scheduler.core.state.operation import OperationState, is_live
from scheduler.core.state.operation_kinds import KINDS
from tests.simulation.cycle.test_machine import LONG_SINCE, Cluster
from tests.simulation.engine.model import Mesos
from tests.simulation.engine.random_runs import PICK, SECONDS, machine_settings
from tests.simulation.engine.rest import heal
from tests.simulation.engine.samples import Ids, agents, begin, spec
from tests.simulation.engine.scheduler import Scheduler

KIND = st.sampled_from(("backup", "restore", "cleanup", "repair"))
JOBS = sorted({phase.job for kind in ("backup", "restore", "cleanup", "repair") for phase in KINDS[kind].phases})
JOB = st.sampled_from(JOBS)
MESSAGES = ("REPORT", "TUNING")


class Operations(Cluster):
    """Random operations of a cluster that is up."""

    @initialize(mounts=st.booleans())
    def begin(self, mounts: bool) -> None:
        ids = Ids()
        self.mesos = Mesos(agents(4, mounts=2 if mounts else 0), ids)
        self.mesos.now = LONG_SINCE
        self.scheduler = Scheduler(self.mesos, spec(3, disk_type="MOUNT" if mounts else "ROOT"), ids)
        self.started = 0
        heal(self.mesos, self.scheduler)

    @rule(kind=KIND, nodes=st.integers(1, 3), at_once=st.integers(0, 3))
    def start(self, kind: str, nodes: int, at_once: int) -> None:
        self.started += 1
        more = {"upload_parallelism": max(1, at_once)} if kind == "backup" else {}
        if kind in ("cleanup", "restore"):
            more = {"parallelism": at_once}
        sealed = "sealed" if nodes > 1 else ""
        self._command(begin(kind, f"run-{self.started}", 3 if kind == "backup" else nodes, sealed, **more))

    @rule(kind=KIND)
    def stop(self, kind: str) -> None:
        self._command(StopOperation(kind))

    @rule(kind=KIND)
    def resume(self, kind: str) -> None:
        self._command(ResumeOperation(kind, "sealed anew"))

    @rule(kind=KIND, throttle=st.integers(0, 9))
    def tune(self, kind: str, throttle: int) -> None:
        self._command(TuneOperation(kind, {"throttle": throttle}))

    @rule(kind=KIND, interrupt=st.booleans())
    def interrupt_operation(self, kind: str, interrupt: bool) -> None:
        self._command(Interrupt(kind) if interrupt else Proceed(kind))

    @rule(pick=PICK, kind=KIND)
    def restart_step(self, pick: int, kind: str) -> None:
        phases = KINDS[kind].phases
        phase = phases[pick % len(phases)]
        self._command(RestartStep(kind, phase.name, "cluster" if phase.once else f"node-{pick % 3}"))

    @rule(pick=PICK)
    def force_step(self, pick: int) -> None:
        self._command(ForceComplete("cleanup", "Cleanup", f"node-{pick % 3}"))

    @rule(jobs=st.sets(JOB, max_size=4))
    def hold_jobs(self, jobs: set[str]) -> None:
        self.mesos.jobs.held = jobs

    @rule(job=JOB, times=st.integers(1, 4), hopeless=st.booleans())
    def fail_jobs(self, job: str, times: int, hopeless: bool) -> None:
        self.mesos.jobs.failures[job] = [
            JobResult(error=f"failure {number}", hopeless=hopeless) for number in range(times)
        ]

    @rule(job=JOB, pick=PICK)
    def drop_launch(self, job: str, pick: int) -> None:
        self.mesos.drop_next.add(f"{job}-node-{pick % 3}")

    @rule(kinds=st.sets(st.sampled_from(MESSAGES), min_size=1), seconds=SECONDS, cycles=st.integers(1, 5))
    def lose_messages(self, kinds: set[str], seconds: float, cycles: int) -> None:
        self.scheduler.lose = lambda kind: kind in kinds
        self.go_on(seconds, cycles)
        self.scheduler.lose = lambda kind: False

    def _command(self, command: Command) -> None:
        """Refused or not: what it does is judged by what follows."""
        self.scheduler.command(command)
        self.go_on(1.0, 2)

    def teardown(self) -> None:
        if not self.begun:
            return
        super().teardown()
        for kind, operation in self.scheduler.state.operations.items():
            assert not is_live(operation), kind
        newest = self.scheduler.state.operations.get("backup")
        if newest is not None and newest.state is OperationState.COMPLETE:
            left = {
                tag for agent in self.mesos.agents.values() for data in agent.volumes.values() for tag in data.snapshots
            }
            assert f"backup-{newest.id}" not in left


TestOperations = Operations.TestCase
TestOperations.settings = machine_settings(100, 40)
