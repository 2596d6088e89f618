"""The end of all faults: the cluster must come up and come to rest."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.commands.command import Proceed, RestartStep
from scheduler.core.plans.build import ALWAYS
from scheduler.core.plans.plan import Status, Step
from scheduler.core.state.operation import is_live
from scheduler.core.state.reason import Code
from tests.simulation.engine.model import Mesos
from tests.simulation.engine.scheduler import Scheduler


def heal(mesos: Mesos, scheduler: Scheduler) -> None:
    """End all faults; the cluster must come up and end its operations, and then nothing changes any more."""
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
    """Check that the scheduler only asks questions, until its next search for unknown reservations."""
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
