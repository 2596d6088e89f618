"""What an operator asks of nodes: an intent stored with each, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from scheduler.core.commands import NodeCommand, Refusal, RefusalKind, RestartNodes
from scheduler.core.intents import describe, ring_strain
from scheduler.core.lifecycle import is_joining
from scheduler.core.seeds import by_index
from scheduler.core.state import ClusterState, Intent, IntentKind, NodeRecord


def command_node(state: ClusterState, command: NodeCommand, now: float) -> ClusterState | Refusal:
    """The state with the nodes' intents, or a refusal that changes nothing."""
    match command:
        case RestartNodes():
            return _restart(state, command, now)


def _restart(state: ClusterState, command: RestartNodes, now: float) -> ClusterState | Refusal:
    nodes = _chosen(state, command.nodes)
    if isinstance(nodes, Refusal):
        return nodes
    for node in nodes:
        if (problem := _unfit(node)) is not None:
            return Refusal(RefusalKind.CONFLICT, problem)
    if not command.forced and (strain := _strain(state, nodes)) is not None:
        return Refusal(RefusalKind.CONFLICT, f"{strain}. force=true restarts all the same")
    changed = {
        node.name: replace(
            node,
            intent=Intent(
                kind=IntentKind.RESTART,
                requested_at=now,
                task_id=node.task.id if node.task is not None else "",
                reason="asked for by an operator",
                principal=command.principal,
                forced=command.forced,
            ),
        )
        for node in nodes
    }
    return replace(state, nodes={**state.nodes, **changed})


def _chosen(state: ClusterState, names: Iterable[str]) -> list[NodeRecord] | Refusal:
    found = []
    for name in names:
        if name not in state.nodes:
            return Refusal(RefusalKind.UNKNOWN, f"there is no node {name}")
        found.append(state.nodes[name])
    return by_index(found)


def _unfit(node: NodeRecord) -> str | None:
    if node.deployed is None or node.task is None:
        return f"{node.name} is no member of the ring yet: the plan deploy launches it"
    if node.intent is not None:
        return f"{describe(node.intent.kind)} of {node.name} is under way already: {node.intent.reason}"
    return None


def _strain(state: ClusterState, nodes: Iterable[NodeRecord]) -> str | None:
    """Why the ring could not stand it that these are away, one after another."""
    chosen = {node.name for node in nodes}
    if joining := [node.name for node in by_index(state.nodes.values()) if is_joining(node)]:
        return f"{joining[0]} is joining the ring"
    others = [node for node in by_index(state.nodes.values()) if node.name not in chosen or len(chosen) > 1]
    strain = ring_strain(state, others)
    return None if strain is None else strain.sentence
