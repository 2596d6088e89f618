"""Which nodes join at once: tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.nodes.side_by_side import companion, may_pair
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import NodeRecord, TaskState
from tests.unit.scheduler.core.samples import node, spec, state, up

BLANK = NodeRecord(1)


def first(index: int = 1, task: TaskState = TaskState.RUNNING, paired: bool = True) -> NodeRecord:
    """Return a node that was launched so that another one may join beside it."""
    record = node(index, task)
    return replace(record, task=replace(record.known_task, paired=paired))


def seeing(found: ClusterState, *live: str, unreachable: tuple[str, ...] = ()) -> ClusterState:
    """Return the state with what the member sees."""
    seen = found.sightings["node-0"]
    status = replace(seen.status, live=live, unreachable=unreachable)
    return replace(found, sightings={**found.sightings, "node-0": replace(seen, status=status)})


def with_options(**options: Any) -> ClusterState:
    """Return a state with one member, and these options of Cassandra."""
    wanted = spec(3)
    return state(up(0), wanted=replace(wanted, cassandra=replace(wanted.cassandra, options=options)))


ONE = state(up(0))


@pytest.mark.parametrize(
    ("found", "chosen", "expected"),
    [
        pytest.param(ONE, BLANK, True, id="one member"),
        pytest.param(state(), NodeRecord(0), False, id="no member"),
        pytest.param(state(up(0), up(1), wanted=spec(4)), NodeRecord(2), False, id="two members"),
        pytest.param(state(up(0), wanted=spec(2)), BLANK, False, id="none is left to join beside it"),
        pytest.param(state(up(0), node(2, TaskState.FAILED)), BLANK, False, id="the next one was launched before"),
        pytest.param(state(up(0), NodeRecord(2, forced=True)), BLANK, False, id="the next one is left out"),
        pytest.param(state(up(0), NodeRecord(3, left=True), wanted=spec(4)), BLANK, False, id="one that has left"),
        pytest.param(ONE, replace(BLANK, forced=True), False, id="one with a past"),
        pytest.param(state(replace(up(0), mode="UNKNOWN")), BLANK, False, id="the member is down"),
        pytest.param(seeing(ONE, "127.0.0.2"), BLANK, True, id="it sees itself alone"),
        pytest.param(seeing(ONE, "127.0.0.2", "127.0.0.9"), BLANK, False, id="it sees a node that we do not know"),
        pytest.param(seeing(ONE, unreachable=("127.0.0.9",)), BLANK, False, id="it knows one that is down"),
        pytest.param(replace(ONE, sightings={}), BLANK, False, id="it has said nothing yet"),
        pytest.param(with_options(num_tokens=4), BLANK, True, id="tokens are random"),
        pytest.param(with_options(allocate_tokens_for_local_replication_factor=3), BLANK, False, id="chosen tokens"),
        pytest.param(with_options(initial_token="1,2"), BLANK, False, id="given tokens"),
    ],
)
def test_which_node_may_be_one_of_two(found: ClusterState, chosen: NodeRecord, expected: bool) -> None:
    assert may_pair(found, chosen) is expected


@pytest.mark.parametrize(
    ("other", "others", "expected"),
    [
        pytest.param(first(), (), "node-2", id="while it joins"),
        pytest.param(first(task=TaskState.STAGING), (), "node-2", id="while it starts"),
        pytest.param(first(paired=False), (), None, id="launched to join alone"),
        pytest.param(first(task=TaskState.FAILED), (), None, id="it has failed"),
        pytest.param(first(), (first(2),), None, id="there is one already"),
        pytest.param(first(), (node(2, TaskState.FAILED),), None, id="there was one, which waits for its turn"),
        pytest.param(replace(up(1), task=first().task), (), None, id="it is a member"),
    ],
)
def test_which_node_is_the_other_one(other: NodeRecord, others: tuple[NodeRecord, ...], expected: str | None) -> None:
    found = companion(state(up(0), other, *others), other)
    assert (found and found.name) == expected
