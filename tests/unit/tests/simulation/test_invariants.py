"""The rules that every state keeps are ones that can be broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import Reservation, TaskState
from scheduler.core.state.operation import HistoryRecord, OperationRecord, OperationState, StepRecord, StepState
from tests.simulation.engine.invariants import invariants
from tests.unit.scheduler.core.samples import node, operation, state, step, up

CLEANUP = operation("cleanup")
COMPLETE, STOPPED = OperationState.COMPLETE, OperationState.STOPPED
ALL_DONE = [step(f"cleanup.Cleanup.node-{index}", StepState.COMPLETE) for index in range(3)]
DONE = ALL_DONE[0]
RUNS, BESIDE = (step(f"cleanup.Cleanup.node-{index}", StepState.RUNNING) for index in range(2))
FAILED = step("cleanup.Cleanup.node-1", StepState.FAILED)


def known(
    asked: OperationRecord, *steps: StepRecord, more: Mapping[str, OperationRecord] | None = None, history: int = 0
) -> ClusterState:
    past = (HistoryRecord(replace(asked, started_at=float(number))) for number in range(history))
    return state(
        up(0),
        operations={asked.kind: asked, **(more or {})},
        steps={item.key: item for item in steps},
        history={item.key: item for item in past},
    )


def second_on(found: StepRecord) -> StepRecord:
    """The next node's step, with a job of its own on the first one's node."""
    assert found.task is not None
    return replace(BESIDE, task=replace(found.task, id="another"))


@pytest.mark.parametrize(
    ("found", "part"),
    [
        (state(), ""),
        (state(up(0), up(1), node(2, TaskState.STAGING)), ""),
        (state(up(0), up(1, agent=up(0).agent)), "the agent S0 belongs to 2 nodes"),
        (state(up(0), up(1, reservation=up(0).reservation)), "the reservation reservation-0 belongs to 2 nodes"),
        (state(up(0), up(1, host_id="h0")), "the host id h0 belongs to 2 nodes"),
        (state(up(0), up(1, task=up(0).task)), "the task node-0__a belongs to 2 nodes"),
        (state(node(0), node(1)), "node-0, node-1 join at once"),
        (state(up(0, address=None)), "node-0 is a member without"),
        (state(up(0, reservation=Reservation("r", "v", seen=False))), "never seen"),
        (state(up(0, deployed="x")), "deployed with the unknown configuration x"),
        (state(node(0, agent=None)), "only one of agent and reservation"),
        (replace(state(), nodes={"node-1": up(0)}), "node-1 is recorded as node-0"),
        (known(CLEANUP), ""),
        (known(CLEANUP, RUNS, BESIDE), ""),
        (known(replace(CLEANUP, state=STOPPED, finished_at=2.0), DONE, FAILED), ""),
        (known(replace(CLEANUP, state=COMPLETE, finished_at=2.0), *ALL_DONE), ""),
        (known(CLEANUP, RUNS, more={"repair": operation("repair")}), "cleanup, repair work at once"),
        (known(CLEANUP, RUNS, replace(BESIDE, task=RUNS.task)), "the job cleanup-node-0__a has 2 steps"),
        (known(CLEANUP, RUNS, second_on(RUNS)), "the node node-0 has 2 jobs"),
        (known(CLEANUP, replace(RUNS, task=None)), "cleanup.Cleanup.node-0 runs without a job"),
        (known(replace(CLEANUP, state=STOPPED, finished_at=2.0), RUNS), "node-0 runs, but its operation is STOPPED"),
        (replace(known(CLEANUP), steps={"x": RUNS}), "x is recorded as cleanup.Cleanup.node-0"),
        (replace(known(CLEANUP), operations={"flush": CLEANUP}), "flush is recorded as cleanup"),
        (known(replace(CLEANUP, finished_at=2.0)), "cleanup is RUNNING, but has finished"),
        (known(replace(CLEANUP, state=STOPPED)), "cleanup is STOPPED, but has not finished"),
        (known(replace(CLEANUP, state=STOPPED, finished_at=2.0, sealed="s")), "STOPPED, but its secrets are kept"),
        (known(replace(CLEANUP, state=COMPLETE, finished_at=2.0), DONE), "complete without cleanup.Cleanup.node-1, c"),
        (known(CLEANUP, history=21), "the history has 21 of cleanup"),
        (known(CLEANUP, history=20), ""),
    ],
)
def test_invariants(found: ClusterState, part: str) -> None:
    broken = invariants(found)
    assert bool(broken) == bool(part)
    assert part in "; ".join(broken)
