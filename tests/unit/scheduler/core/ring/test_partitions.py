"""Who is told to take a serving member as down, and after which time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from executor.protocol import encode_status
from scheduler.core.fold import fold_updates
from scheduler.core.mesos.updates import TaskUpdate
from scheduler.core.ring.missing import NAMED
from scheduler.core.ring.partitions import TOLD_SECONDS, partitions
from scheduler.core.state.cluster import Asked, ClusterState, Sighting
from scheduler.core.state.node import Missing, TaskState
from tests.unit.scheduler.core.samples import state, status, up

NOW = 1_764_000_000.0
LONG = TOLD_SECONDS


def address(index: int) -> str:
    return f"127.0.0.{index + 2}"


def ring(count: int, blind: dict[int, dict[int, float]], modes: dict[int, str] | None = None) -> ClusterState:
    """Return a ring; `blind` has by node which others it takes as down, and for how many seconds."""
    found = state(*(up(index, address=address(index)) for index in range(count)))
    sightings = {}
    for node in found.nodes.values():
        unseen = {address(index): NOW - age for index, age in blind.get(node.index, {}).items()}
        mode = (modes or {}).get(node.index, "NORMAL")
        said = status(endpoint=node.address, unreachable=tuple(unseen), mode=mode)
        assert node.task is not None
        sightings[node.name] = Sighting(node.task.id, said, NOW - 1.0, blind_since=unseen)
    return replace(found, sightings=sightings)


@pytest.mark.parametrize(
    ("blind", "modes", "expected"),
    [
        pytest.param({}, {}, [], id="all see all"),
        pytest.param({2: {0: LONG}}, {}, ["for node-2, node-0 has been down"], id="one of one"),
        pytest.param({2: {0: LONG - 1.0}}, {}, [], id="not for long"),
        pytest.param({2: {0: LONG}}, {0: "STARTING"}, [], id="it does not serve"),
        pytest.param({2: {0: LONG}}, {2: "DRAINED"}, [], id="who says so does not serve"),
        pytest.param({2: {9: LONG}}, {}, [], id="no member"),
        pytest.param(
            {0: {1: LONG, 2: LONG, 3: 1.0}, 1: {0: LONG}}, {},
            ["for node-0, node-1, node-2 have been down", "for node-1, node-0 has been down"], id="several",
        ),
    ],
)  # fmt: skip
def test_who_is_told(blind: dict[int, dict[int, float]], modes: dict[int, str], expected: list[str]) -> None:
    found = partitions(ring(4, blind, modes), NOW)
    assert [words.partition(" for more")[0] for words in found] == expected


@pytest.mark.parametrize("away", ["restarted", "missing"])
def test_a_node_that_has_just_come_back_is_no_partition(away: str) -> None:
    """Its peers took it as down with good reason, and need some seconds to see it again."""
    found = ring(3, {2: {0: 10 * LONG}})
    assert partitions(found, NOW)
    node = found.nodes["node-0"]
    assert node.task is not None
    if away == "missing":
        back = node
        gone = replace(node, mode="UNKNOWN", missing=Missing(NOW - LONG, NOW - LONG, ("node-1", "node-2")))
    else:
        back = gone = replace(node, task=replace(node.task, id="node-0__next"))
    found = replace(found, nodes={**found.nodes, "node-0": gone})
    assert back.task is not None
    for age in (LONG, LONG - 1.0, LONG - 2.0):
        update = TaskUpdate(back.task.id, TaskState.RUNNING, data=encode_status(status(endpoint=node.address)))
        found = fold_updates(found, [update], NOW - age)
    assert partitions(found, NOW - 1.0) == ()
    assert partitions(found, NOW)


def test_two_rooms_are_no_flood() -> None:
    one, other = range(10), range(10, 20)
    blind = {index: dict.fromkeys(other, LONG) for index in one}
    found = partitions(ring(20, blind), NOW)
    assert len(found) == NAMED
    assert "node-10, node-11, node-12, node-13, node-14 and 5 more have been down" in found[0]


def test_a_silent_executor_does_not_count() -> None:
    found = ring(3, {2: {0: LONG}})
    assert partitions(found, NOW)
    assert not partitions(replace(found, memory=replace(found.memory, asked={"node-2": Asked(NOW, 2)})), NOW)


def test_the_time_begins_with_the_first_report_of_a_task() -> None:
    found = state(up(0, address=address(0)), up(1, address=address(1)))

    def report(found: ClusterState, now: float, unseen: tuple[str, ...]) -> ClusterState:
        node = found.nodes["node-1"]
        assert node.task is not None
        said = status(endpoint=node.address, unreachable=unseen)
        update = TaskUpdate(node.task.id, TaskState.RUNNING, data=encode_status(said))
        return fold_updates(found, [update], now)

    for age, unseen in ((200.0, (address(0),)), (100.0, (address(0),)), (50.0, ()), (20.0, (address(0),))):
        found = report(found, NOW - age, unseen)
        since = found.sightings["node-1"].blind_since
        assert since == ({address(0): NOW - (200.0 if age >= 100.0 else age)} if unseen else {})
