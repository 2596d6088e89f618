"""What must hold of every state, whatever happened: asked by tests after each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from scheduler.core.lifecycle import is_joining
from scheduler.core.state import ClusterState, NodeRecord


def invariants(state: ClusterState) -> tuple[str, ...]:
    """A sentence for each rule that this state breaks."""
    nodes = tuple(state.nodes.values())
    found = [f"{key} is recorded as {node.name}" for key, node in state.nodes.items() if key != node.name]
    found += _shared("agent", (node.agent.id for node in nodes if node.agent))
    found += _shared("reservation", (node.reservation.id for node in nodes if node.reservation))
    found += _shared("volume", (node.reservation.volume_id for node in nodes if node.reservation))
    found += _shared("task", (node.task.id for node in nodes if node.task))
    found += _shared("host id", (node.host_id for node in nodes if node.host_id))
    joining = [node.name for node in nodes if is_joining(node) and not node.forced]
    if len(joining) > 1:
        found.append(f"{', '.join(joining)} join at once")
    for node in nodes:
        found += _node(state, node)
    return tuple(found)


def _node(state: ClusterState, node: NodeRecord) -> Iterable[str]:
    if node.deployed is not None:
        if node.task is None or node.agent is None or node.reservation is None or node.address is None:
            yield f"{node.name} is a member without task, agent, reservation or address"
        elif not node.reservation.seen:
            yield f"{node.name} is a member whose reservation was never seen"
        if node.deployed not in state.configurations:
            yield f"{node.name} was deployed with the unknown configuration {node.deployed}"
    if node.task is not None and node.task.configuration not in state.configurations:
        yield f"{node.name} was launched with the unknown configuration {node.task.configuration}"
    if (node.agent is None) != (node.reservation is None):
        yield f"{node.name} has only one of agent and reservation"


def _shared(what: str, values: Iterable[str]) -> list[str]:
    return [f"the {what} {value} belongs to {count} nodes" for value, count in Counter(values).items() if count > 1]
