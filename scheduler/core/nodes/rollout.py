"""Concern: restart members whose launch differs from the target, one after another.

The next node begins when the one before is ready, so settings that break a node stop at that node. Additional resources
are reserved before the node is stopped; a node whose agent has not enough runs on. The node's intent stores the
decision. If the target changes, intents that wait or fail get the newer one. With a canary the first node is the only
one until an operator sends `continue`.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.configuration.differences import (
    describe_changes,
    differences_of,
    outdated,
    recorded_configuration,
)
from scheduler.core.configuration.standing_plans import DEPLOY, plan_record
from scheduler.core.configuration.target import canary_of, choose_canary
from scheduler.core.configuration.trial import must_wait
from scheduler.core.cycle.decision import Accept, Purpose
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.mesos.offer import Held, Offer
from scheduler.core.mesos.offer_operations import Hold, build_reserve, new_hold, operation_id, shares
from scheduler.core.mesos.resources import Share, node_needs, to_scalar
from scheduler.core.mesos.task_info import node_of_executor, node_of_task
from scheduler.core.nodes.gates import gate_block, note_settling
from scheduler.core.nodes.recovery import is_rolled_out
from scheduler.core.state.cluster import ClusterState, Need, NeedKind
from scheduler.core.state.lifecycle import LIVE, UNSEEN, by_index, is_down, may_live
from scheduler.core.state.node import Failures, Intent, IntentKind, NodeRecord, TaskState
from scheduler.core.state.operation import StepRecord, StepState
from scheduler.core.state.reason import Code, Reason

GROWTH_SECONDS = 5.0


def roll_out(cycle: Cycle) -> None:
    """Continue the roll-out: direct what is under way to the target, or begin with the next node."""
    if any(node.intent is not None for node in cycle.state.nodes.values()):
        for rolled in [node for node in by_index(cycle.state.nodes.values()) if is_rolled_out(node)]:
            _aim(cycle, rolled)
        if (under_way := _begun(cycle.state)) is not None:
            _note_canary(cycle, under_way)
        return
    if is_interrupted(cycle.state):
        return
    note_settling(cycle)
    node = next_node(cycle.state)
    if node is None or must_wait(cycle, node, recorded_configuration(cycle.state, node).spec):
        return
    if gate_block(cycle.state, node) is not None:
        return
    if not _hold_enough(cycle, node):
        return
    assert node.task is not None
    intent = Intent(
        kind=IntentKind.RESTART,
        requested_at=cycle.now,
        task_id=node.task.id,
        reason=describe_changes(differences_of(cycle.state, node)),
        configuration=cycle.state.target.id,
    )
    _note_canary(cycle, node)
    cycle.put(replace(node, intent=intent, failures=Failures()))


def _note_canary(cycle: Cycle, node: NodeRecord) -> None:
    if (plan := choose_canary(cycle.state, node.name)) is not None:
        cycle.put(plan)


def first_node(state: ClusterState) -> NodeRecord | None:
    """Return the member that gets the target first: the one under way, or else the next."""
    return _begun(state) or next_node(state)


def _begun(state: ClusterState) -> NodeRecord | None:
    rolled = [node for node in by_index(state.nodes.values()) if is_rolled_out(node)]
    return next((node for node in rolled if node.intent and node.intent.begun_at is not None), None)


def is_interrupted(state: ClusterState) -> bool:
    """Return whether an operator has interrupted the roll-out."""
    return plan_record(state, DEPLOY).interrupted


def next_node(state: ClusterState) -> NodeRecord | None:
    """Return the member to restart next: one that is down, since it holds up the others, or else the first.

    A member that Mesos cannot see, or whose agent is gone, cannot restart. With a canary no other node can.
    """
    canary = canary_of(state)
    alone = canary.node if canary is not None else ""
    outdated_nodes = (state.nodes[name] for name in outdated(state) if alone in ("", name))
    nodes = [node for node in outdated_nodes if node.missing is None]
    seen = [node for node in nodes if node.task and node.task.state not in {*UNSEEN, TaskState.GONE_BY_OPERATOR}]
    return next((node for node in seen if is_down(node)), seen[0] if seen else None)


def _aim(cycle: Cycle, node: NodeRecord) -> None:
    """Drop a waiting intent if nothing is left to change; direct one that has begun to the present target."""
    state, intent = cycle.state, node.intent
    assert intent is not None
    assert node.task is not None
    differences = differences_of(state, node)
    if intent.begun_at is None:
        if not differences or is_interrupted(state) or node.forced or intent.configuration != state.target.id:
            cycle.put(replace(node, intent=None))
        return
    _hold_enough(cycle, node)
    if intent.configuration == state.target.id:
        return
    # The newest task may have been launched with outdated settings, and never become ready.
    stale = may_live(node) and bool(differences)
    task_id = node.task.id if stale else intent.task_id
    reason = describe_changes(differences) if differences else "settings changed back"
    aimed = replace(intent, configuration=state.target.id, task_id=task_id, reason=reason)
    cycle.put(replace(node, intent=aimed, failures=Failures()))


def _hold_enough(cycle: Cycle, node: NodeRecord) -> bool:
    """Return whether the node surely holds the target's amounts; if not, reserve the rest from an offer."""
    assert node.task is not None
    before, after = node_needs(recorded_configuration(cycle.state, node).spec), node_needs(cycle.state.target.spec)
    if after.total.cpus <= before.total.cpus and after.total.mem <= before.total.mem:
        return True
    if _has_job(cycle, node):
        return _wait(cycle, node, f"waits for the maintenance job on {node.name}, which uses a part of its reservation")
    assert node.agent is not None
    assert node.reservation is not None
    cycle.wanted.add(Need(NeedKind.NODE, node.name))
    offer = cycle.offers.get(node.agent.id)
    if offer is None:
        known = cycle.state.memory.waits.get(node.name)
        return _wait(cycle, node, known or f"waits for an offer of {node.agent.hostname} to reserve more")
    if (former := _former_executor(node, offer)) is not None:
        text = f"waits for the end of {former}, its former executor, which still holds a part of the reservation"
        cycle.judge(offer, Reason(Code.RESERVATION_PARTIAL, f"{node.name} {text}"), GROWTH_SECONDS)
        return _wait(cycle, node, text)
    held = offer.held.get(node.reservation.id)
    if held is None and (not may_live(node) or before.spare.cpus or before.spare.mem):
        return _wait(
            cycle, node, f"waits for {node.agent.hostname} to offer the part of its reservation beside its task"
        )
    used = before.launch if may_live(node) else Share(0, 0)
    shown = held or Held(())
    if used.cpus + shown.cpus < before.total.cpus or used.mem + shown.mem < before.total.mem:
        text = f"waits for {offer.agent.hostname} to offer its whole reservation: a part of it is not offered yet"
        cycle.judge(offer, Reason(Code.RESERVATION_PARTIAL, f"{node.name} {text}"), GROWTH_SECONDS)
        return _wait(cycle, node, text)
    missing = Share(max(0, after.total.cpus - used.cpus - shown.cpus), max(0, after.total.mem - used.mem - shown.mem))
    if missing == Share(0, 0):
        return True
    _grow(cycle, node, offer, missing)
    return False


def _has_job(cycle: Cycle, node: NodeRecord) -> bool:
    """Return whether a maintenance job uses the node's share, even one for which no step waits."""
    if any(step.state is StepState.RUNNING and step.task and step.task.node == node.name for step in _steps(cycle)):
        return True
    strays = cycle.state.memory.strays.items()
    return any(stray.state in LIVE and node_of_task(name).endswith(f"-{node.name}") for name, stray in strays)


def _former_executor(node: NodeRecord, offer: Offer) -> str | None:
    """Return an executor that still holds a part of the node's reservation although its task has ended."""
    assert node.task is not None
    present = node.task.executor_id if may_live(node) else None
    mine = (name for name in offer.executor_ids if node_of_executor(name) == node.name)
    return next((name for name in mine if name != present), None)


def _grow(cycle: Cycle, node: NodeRecord, offer: Offer, missing: Share) -> None:
    assert node.task is not None
    assert node.reservation is not None
    spec = cycle.state.target.spec
    if offer.cpus < missing.cpus or offer.mem < missing.mem:
        text = (
            f"needs {_amounts(missing)} more than its reservation, but {offer.agent.hostname} has "
            f"{_amounts(Share(offer.cpus, offer.mem))} free"
        )
        _wait(cycle, node, text)
        cycle.judge(offer, Reason(Code.NO_OFFER_FITS, f"{node.name} {text}"), GROWTH_SECONDS)
        return
    held = offer.held.get(node.reservation.id)
    hold = new_hold(spec.role, spec.principal, node.reservation.id, node.reservation.cluster_id)
    hold = hold if held is None else Hold(held.reservations, spec.role)
    unique = f"{operation_id('grow', node.task.id)}.{cycle.new_id()}"
    cycle.use(offer, Accept(Purpose.GROW, node.name, offer.ids, (build_reserve(unique, shares(hold, missing)),)))
    _wait(cycle, node, f"{_amounts(missing)} are being reserved for it in addition")


def _wait(cycle: Cycle, node: NodeRecord, text: str) -> bool:
    cycle.waits[node.name] = text
    return False


def _steps(cycle: Cycle) -> list[StepRecord]:
    return list(cycle.state.steps.values())


def _amounts(share: Share) -> str:
    return f"{to_scalar(share.cpus):g} cpus and {to_scalar(share.mem):g} MB of memory"
