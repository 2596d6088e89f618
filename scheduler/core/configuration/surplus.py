"""Nodes that NODES does not ask for, and what a decommission keeps of it."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.operation import UNWANTED, OperationState
from scheduler.core.state.operation_kinds import DECOMMISSION


def surplus(state: ClusterState) -> list[NodeRecord]:
    """Return the nodes above the number of the target, the highest first."""
    nodes = [node for node in state.nodes.values() if node.index >= state.target.spec.nodes]
    return sorted(nodes, key=lambda node: -node.index)


def note_wishes(state: ClusterState) -> ClusterState:
    """Return the state with a note of what its target, which is about to end, says of nodes that leave or have left.

    A node that NODES did not ask for joins anew once it is asked for again, even if an operator let it go. An
    operator's stop of a decommission is over once NODES has asked for its node.
    """
    unwanted = {node.name for node in surplus(state)}
    nodes = {name: replace(node, left=False) for name, node in state.nodes.items() if node.left and name in unwanted}
    after = replace(state, nodes={**state.nodes, **nodes}) if nodes else state
    operation = state.operations.get(DECOMMISSION)
    if operation is None:
        return after
    if operation.nodes[0] in unwanted:
        noted = replace(operation, facts={**operation.facts, UNWANTED: True})
    else:
        noted = replace(operation, lapsed=operation.lapsed or operation.state is OperationState.STOPPED)
    return after if noted == operation else replace(after, operations={**state.operations, DECOMMISSION: noted})
