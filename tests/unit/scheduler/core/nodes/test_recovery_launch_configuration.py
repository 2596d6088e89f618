"""With which configuration a node is launched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.nodes.recovery import launch_configuration
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.node import NodeRecord, Reservation, TaskState
from scheduler.core.state.spec import ClusterSpec, Resources
from tests.unit.scheduler.core.samples import TARGET, node, spec, state, up

NEWER = "configuration-2"
HEAP = spec(cassandra=replace(spec().cassandra, heap_mb=300))
LARGER = spec(resources=Resources(2, 2048))
UNSEEN = Reservation("r", "v", seen=False)


def cluster(record: NodeRecord, newer: ClusterSpec) -> ClusterState:
    """The node was launched with the first configuration; the target is another one by now."""
    before, target = state(record), Configuration(NEWER, 1.0, newer)
    return replace(before, target=target, configurations={**before.configurations, NEWER: target})


@pytest.mark.parametrize(
    ("record", "newer", "expected"),
    [
        pytest.param(up(0), HEAP, TARGET, id="a member keeps its own"),
        pytest.param(NodeRecord(index=0), HEAP, NEWER, id="a new node takes the target"),
        pytest.param(node(0, TaskState.FAILED), HEAP, NEWER, id="a node that never joined takes the target"),
        pytest.param(node(0, TaskState.FAILED), LARGER, TARGET, id="unless it holds other amounts"),
        pytest.param(node(0, TaskState.FAILED, reservation=UNSEEN), LARGER, TARGET, id="or may hold them"),
        pytest.param(node(0, TaskState.LOST, agent=None, reservation=None), LARGER, NEWER, id="or has given them up"),
    ],
)
def test_launch_configuration(record: NodeRecord, newer: ClusterSpec, expected: str) -> None:
    found = cluster(record, newer)
    assert launch_configuration(found, record).id == expected
