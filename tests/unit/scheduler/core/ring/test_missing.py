"""Whose word counts when peers do not see a member, and how that is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.cycle.workspace import Cycle
from scheduler.core.ring.missing import describe_missing, doubted_members, note_missing
from scheduler.core.state.cluster import Asked, ClusterState, Sighting
from scheduler.core.state.node import Missing, NodeRecord, TaskState
from tests.unit.scheduler.core.samples import Ids, state, status, up

NOW = 1_764_000_000.0


def address(index: int) -> str:
    return f"127.0.0.{index + 2}"


def ring(count: int, silent: dict[int, int], blames: dict[int, tuple[int, ...]], **ages: float) -> ClusterState:
    """`silent`: unanswered questions; `blames`: whom each holds for down, said 1 s ago but for n<index>'s age."""
    found = state(*(up(index, address=address(index)) for index in range(count)))
    sightings = {}
    for node in found.nodes.values():
        assert node.task is not None
        blamed = tuple(address(index) for index in blames.get(node.index, ()))
        live = tuple(address(index) for index in range(count) if address(index) not in blamed)
        said = status(endpoint=node.address, live=live, unreachable=blamed)
        age = ages.get(f"n{node.index}", 20.0 if silent.get(node.index) else 1.0)
        sightings[node.name] = Sighting(node.task.id, said, NOW - age)
    asked = {f"node-{index}": Asked(NOW - 0.5, count) for index, count in silent.items()}
    return replace(found, sightings=sightings, memory=replace(found.memory, asked=asked))


def after(found: ClusterState) -> dict[str, NodeRecord]:
    cycle = Cycle(found, (), NOW, Ids())
    note_missing(cycle)
    return dict(cycle.state.nodes)


ALL_BUT_2: dict[int, tuple[int, ...]] = {0: (2,), 1: (2,)}


@pytest.mark.parametrize(
    ("count", "silent", "blames", "ages", "missing"),
    [
        pytest.param(3, {2: 2}, ALL_BUT_2, {}, ["node-2"], id="both peers, and it is silent"),
        pytest.param(3, {2: 1}, ALL_BUT_2, {}, [], id="one question is no silence"),
        pytest.param(3, {}, ALL_BUT_2, {}, [], id="it answers"),
        pytest.param(3, {2: 9}, {}, {}, [], id="its agent is away, and its peers see it"),
        pytest.param(3, {2: 9}, {0: (1, 2)}, {}, [], id="one of two peers"),
        pytest.param(3, {2: 9}, ALL_BUT_2, {"n0": 30.0, "n1": 30.0}, [], id="said before it spoke last"),
        pytest.param(3, {2: 9}, ALL_BUT_2, {"n1": 30.0}, [], id="one of them before it spoke last"),
        pytest.param(2, {1: 2}, {0: (1,)}, {}, ["node-1"], id="the only peer there is"),
        pytest.param(2, {0: 2, 1: 2}, {0: (1,)}, {}, [], id="a peer that is silent too"),
        pytest.param(5, {3: 2, 4: 2}, {0: (3, 4), 1: (3, 4), 2: (3, 4)}, {}, ["node-3", "node-4"], id="two at once"),
        pytest.param(5, {4: 2}, {0: (4,), 1: (4,)}, {}, [], id="two of four are no majority"),
        pytest.param(5, {4: 2}, {0: (4,), 1: (4,), 2: (4,)}, {}, ["node-4"], id="three of four are"),
    ],
)
def test_who_is_missing(
    count: int, silent: dict[int, int], blames: dict[int, tuple[int, ...]], ages: Any, missing: list[str]
) -> None:
    found = after(ring(count, silent, blames, **ages))
    assert [name for name, node in found.items() if node.missing is not None] == missing
    assert [name for name, node in found.items() if node.mode == "UNKNOWN"] == missing


def test_what_is_kept_of_it() -> None:
    node = after(ring(3, {2: 2}, ALL_BUT_2))["node-2"]
    assert node.missing == Missing(NOW, NOW - 20.0, ("node-0", "node-1"))
    assert (
        describe_missing(node)
        == "node-0 and node-1 do not see it; its agent has not answered since 2025-11-24T15:59:40Z"
    )


@pytest.mark.parametrize(
    ("peers", "words"),
    [
        (("node-0",), "node-0 does not see it; "),
        (("node-0", "node-1", "node-3"), "node-0, node-1 and node-3 do not see it; "),
        (tuple(f"node-{index}" for index in range(9)), "node-0, node-1, node-2, node-3, node-4 and 4 more do not see"),
    ],
)
def test_who_does_not_see_it(peers: tuple[str, ...], words: str) -> None:
    assert describe_missing(up(2, missing=Missing(NOW, NOW, peers))).startswith(words)


@pytest.mark.parametrize(
    ("blames", "back"),
    [(ALL_BUT_2, False), ({0: (2,)}, False), ({}, True)],
    ids=["not seen", "seen by one of two", "seen by both"],
)
def test_it_is_taken_back_when_most_peers_see_it(blames: dict[int, tuple[int, ...]], back: bool) -> None:
    found = ring(3, {2: 9}, blames)
    lost = up(2, address=address(2), mode="UNKNOWN", missing=Missing(NOW - 5.0, NOW - 20.0, ("node-0", "node-1")))
    node = after(replace(found, nodes={**found.nodes, "node-2": lost}))["node-2"]
    assert (node.missing is None, node.mode) == (back, "NORMAL" if back else "UNKNOWN")


def test_a_task_that_is_known_to_be_unreachable_is_not_judged() -> None:
    found = ring(3, {2: 9}, ALL_BUT_2)
    node = found.nodes["node-2"]
    assert node.task is not None
    unseen = replace(node, task=replace(node.task, state=TaskState.UNREACHABLE))
    assert after(replace(found, nodes={**found.nodes, "node-2": unseen}))["node-2"].missing is None


def test_peers_that_have_not_heard_of_it_for_seconds_count_too() -> None:
    found = ring(3, {2: 2}, {})
    sightings = {
        name: replace(item, status=replace(item.status, doubted=(address(2),)))
        for name, item in found.sightings.items()
        if name != "node-2"
    }
    doubting = replace(found, sightings={**found.sightings, **sightings})
    node = after(doubting)["node-2"]
    assert node.missing is not None
    assert node.missing.peers == ("node-0", "node-1")
    assert after(replace(doubting, nodes={**found.nodes, "node-2": replace(node, missing=Missing(0.0, 0.0, ()))}))[
        "node-2"
    ].missing, "it is not taken back for that"


@pytest.mark.parametrize(
    ("silent", "blames", "asked"),
    [
        ({}, {}, set()),
        ({}, {0: (2,)}, {"node-2"}),
        ({2: 1}, {0: (2,)}, {"node-2", "node-1"}),
        ({2: 9}, {}, set()),
    ],
)
def test_who_is_asked(silent: dict[int, int], blames: dict[int, tuple[int, ...]], asked: set[str]) -> None:
    assert doubted_members(ring(3, silent, blames)) == asked
