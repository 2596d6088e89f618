"""Whom a node asks first: never itself when it has to bootstrap, itself too when the whole ring starts again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bench import large
from scheduler.core.mesos.task_info import Seeds
from scheduler.core.ring.seeds import choose_seeds, seed_addresses
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import NodeRecord, TaskState

ADDRESSES = tuple(large.address(index) for index in range(5))


def ended(node: NodeRecord) -> NodeRecord:
    assert node.task is not None
    return replace(node, mode="UNKNOWN", task=replace(node.task, state=TaskState.FAILED))


def cluster(nodes: Mapping[int, str]) -> ClusterState:
    """Nodes by index: up, down (a member whose task ended), joining (no member yet) or blank."""
    made = {}
    for index, word in nodes.items():
        node = large.running(index)
        match word:
            case "down":
                node = ended(node)
            case "joining":
                node = replace(node, deployed=None, mode="JOINING")
            case "blank":
                node = NodeRecord(index=index)
        made[node.name] = node
    return replace(large.deployed(5), nodes=made)


@pytest.mark.parametrize(
    ("nodes", "index", "expected"),
    [
        pytest.param({0: "blank"}, 0, Seeds((), self_seed=True), id="the first node of an empty cluster seeds itself"),
        pytest.param({0: "up", 1: "blank"}, 1, Seeds(ADDRESSES[:1], self_seed=False), id="the second asks the first"),
        pytest.param(
            {0: "up", 1: "up", 2: "up", 3: "up", 4: "blank"},
            4,
            Seeds(ADDRESSES[:3], self_seed=False),
            id="no more than",
        ),
        pytest.param(
            {0: "up", 1: "down"}, 1, Seeds(ADDRESSES[:2], self_seed=False), id="a member beside one that is up"
        ),
        pytest.param(
            {0: "down", 1: "down"}, 1, Seeds(ADDRESSES[:2], self_seed=True), id="a member of a ring that is down"
        ),
        pytest.param({0: "joining", 1: "blank"}, 1, None, id="nobody to ask: the only other one joins itself"),
    ],
)
def test_choose_seeds(nodes: Mapping[int, str], index: int, expected: Seeds | None) -> None:
    state = cluster(nodes)
    assert choose_seeds(state, state.nodes[f"node-{index}"]) == expected


@pytest.mark.parametrize("word", ["blank", "joining"])
@pytest.mark.parametrize("others", ["up", "down"])
def test_a_node_that_is_no_member_is_never_its_own_seed_in_a_ring(word: str, others: str) -> None:
    state = cluster({0: others, 1: others, 2: word})
    seeds = choose_seeds(state, state.nodes["node-2"])
    assert seeds is not None
    assert not seeds.self_seed
    assert ADDRESSES[2] not in seeds.addresses


def test_seeds_are_the_first_members_in_numeric_order() -> None:
    state = cluster({10: "up", 2: "up", 0: "joining", 1: "up"})
    assert seed_addresses(state) == (large.address(1), large.address(2), large.address(10))
