"""Concern: carry out what is intended for nodes, one node at a time, and only while the ring can stand it.

An intent waits its turn (`turn_block`); then its node's task is ended; what follows is its kind's. Everything that is
asked of Mesos follows from the stored record, so that a crash between any two steps only delays it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from scheduler.core.cycle import Cycle
from scheduler.core.decision import Kill
from scheduler.core.lifecycle import UNSEEN, has_ended, is_down, is_joining, may_live
from scheduler.core.readiness import assess
from scheduler.core.reasons import Code, Reason
from scheduler.core.seeds import by_index
from scheduler.core.state import ClusterState, Intent, IntentKind, NodeRecord, StepState

KILL_AGAIN_SECONDS = 30.0


def pursue(cycle: Cycle) -> None:
    """Go on with what has begun, and begin the next if its turn has come."""
    for node in waiting(cycle.state):
        assert node.intent is not None
        if turn_block(cycle.state, node) is None:
            cycle.update(replace(node, intent=replace(node.intent, begun_at=cycle.now)))
            break
    for node in begun(cycle.state):
        _go_on(cycle, node)


def begun(state: ClusterState) -> list[NodeRecord]:
    """The nodes whose intent is being carried out."""
    return [node for node in by_index(state.nodes.values()) if node.intent and node.intent.begun_at is not None]


def waiting(state: ClusterState) -> list[NodeRecord]:
    """The nodes whose intent has not begun, the oldest intent first."""
    found = [node for node in state.nodes.values() if node.intent and node.intent.begun_at is None]
    return sorted(found, key=lambda node: (node.intent.requested_at if node.intent else 0.0, node.index))


def turn_block(state: ClusterState, node: NodeRecord) -> Reason | None:
    """What holds an intent back; None if it may begin. A forced one waits for other topology changes alone."""
    intent = node.intent
    assert intent is not None
    if not state.registered or not state.reconciliation.complete:
        return Reason(Code.RECONCILING, "Mesos has not spoken yet of every task that may run")
    others = [other for other in by_index(state.nodes.values()) if other.index != node.index]
    for other in others:
        if other.intent is not None and other.intent.begun_at is not None and other.intent.kind is not IntentKind.PAUSE:
            return Reason(Code.OTHER_INTENT, f"waits for {describe(other.intent.kind)} of {other.name}")
    if joining := [other.name for other in others if is_joining(other)]:
        return Reason(Code.OTHER_JOINS, f"waits for {joining[0]} to join the ring")
    if intent.forced:
        return None
    if (strain := ring_strain(state, others)) is not None:
        return strain
    jobs = (step.task.node for step in state.steps.values() if step.task and step.state is StepState.RUNNING)
    if node.name in jobs:
        return Reason(Code.OTHER_JOB, f"waits for the maintenance job that runs on {node.name}")
    return None


def ring_strain(state: ClusterState, others: Iterable[NodeRecord]) -> Reason | None:
    """Why no member may be taken out of the ring now: another one is down, or not yet whole in its peers' eyes."""
    members = [other for other in others if other.deployed is not None]
    if down := [other.name for other in members if is_down(other)]:
        return Reason(Code.NODE_DOWN, f"{', '.join(down[:5])} is down")
    for other in members:
        if (reason := assess(state, other).reason) is not None and reason.code is not Code.NO_STATUS:
            return Reason(reason.code, f"not every other node is ready: {reason.sentence}")
    return None


def describe(kind: IntentKind) -> str:
    """A kind in a sentence."""
    return {
        IntentKind.RESTART: "the restart",
        IntentKind.PAUSE: "the pause",
        IntentKind.REPLACE: "the replacement",
        IntentKind.LEAVE: "the departure",
    }[kind]


def _go_on(cycle: Cycle, node: NodeRecord) -> None:
    intent = node.intent
    assert intent is not None
    if node.task is not None and node.task.id == intent.task_id:
        if may_live(node):
            _end_task(cycle, node, intent)
        return
    if intent.kind is IntentKind.RESTART and assess(cycle.state, node).reason is None:
        cycle.update(replace(node, intent=None))


def _end_task(cycle: Cycle, node: NodeRecord, intent: Intent) -> None:
    """Tell the task to end, again and again until it has."""
    assert node.task is not None
    assert node.agent is not None
    told = cycle.state.memory.told
    if cycle.now - told.get(node.task.id, float("-inf")) < KILL_AGAIN_SECONDS or node.task.state in UNSEEN:
        return
    grace = cycle.state.target.spec.executor.shutdown_grace_seconds
    cycle.kills.append(Kill(node.task.id, node.agent.id, grace, f"{describe(intent.kind)} of {node.name}"))
    memory = replace(cycle.state.memory, told={**told, node.task.id: cycle.now})
    cycle.replace_state(replace(cycle.state, memory=memory))


def is_over(node: NodeRecord) -> bool:
    """Whether the task that the node's intent is about has ended."""
    return node.intent is not None and (node.task is None or node.task.id != node.intent.task_id or has_ended(node))
