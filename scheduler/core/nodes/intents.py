"""Concern: carry out the intents of nodes, one node at a time, and only while the ring can spare the node.

With `by_rack`, and as long as it is safe (`ring.racks`), nodes of one rack restart at the same time.

An intent waits for its turn (`turn_block`). Then the scheduler ends its node's task; the rest depends on the kind.
Every call to Mesos follows from the stored record, so a crash between two steps only delays the intent.

- A restart: recovery launches the node in place, and the intent is removed when the node is ready.
- A pause is a restart whose launch leaves Cassandra off. It stays until an operator turns it into a restart.
- A replacement is launched by the rules of the plan deploy, see `nodes.replacement`.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.configuration.standing_plans import RECOVERY, interruption
from scheduler.core.cycle.workspace import Cycle, end_task
from scheduler.core.mesos.subscription import NOT_RECONCILED
from scheduler.core.nodes.missing_keys import certificate_missing
from scheduler.core.nodes.names import intent_name
from scheduler.core.nodes.replacement import awaits_peers, in_old_place, move, peer_block, settle, vacate
from scheduler.core.ring.availability import AT_REST, Ring, begun_nodes, ring_strain, survey
from scheduler.core.ring.readiness import assess
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import UNSEEN, has_ended, is_down, is_leaving, may_live, task_agent
from scheduler.core.state.node import Intent, IntentKind, NodeRecord
from scheduler.core.state.operation_kinds import DECOMMISSION
from scheduler.core.state.reason import Code, Reason


def pursue(cycle: Cycle) -> None:
    """Continue the intents that are under way, and begin the next if it is its turn."""
    if not any(node.intent is not None for node in cycle.state.nodes.values()):
        return
    if not begun_nodes(cycle.state):
        _begin_next(cycle)
    _begin_beside(cycle)
    for node in begun_nodes(cycle.state):
        _go_on(cycle, node)


def _begin_next(cycle: Cycle) -> None:
    ring = survey(cycle.state)
    for node in _candidates(cycle.state):
        if turn_block(cycle.state, ring, node) is None:
            _begin(cycle, node)
            return


def _begin_beside(cycle: Cycle) -> None:
    """Begin restarts of more nodes in the rack of those that restart by rack."""
    racks = {node.rack for node in begun_nodes(cycle.state)}
    more = [node for node in waiting_nodes(cycle.state) if node.intent and node.intent.by_rack and node.rack in racks]
    ring = survey(cycle.state) if more else AT_REST
    for node in more:
        if turn_block(cycle.state, ring, node) is None:
            _begin(cycle, node)


def _begin(cycle: Cycle, node: NodeRecord) -> None:
    """Begin the intent; a pause or a replacement ends the task that its node has by now.

    A restart that waited while its node was launched anew for another reason is done.
    """
    intent = node.known_intent
    task_id = intent.task_id if intent.kind is IntentKind.RESTART else node.known_task.id
    cycle.put(replace(node, intent=replace(intent, begun_at=cycle.now, task_id=task_id)))


def waiting_nodes(state: ClusterState) -> list[NodeRecord]:
    """Return the nodes whose intent has not begun: first those that have left the ring, then the oldest intent.

    What has left holds an agent, which a replacement may need.
    """
    found = [node for node in state.nodes.values() if node.intent and node.intent.begun_at is None]
    return sorted(found, key=lambda node: (not is_leaving(node), node.known_intent.requested_at, node.index))


def _candidates(state: ClusterState) -> list[NodeRecord]:
    """Return the nodes that may be next: the first that waits, and those that are down, which hold up the others."""
    found = waiting_nodes(state)
    return [node for number, node in enumerate(found) if number == 0 or is_down(node)]


def turn_block(state: ClusterState, ring: Ring, node: NodeRecord) -> Reason | None:
    """Return what holds an intent back; None if it may begin.

    A forced intent waits only for other changes of the ring.
    """
    intent = node.intent
    assert intent is not None
    if not state.registered or not state.reconciliation.complete:
        return Reason(Code.RECONCILING, NOT_RECONCILED)
    if (interrupted := interruption(state, RECOVERY)) is not None:
        return interrupted
    beside = {node.name, *(ring.mates.get(node.rack, ()) if intent.by_rack else ())}
    for other in ring.begun:
        if other.intent is not None and other.name not in beside:
            return Reason(Code.OTHER_INTENT, f"waits for {intent_name(other)}")
    if joining := next((name for name in ring.joining if name != node.name), None):
        return Reason(Code.OTHER_JOINS, f"waits for {joining} to join the ring")
    if intent.kind is IntentKind.REPLACE and (leaving := departing(ring, node)) is not None:
        return Reason(Code.OTHER_INTENT, f"waits for {leaving} to leave the ring: it streams its data to all others")
    if intent.forced:
        return None
    if (missing := certificate_missing(state, node)) is not None:
        return missing
    if (strain := ring_strain(ring, beside)) is not None:
        return strain
    if node.name in ring.busy and node.name not in ring.down:
        return Reason(Code.OTHER_JOB, f"waits for the maintenance job that runs on {node.name}")
    return None


def departing(ring: Ring, node: NodeRecord) -> str | None:
    """Return the name of another node that streams its data away, which it could not to a node that ends."""
    return next((name for name in ring.leaving if name != node.name), None)


def is_over(node: NodeRecord) -> bool:
    """Return whether the task that the node's intent names has ended."""
    return node.intent is not None and (node.task is None or node.task.id != node.intent.task_id or has_ended(node))


def _go_on(cycle: Cycle, node: NodeRecord) -> None:
    intent = node.intent
    assert intent is not None
    if intent.kind is IntentKind.REPLACE:
        _replace(cycle, node, intent)
        return
    if intent.kind is IntentKind.LEAVE and has_ended(node):
        cycle.put(_record_departure(cycle.state, node))
        return
    if node.task is not None and node.task.id == intent.task_id:
        if may_live(node):
            _end_task(cycle, node, intent)
        return
    if intent.kind is IntentKind.RESTART and assess(cycle.state, node).reason is None:
        cycle.put(replace(node, intent=None))


def _record_departure(state: ClusterState, node: NodeRecord) -> NodeRecord:
    """Return the node's record after it has left the ring.

    It stays away, is placed on another agent as a new node, or joins again because NODES includes it by now.
    """
    wanted = node.index < state.target.spec.nodes
    operation = state.operations.get(DECOMMISSION)
    if operation is None or node.name not in operation.nodes:
        return vacate(node, left=wanted)
    if wanted and operation.request.get("rejoin") and node.agent is not None:
        return vacate(node, left=False, left_host=node.agent.hostname)
    return vacate(node, left=wanted and not operation.serves_settings)


def _replace(cycle: Cycle, node: NodeRecord, intent: Intent) -> None:
    """End the task, move the node away, and release its old reservation once the replacement is a member."""
    assert node.task is not None
    if node.deployed is not None and intent.previous is not None:
        cycle.put(settle(node))
    elif node.task.id == intent.task_id and may_live(node) and node.task.state not in UNSEEN:
        _end_task(cycle, node, intent)
    elif awaits_peers(node) and peer_block(cycle.state, node) is None:
        cycle.put(move(node, cycle.now))
    elif node.task.state in UNSEEN and (back := in_old_place(node)) is not None:
        # It was seen again before there was a replacement, and is lost once more: its peers are to say so again.
        cycle.put(back)


def _end_task(cycle: Cycle, node: NodeRecord, intent: Intent) -> None:
    assert node.task is not None
    assert task_agent(node) is not None
    end_task(cycle, node, intent_name(node))
