"""Seeds: the nodes that a node contacts first when it starts.

A seed does not bootstrap. So a node that has never been a member must not be among its own seeds, or it would join
without data. Two nodes are their own seeds: the very first node of an empty cluster, and a member that starts while no
other member is up, since Cassandra refuses to start if no seed answers and it is not a seed itself.
"""

from __future__ import annotations

from scheduler.core.mesos.task_info import Seeds
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index
from scheduler.core.state.node import NodeRecord, TaskState


def seed_addresses(state: ClusterState) -> tuple[str, ...]:
    """Return the addresses of the first members, as many as the configured number of seeds."""
    members = (node.address for node in by_index(state.nodes.values()) if node.deployed and node.address)
    return tuple(address for address, _ in zip(members, range(state.target.spec.seeds), strict=False))


def choose_seeds(state: ClusterState, node: NodeRecord) -> Seeds | None:
    """Return the seeds for a launch of this node; None while no member is up that it could contact."""
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
