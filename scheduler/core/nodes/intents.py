"""Concern: carry out what is intended for nodes, one node at a time, and only while the ring can stand it.

Where that was asked for, and for as long as it is safe (`racks`), nodes of one rack are restarted at the same time.

An intent waits its turn (`turn_block`); then its node's task is ended; what follows is its kind's. Everything that is
asked of Mesos follows from the stored record, so that a crash between any two steps only delays it.

A restart needs no more: recovery launches what has ended in its place, and the intent is done when the node is ready.
A pause is a restart whose launch leaves Cassandra off; it stays until an operator turns it into a restart.
A replacement is launched by the plan deploy's rules, see `scheduler.core.replace`.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.cycle.workspace import Cycle, end_task
from scheduler.core.nodes.replacement import awaits_peers, move, seen_by, settle, vacate
from scheduler.core.ring.availability import AT_REST, Ring, begun, look, ring_strain
from scheduler.core.ring.readiness import assess
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import PlanRecord
from scheduler.core.state.lifecycle import UNSEEN, describe, has_ended, is_down, may_live
from scheduler.core.state.node import Intent, IntentKind, NodeRecord
from scheduler.core.state.operation_kinds import DECOMMISSION
from scheduler.core.state.reason import Code, Reason

PLAN = "recovery"


def pursue(cycle: Cycle) -> None:
    """Go on with what has begun, and begin the next if its turn has come."""
    if not any(node.intent is not None for node in cycle.state.nodes.values()):
        return
    if not begun(cycle.state):
        _begin_next(cycle)
    _begin_beside(cycle)
    for node in begun(cycle.state):
        _go_on(cycle, node)


def _begin_next(cycle: Cycle) -> None:
    ring = look(cycle.state)
    for node in _candidates(cycle.state):
        if turn_block(cycle.state, ring, node) is None:
            _begin(cycle, node)
            return


def _begin_beside(cycle: Cycle) -> None:
    """Begin what need not wait for that which has begun: the restart of more nodes of its rack."""
    racks = {node.rack for node in begun(cycle.state)}
    more = [node for node in waiting(cycle.state) if node.intent and node.intent.by_rack and node.rack in racks]
    ring = look(cycle.state) if more else AT_REST
    for node in more:
        if turn_block(cycle.state, ring, node) is None:
            _begin(cycle, node)


def _begin(cycle: Cycle, node: NodeRecord) -> None:
    assert node.intent is not None
    cycle.put(replace(node, intent=replace(node.intent, begun_at=cycle.now)))


def waiting(state: ClusterState) -> list[NodeRecord]:
    """The nodes whose intent has not begun, the oldest intent first."""
    found = [node for node in state.nodes.values() if node.intent and node.intent.begun_at is None]
    return sorted(found, key=lambda node: (node.intent.requested_at if node.intent else 0.0, node.index))


def _candidates(state: ClusterState) -> list[NodeRecord]:
    """What may be next: the first that waits, and those that are down, since they hold up all others."""
    found = waiting(state)
    return [node for number, node in enumerate(found) if number == 0 or is_down(node)]


def turn_block(state: ClusterState, ring: Ring, node: NodeRecord) -> Reason | None:
    """What holds an intent back; None if it may begin. A forced one waits for other changes of the ring alone."""
    intent = node.intent
    assert intent is not None
    if not state.registered or not state.reconciliation.complete:
        return Reason(Code.RECONCILING, "Mesos has not spoken yet of every task that may run")
    if state.plans.get(PLAN, PlanRecord(PLAN)).interrupted:
        return Reason(Code.INTERRUPTED, f"the plan {PLAN} was interrupted by an operator")
    beside = {node.name, *(ring.mates.get(node.rack, ()) if intent.by_rack else ())}
    for other in ring.begun:
        if other.intent is not None and other.name not in beside:
            return Reason(Code.OTHER_INTENT, f"waits for {describe(other.intent.kind)} of {other.name}")
    if joining := next((name for name in ring.joining if name != node.name), None):
        return Reason(Code.OTHER_JOINS, f"waits for {joining} to join the ring")
    if intent.forced:
        return None
    if (strain := ring_strain(ring, beside)) is not None:
        return strain
    if node.name in ring.busy and node.name not in ring.down:
        return Reason(Code.OTHER_JOB, f"waits for the maintenance job that runs on {node.name}")
    return None


def is_over(node: NodeRecord) -> bool:
    """Whether the task that the node's intent is about has ended."""
    return node.intent is not None and (node.task is None or node.task.id != node.intent.task_id or has_ended(node))


def _go_on(cycle: Cycle, node: NodeRecord) -> None:
    intent = node.intent
    assert intent is not None
    if intent.kind is IntentKind.REPLACE:
        _replace(cycle, node, intent)
        return
    if intent.kind is IntentKind.LEAVE and has_ended(node):
        cycle.put(_departed(cycle.state, node))
        return
    if node.task is not None and node.task.id == intent.task_id:
        if may_live(node):
            _end_task(cycle, node, intent)
        return
    if intent.kind is IntentKind.RESTART and assess(cycle.state, node).reason is None:
        cycle.put(replace(node, intent=None))


def _departed(state: ClusterState, node: NodeRecord) -> NodeRecord:
    """The node after it has left: away for good, to be placed elsewhere as a new one where that was
    asked for, or to join anew since NODES asks for it by now."""
    wanted = node.index < state.target.spec.nodes
    operation = state.operations.get(DECOMMISSION)
    if operation is None or node.name not in operation.nodes:
        return vacate(node, left=wanted)
    if wanted and operation.request.get("rejoin") and node.agent is not None:
        return vacate(node, left=False, left_host=node.agent.hostname)
    return vacate(node, left=wanted and not operation.serves_settings)


def _replace(cycle: Cycle, node: NodeRecord, intent: Intent) -> None:
    """End the task, give the node up where it was, and once its replacement is a member, what it held there."""
    assert node.task is not None
    if node.deployed is not None and intent.previous is not None:
        cycle.put(settle(node))
    elif node.task.id == intent.task_id and may_live(node) and node.task.state not in UNSEEN:
        _end_task(cycle, node, intent)
    elif awaits_peers(node) and seen_by(cycle.state, node) is None:
        cycle.put(move(node))


def _end_task(cycle: Cycle, node: NodeRecord, intent: Intent) -> None:
    agent = node.agent if intent.previous is None else intent.previous.agent
    assert node.task is not None
    assert agent is not None
    end_task(cycle, node.task, agent, f"{describe(intent.kind)} of {node.name}")
