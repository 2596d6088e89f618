"""Some hours in which more happens than elsewhere in a week, under fixed seeds; `bench/week.py` is the long version."""

from __future__ import annotations

import pytest

from tests.simulation.engine.faults import HOUR
from tests.simulation.engine.happenings import Kind
from tests.simulation.engine.week import Week

COUNTS = {
    **dict.fromkeys(Kind, 10),
    Kind.CASSANDRA_DIES: 40,
    Kind.EXECUTOR_DIES: 25,
    Kind.AGENT_AWAY: 25,
    Kind.AGENT_LOST: 3,
    Kind.MASTER_FAILOVER: 4,
    Kind.SCHEDULER_KILLED: 40,
    Kind.ROLLING_RESTART: 4,
    Kind.ROLL_OUT: 2,
    Kind.OPERATION: 4,
    Kind.OPERATION_STOPPED: 3,
    Kind.INTERRUPT: 5,
}
SPARE = 6


@pytest.mark.parametrize(("nodes", "seed"), [(1, 1), (3, 2), (6, 3), (6, 5), (6, 132), (12, 6), (30, 7)])
def test_whatever_happens_no_rule_is_broken_and_the_cluster_comes_to_rest(nodes: int, seed: int) -> None:
    lost = Kind.AGENT_LOST
    counts = {kind: count for kind, count in COUNTS.items() if kind is not lost or nodes > 1}
    report = Week(nodes, seed, SPARE).live(12 * HOUR, counts)
    for kind in (Kind.CASSANDRA_DIES, Kind.AGENT_AWAY, Kind.SCHEDULER_KILLED, Kind.ROLL_OUT):
        assert report.happenings[kind] > 0, kind


def test_the_same_seed_brings_the_same_week() -> None:
    first, second = (Week(3, 4, SPARE).live(2 * HOUR, COUNTS) for _ in range(2))
    assert first == second
