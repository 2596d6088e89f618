"""Whom a node asks first when it starts.

A seed does not bootstrap: a node that has never been a member must not find itself among its seeds, or it would
join without data. Only the very first node of an empty cluster is its own seed; and a member that starts while no
other member is up, since Cassandra refuses to start when none of its seeds answers and it is none itself.
"""

from __future__ import annotations

from scheduler.core.mesos.task_info import Seeds
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index
from scheduler.core.state.node import NodeRecord, TaskState


def seed_addresses(state: ClusterState) -> tuple[str, ...]:
    """The addresses of the first nodes that are members, as many as there are to be seeds."""
    members = (node.address for node in by_index(state.nodes.values()) if node.deployed and node.address)
    return tuple(address for address, _ in zip(members, range(state.target.spec.seeds), strict=False))


def choose_seeds(state: ClusterState, node: NodeRecord) -> Seeds | None:
    """The seeds of a launch of this node; None while there is no member that it could ask."""
    others = [other for other in by_index(state.nodes.values()) if other.index != node.index and other.task]
    if addresses := seed_addresses(state):
        alone = node.deployed is not None and not any(_serves(other) for other in others)
        return Seeds(addresses, self_seed=alone)
    if not others:
        return Seeds((), self_seed=True)
    serving = tuple(other.address for other in others if other.address and _serves(other))
    return Seeds(serving[: state.target.spec.seeds], self_seed=False) if serving else None


def _serves(node: NodeRecord) -> bool:
    return node.task is not None and node.task.state is TaskState.RUNNING and node.mode == "NORMAL"
