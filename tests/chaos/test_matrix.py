"""Every fault at every kind of work: it is done in the end, no row is lost, nothing runs twice, nothing is leaked."""

from __future__ import annotations

import json
import time

import pytest

from devcluster.requests import UnreachableError
from tests.chaos.conftest import Ring
from tests.chaos.faults import FAULTS, HANGS, Fault
from tests.chaos.invariants import check_nothing_twice, leaked, missing
from tests.chaos.works import IDLE, WORKS, Work
from tests.cluster.world import World
from tests.waiting import NotInTimeError, wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.cassandra, pytest.mark.timeout(600)]

_AT_WORK_SECONDS = 90.0
_DONE_SECONDS = 300.0
_RELEASE_SECONDS = 30.0


CASES = [(work, fault) for work in WORKS for fault in (*FAULTS, *(HANGS if work is IDLE else ()))]


@pytest.mark.parametrize(
    ("work", "fault"), [pytest.param(work, fault, id=f"{work.name}-{fault.name}") for work, fault in CASES]
)
def test_it_is_done_in_the_end(ring: Ring, work: Work, fault: Fault) -> None:
    world = ring.world
    began = time.monotonic()
    with ring.client.writing():
        wanted = work.begin(world)
        agent = world.agent_of(wait_at_work(world, work, wanted))
        struck = time.monotonic()
        fault.strike(world, agent)
        wait_done(world, work, wanted)
    done = time.monotonic()
    rows = ring.client.check()
    wait_for("nothing is leaked", lambda: not leaked(world), _RELEASE_SECONDS)
    print(
        f"{work.name} {fault.name}: at work after {struck - began:.1f} s, done {done - struck:.1f} s later, {rows} rows"
    )


def wait_at_work(world: World, work: Work, wanted: str) -> str:
    """The first node that is in the middle of it."""
    found: set[str] = set()

    def is_at_work() -> bool:
        try:
            found.update(work.at_work(world, wanted))
        except UnreachableError:  # a scheduler that the case before had halted may end only now
            world.start()
        return bool(found)

    wait_for(f"{work.name} is under way", is_at_work, _AT_WORK_SECONDS)
    return min(found)


def wait_done(world: World, work: Work, wanted: str) -> None:
    """Until the work is done and the cluster whole; what has ended by itself is started again, as Marathon would."""

    seen = ""

    def is_done() -> bool:
        nonlocal seen
        world.start()
        check_nothing_twice(world)
        try:
            seen = "" if world.is_whole() and work.done(world, wanted) else "not all plans are COMPLETE"
            seen = seen or missing(world)
        except UnreachableError as error:
            seen = str(error)
        return not seen

    try:
        wait_for(f"{work.name} is done and the cluster whole", is_done, _DONE_SECONDS)
    except NotInTimeError as error:
        plans = {name: world.read(f"/v1/plans/{name}") for name in world.read("/v1/plans")}
        left = {name: plan for name, plan in plans.items() if plan["status"] != "COMPLETE"}
        raise NotInTimeError(f"{error}: {seen}\n{json.dumps(left, indent=1)}") from error
