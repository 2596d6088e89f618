"""Amounts as Mesos counts them."""

from __future__ import annotations

import pytest

from scheduler.core.mesos.resources import Share, contains, node_needs, to_milli, to_ranges, to_scalar
from tests.unit.scheduler.core.samples import spec


@pytest.mark.parametrize(
    ("value", "milli"), [(0.1, 100), (0.1 + 0.2, 300), (1, 1000), (0.0004, 0), (1.1 * 3, 3300), (4096.0, 4_096_000)]
)
def test_scalars_have_three_decimals(value: float, milli: int) -> None:
    assert to_milli(value) == milli


def test_adding_and_taking_away_leaves_nothing() -> None:
    assert to_scalar(to_milli(4.0) - to_milli(0.1) * 40) == 0.0


@pytest.mark.parametrize(
    ("ports", "ranges"),
    [
        ([], ()),
        ([9042], ((9042, 9042),)),
        ([7001, 7000, 9042], ((7000, 7001), (9042, 9042))),
        ([1, 2, 3, 5, 5], ((1, 3), (5, 5))),
    ],
)
def test_ports_in_the_fewest_ranges(ports: list[int], ranges: tuple[tuple[int, int], ...]) -> None:
    assert to_ranges(ports) == ranges
    assert all(contains(ranges, port) for port in ports)
    assert not contains(ranges, 4)


def test_a_node_needs_its_task_its_executor_and_a_share_for_maintenance() -> None:
    needs = node_needs(spec())
    assert needs.launch == Share(cpus=600, mem=576_000)
    assert needs.total == Share(cpus=700, mem=640_000)
    assert needs.ports == (7000, 7001, 7199, 9042)
    assert needs.disk == 1_024_000
