"""Commands on nodes: the intents that they store, or refusals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from scheduler.core.commands.command import (
    CancelIntent,
    NodeCommand,
    PauseNode,
    Refusal,
    RefusalKind,
    ReplaceNode,
    RestartNodes,
    ResumeNode,
)
from scheduler.core.configuration.standing_plans import DEPLOY, RECOVERY, interruption
from scheduler.core.nodes.intents import departing, is_over
from scheduler.core.nodes.names import intent_name
from scheduler.core.nodes.recovery import is_rolled_out
from scheduler.core.nodes.replacement import lost_reason, may_give_way, move_back, place_again
from scheduler.core.ring.availability import Ring, ring_strain, survey
from scheduler.core.ring.racks import rack_problem
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import UNSEEN, by_index, is_leaving, is_paused
from scheduler.core.state.node import Failures, Intent, IntentKind, NodeRecord

# The reason of an intent that an operator requested.
_REQUESTED = "requested by an operator"


def command_node(state: ClusterState, command: NodeCommand, now: float) -> ClusterState | Refusal:
    """Return the state with the nodes' intents, or a refusal that changes nothing."""
    match command:
        case RestartNodes():
            return _restart(state, command, now)
        case ReplaceNode():
            return _replace(state, command, now)
        case PauseNode():
            return _pause(state, command, now)
        case ResumeNode():
            return _resume(state, command, now)
        case CancelIntent():
            return _cancel(state, command, now)


def _restart(state: ClusterState, command: RestartNodes, now: float) -> ClusterState | Refusal:
    """Store RESTART intents; of several nodes, those with such an intent keep it."""
    nodes = _select(state, command.nodes)
    if isinstance(nodes, Refusal):
        return nodes
    if len(nodes) > 1:
        nodes = [node for node in nodes if node.intent is None or node.intent.kind is not IntentKind.RESTART]
    if (problem := next((text for node in nodes if (text := _restart_problem(node)) is not None), None)) is not None:
        return Refusal(RefusalKind.CONFLICT, problem)
    if command.by_rack and (problem := rack_problem(state)) is not None:
        return Refusal(RefusalKind.CONFLICT, f"no rack can be restarted as a whole: {problem}")
    if not command.forced and (problem := _strain(survey(state), nodes, "restart", "restarts")) is not None:
        return Refusal(RefusalKind.CONFLICT, problem)
    changed = {node.name: _intend_restart(node, command, now) for node in nodes}
    return replace(state, nodes={**state.nodes, **changed})


def _intend_restart(node: NodeRecord, command: RestartNodes, now: float) -> NodeRecord:
    assert node.task is not None
    intent = Intent(
        IntentKind.RESTART, now, node.task.id, _REQUESTED, command.principal, command.forced, by_rack=command.by_rack
    )  # fmt: skip
    return replace(node, intent=intent, failures=Failures())


def _pause(state: ClusterState, command: PauseNode, now: float) -> ClusterState | Refusal:
    """Store a PAUSE intent; a restart that is under way becomes a pause, so that files can be inspected."""
    node = _one(state, command.node)
    if isinstance(node, Refusal):
        return node
    before = node.intent if node.intent is not None and node.intent.kind is IntentKind.RESTART else None
    if (problem := _restart_problem(node if before is None else replace(node, intent=None))) is not None:
        return Refusal(RefusalKind.CONFLICT, problem)
    if not command.forced and (problem := _strain(survey(state), [node], "pause", "pauses")) is not None:
        return Refusal(RefusalKind.CONFLICT, problem)
    assert node.task is not None
    intent = Intent(IntentKind.PAUSE, now, node.task.id, _REQUESTED, command.principal, command.forced)
    if before is not None and before.begun_at is not None:
        intent = replace(intent, begun_at=now, by_rack=before.by_rack)
    paused = replace(node, intent=intent, failures=Failures())
    return replace(state, nodes={**state.nodes, node.name: paused})


def _resume(state: ClusterState, command: ResumeNode, now: float) -> ClusterState | Refusal:
    """Remove a pause that has not begun; turn one that has into a restart."""
    node = _one(state, command.node)
    if isinstance(node, Refusal):
        return node
    if node.intent is None or node.intent.kind is not IntentKind.PAUSE:
        return Refusal(RefusalKind.CONFLICT, f"{node.name} is not paused")
    resumed: Intent | None = None
    if is_paused(node):
        assert node.task is not None
        asked = "it is resumed after a pause"
        resumed = replace(
            node.intent, kind=IntentKind.RESTART, requested_at=now, task_id=node.task.id, reason=asked,
            principal=command.principal, forced=True, begun_at=now,
        )  # fmt: skip
    return replace(state, nodes={**state.nodes, node.name: replace(node, intent=resumed, failures=Failures())})


def _replace(state: ClusterState, command: ReplaceNode, now: float) -> ClusterState | Refusal:
    node = _one(state, command.node)
    if isinstance(node, Refusal):
        return node
    if (again := place_again(state, node, command.forced, now)) is not None:
        return replace(state, nodes={**state.nodes, node.name: again})
    if (forced := _force_replacement(node)) is not None and command.forced:
        return replace(state, nodes={**state.nodes, node.name: forced})
    if (problem := _replacement_problem(state, node)) is not None:
        return Refusal(RefusalKind.CONFLICT, problem)
    if not command.forced:
        ring = survey(state)
        if (leaving := departing(ring, node)) is not None:
            words = f"{leaving} leaves the ring; with force=true the replacement of {node.name} waits for that"
            return Refusal(RefusalKind.CONFLICT, words)
        if (problem := _strain(ring, [node], "replacement", "replaces")) is not None:
            return Refusal(RefusalKind.CONFLICT, problem)
    assert node.task is not None
    intent = Intent(IntentKind.REPLACE, now, node.task.id, _REQUESTED, command.principal, command.forced)
    return replace(state, nodes={**state.nodes, node.name: replace(node, intent=intent)})


def _force_replacement(node: NodeRecord) -> NodeRecord | None:
    """Return the node with a forced replacement, which does not wait for others that are down; None without one."""
    intent = node.intent
    if intent is None or intent.kind is not IntentKind.REPLACE or intent.forced:
        return None
    return replace(node, intent=replace(intent, forced=True))


def _replacement_problem(state: ClusterState, node: NodeRecord) -> str | None:
    if node.intent is not None and not may_give_way(node):
        return _under_way(node, node.intent)
    if node.deployed is None or node.task is None:
        return f"{node.name} is not a member of the ring: a new node has nothing to take over"
    if not any(other.deployed is not None and other.index != node.index for other in state.nodes.values()):
        return f"{node.name} is the only member of the ring: no other node has its data"
    return None


def _cancel(state: ClusterState, command: CancelIntent, now: float) -> ClusterState | Refusal:
    node = _one(state, command.node)
    if isinstance(node, Refusal):
        return node
    if node.intent is None:
        return Refusal(RefusalKind.CONFLICT, f"{node.name} has no pending action to cancel")
    if (again := _why_again(state, node, now)) is not None:
        return Refusal(RefusalKind.CONFLICT, f"{intent_name(node)} would begin again at once: {again}")
    if (back := move_back(node)) is not None:
        return replace(state, nodes={**state.nodes, node.name: back})
    if node.intent.begun_at is not None and not _is_unmoved(node.intent):
        return Refusal(RefusalKind.CONFLICT, f"{intent_name(node)} has begun: {_how_far(node)}")
    return replace(state, nodes={**state.nodes, node.name: replace(node, intent=None)})


def _why_again(state: ClusterState, node: NodeRecord, now: float) -> str | None:
    """Return why the scheduler would store a canceled intent again; None if it would not."""
    if is_leaving(node):
        return "it has left the ring"
    if is_rolled_out(node) and interruption(state, DEPLOY) is None:
        return f"its settings differ from the target; interrupt the plan {DEPLOY} first, or take the settings back"
    lost = lost_reason(state, move_back(node) or replace(node, intent=None), now)
    return None if lost is None else f"{lost}; interrupt the plan {RECOVERY} to hold it back"


def _how_far(node: NodeRecord) -> str:
    """Return why an intent that has begun cannot be canceled, with what is possible instead."""
    if is_paused(node):
        return "resume the node to start Cassandra again"
    if is_over(node):
        return "its task has ended"
    lost = may_give_way(node)
    return "its task cannot be seen; replace the node if its machine is lost" if lost else "its task is being ended"


def _is_unmoved(intent: Intent) -> bool:
    """Return whether a replacement has ended the node's task at most: recovery launches the node in its old place."""
    return intent.kind is IntentKind.REPLACE and intent.previous is None


def _select(state: ClusterState, names: Iterable[str]) -> list[NodeRecord] | Refusal:
    found = []
    for name in names:
        node = _one(state, name)
        if isinstance(node, Refusal):
            return node
        found.append(node)
    return by_index(found)


def _one(state: ClusterState, name: str) -> NodeRecord | Refusal:
    return state.nodes.get(name) or Refusal(RefusalKind.UNKNOWN, f"there is no node {name}")


def _restart_problem(node: NodeRecord) -> str | None:
    if node.intent is not None:
        return _under_way(node, node.intent)
    if node.deployed is None or node.task is None:
        return f"{node.name} is not a member of the ring yet: the plan deploy launches it"
    if node.task.state in UNSEEN:
        return f"{node.name} may run on an agent that Mesos cannot reach: its task cannot be ended"
    return None


def _under_way(node: NodeRecord, intent: Intent) -> str:
    out = "; resume the node first" if intent.kind is IntentKind.PAUSE else ""
    return f"{intent_name(node)} is under way already: {intent.reason}{out}"


def _strain(ring: Ring, nodes: list[NodeRecord], noun: str, verb: str) -> str | None:
    """Return why the ring cannot spare these nodes one after another, and what force would do; None if it can."""
    names = nodes[0].name if len(nodes) == 1 else "all nodes"
    waits = f"with force=true the {noun} of {names} waits for that"
    for other in ring.begun:
        if other.intent is not None and other.name not in {node.name for node in nodes}:
            return f"{intent_name(other)} is under way; {waits}"
    if joining := next(iter(ring.joining), None):
        return f"{joining} is joining the ring; {waits}"
    # Several nodes restart one by one, and each is a peer of the others.
    strain = ring_strain(ring, {nodes[0].name} if len(nodes) == 1 else set())
    return None if strain is None else f"{strain.sentence}; force=true {verb} {names} nevertheless"
