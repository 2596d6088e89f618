"""The rules that every state keeps are ones that can be broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.invariants import invariants
from scheduler.core.state import ClusterState, Reservation, TaskState
from tests.unit.core.samples import node, state, up


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
    ],
)
def test_invariants(found: ClusterState, part: str) -> None:
    broken = invariants(found)
    assert bool(broken) == bool(part)
    assert part in "; ".join(broken)
