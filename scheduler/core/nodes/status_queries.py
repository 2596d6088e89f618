"""Concern: query executors for statuses that are unknown or may have changed, at a limited rate."""

from __future__ import annotations

from scheduler.core.cycle.workspace import Cycle
from scheduler.core.nodes.gates import undecided
from scheduler.core.nodes.replacement import awaits_peers, peer_block
from scheduler.core.ring.missing import doubted_members
from scheduler.core.ring.racks import unreported_members
from scheduler.core.ring.readiness import assess
from scheduler.core.state.cluster import Asked, ClusterState
from scheduler.core.state.lifecycle import is_running
from scheduler.core.state.node import NodeRecord, TaskState

UNANSWERED_SECONDS = 2.0  # until a query is repeated
URGENT_SECONDS = 0.5  # between answers while a node joins
IDLE_SECONDS = 30.0  # age at which a status is refreshed

_NEVER = Asked(at=float("-inf"))


def ask(cycle: Cycle) -> None:
    """Query nodes without a status, and nodes whose status is old.

    Nodes that decide on the readiness of a joining node are queried more often.
    """
    state = cycle.state
    urgent = {
        name
        for node in state.nodes.values()
        if node.deployed is None and is_running(node)
        for name in assess(state, node).ask
    }
    # A peer that still sees a node as up that is to be replaced, or may do so: its view changes first.
    replaced = [node for node in state.nodes.values() if awaits_peers(node)]
    urgent |= {block[0] for node in replaced if (block := peer_block(state, node)) is not None}
    urgent |= unreported_members(state) | doubted_members(state) | {node.name for node in undecided(state)}
    for node in state.nodes.values():
        if _may_answer(node) and _is_due(state, node, node.name in urgent, cycle.now):
            cycle.ask(node)


def _may_answer(node: NodeRecord) -> bool:
    """Return whether the node runs, or is unseen: an answer shows that its task lives."""
    return (
        node.agent is not None and node.task is not None and (is_running(node) or node.task.state is TaskState.UNKNOWN)
    )


def _is_due(state: ClusterState, node: NodeRecord, urgent: bool, now: float) -> bool:
    sighting = state.sighting_of(node)
    unknown = sighting is None
    if not urgent and sighting is not None and now - sighting.at < IDLE_SECONDS:
        return False
    asked = state.memory.asked.get(node.name, _NEVER)
    pause = UNANSWERED_SECONDS if asked.unanswered else URGENT_SECONDS
    if asked.unanswered > 3:  # silent: its agent may be away for long
        pause = IDLE_SECONDS
    return now - asked.at >= (pause if urgent or unknown else max(pause, UNANSWERED_SECONDS))
