"""The week's happenings, drawn from a seed, and the figures that are made of what was lived through."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from bench.__main__ import TABLE
from bench.week import COUNTS, figures
from tests.simulation.engine.happenings import Happening, Kind, log_uniform, schedule
from tests.simulation.engine.week import Report


def test_as_many_of_each_kind_as_asked_for_in_order() -> None:
    found = schedule(1, 3600.0, COUNTS)
    assert Counter(item.kind for item in found) == COUNTS
    assert [item.at for item in found] == sorted(item.at for item in found)
    assert all(0.0 <= item.at <= 3600.0 for item in found)


def test_the_seed_decides_alone() -> None:
    assert schedule(1, 3600.0, COUNTS) == schedule(1, 3600.0, COUNTS)
    assert schedule(1, 3600.0, COUNTS) != schedule(2, 3600.0, COUNTS)


def test_one_kind_does_not_move_another() -> None:
    def deaths(others: dict[Kind, int]) -> list[Happening]:
        found = schedule(1, 3600.0, {Kind.CASSANDRA_DIES: 5, **others})
        return [item for item in found if item.kind is Kind.CASSANDRA_DIES]

    assert deaths({}) == deaths({Kind.AGENT_AWAY: 7})


@pytest.mark.parametrize(("low", "high"), [(5.0, 10_800.0), (1.0, 60.0)])
def test_as_many_short_times_as_long_ones(low: float, high: float) -> None:
    chance = random.Random(1)
    times = [log_uniform(chance, low, high) for _ in range(1000)]
    middle = (low * high) ** 0.5
    assert low <= min(times)
    assert max(times) <= high
    assert 400 < sum(1 for seconds in times if seconds < middle) < 600


def test_every_kind_happens_and_is_printed() -> None:
    report = Report(1000, 700_000.4, 5, 6, 7, dict.fromkeys(COUNTS, 2), 600.0)
    found = figures(report, 12.34)
    assert set(COUNTS) == set(Kind)
    assert found["happenings"] == 2 * len(Kind)
    assert (found["simulated_s"], found["real_s"], found["clock_jump"]) == (700_000, 12.3, 2)
    assert {row.figure for row in TABLE["bench.week"]} <= {*found, "failover_s"}
