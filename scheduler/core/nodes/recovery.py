"""Concern: members of the ring whose task has ended are launched again where they were, with their own volume.

All at once, since they are members already; each with its own back-off. A volume that is offered is used by no
task, so that a node is never started twice. A node whose record says that it runs is never touched.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.configuration.differences import launch_differences
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.mesos.resources import node_needs
from scheduler.core.nodes.launch import Start, in_place_refusals, is_unused, launch_in_place
from scheduler.core.nodes.replacement import is_given_up
from scheduler.core.ring.seeds import choose_seeds
from scheduler.core.state.cluster import ClusterState, Need, NeedKind
from scheduler.core.state.configuration import Configuration, PlanRecord
from scheduler.core.state.lifecycle import UNSEEN, by_index, has_ended, has_given_up, is_leaving
from scheduler.core.state.node import IntentKind, NodeRecord, TaskState
from scheduler.core.state.reason import Code, Reason

PLAN = "recovery"
PARTIAL_SECONDS = 1.0


def recover(cycle: Cycle) -> None:
    """Launch every member that is over and may be tried again."""
    for node in by_index(cycle.state.nodes.values()):
        if node.deployed is None or not has_ended(node) or is_given_up(node) or is_leaving(node):
            continue
        if common_block(cycle.state, node, PLAN, cycle.now) is not None:
            continue
        cycle.wanted.add(Need(NeedKind.NODE, node.name))
        try_in_place(cycle, node)


def note_evidence(cycle: Cycle) -> None:
    """A task that Mesos cannot see or does not know has ended if its volume is offered: nothing uses it.

    Its agent may have come back under a new id, so that offers alone can tell.
    """
    for node in list(cycle.state.nodes.values()):
        if node.task is None or node.reservation is None or node.task.state not in UNSEEN:
            continue
        offer = cycle.holder(node.reservation.id)
        if offer is None:
            cycle.wanted.add(Need(NeedKind.NODE, node.name))
        elif is_unused(node.reservation, offer, launch_configuration(cycle.state, node)):
            message = "its volume is offered, so no task uses it"
            task = replace(node.task, state=TaskState.LOST, message=message, updated_at=cycle.now)
            cycle.put(replace(node, task=task, mode="UNKNOWN"))


def common_block(state: ClusterState, node: NodeRecord, plan: str, now: float) -> Reason | None:
    """What holds back any launch of this node; None if nothing does."""
    if not state.registered:
        return Reason(Code.NOT_REGISTERED, "the scheduler is not subscribed to Mesos")
    if not state.reconciliation.complete:
        return Reason(Code.RECONCILING, "Mesos has not spoken yet of every task that may run")
    if state.plans.get(plan, PlanRecord(plan)).interrupted:
        return Reason(Code.INTERRUPTED, f"the plan {plan} was interrupted by an operator")
    if node.reservation is not None and node.task is not None and node.task.state is TaskState.GONE_BY_OPERATOR:
        return Reason(Code.AGENT_GONE, f"an operator marked the agent of {node.name} as gone: it has to be replaced")
    failures = node.failures
    if has_given_up(node):
        return given_up(node)
    if now < failures.not_before:
        left = failures.not_before - now
        return Reason(Code.BACK_OFF, f"next try in {left:.0f} s, after {failures.count} failures: {failures.message}")
    return None


def given_up(node: NodeRecord) -> Reason:
    """For a node that waits for an operator."""
    text = f"{node.name} failed {node.failures.count} times in a row; its last words: {node.failures.message}"
    return Reason(Code.FAILED, text)


def try_in_place(cycle: Cycle, node: NodeRecord) -> bool:
    """Launch the node on its own reservation if an offer shows all of it; says whether an offer showed any of it."""
    assert node.reservation is not None
    offer = cycle.holder(node.reservation.id)
    if offer is None:
        where = node.agent.hostname if node.agent is not None else "its agent"
        cycle.waits[node.name] = f"waits for {where} to offer its reservation and volume again"
        return False
    configuration = launch_configuration(cycle.state, node)
    reasons = in_place_refusals(node, offer, configuration)
    seeds = choose_seeds(cycle.state, node)
    if not reasons and seeds is None:
        reasons = (Reason(Code.NO_SEED, "no member is up that it could ask"),)
    cycle.explain(node, offer, reasons, "refused" if reasons else "launched")
    if reasons or seeds is None:
        text = "; ".join(reason.sentence for reason in reasons)
        cycle.waits[node.name] = f"its own reservation is not offered whole: {text}"
        cycle.judge(offer, Reason(Code.RESERVATION_PARTIAL, f"{node.name}: {text}"), PARTIAL_SECONDS)
        return True
    start = Start(configuration, seeds, cycle.state.framework_id, cycle.now, cycle.new_id)
    cycle.take(launch_in_place(node, offer, start), offer)
    return True


def is_rolled_out(node: NodeRecord) -> bool:
    """Whether the node is to be restarted for changed settings."""
    intent = node.intent
    return intent is not None and intent.kind is IntentKind.RESTART and intent.configuration is not None


def launch_configuration(state: ClusterState, node: NodeRecord) -> Configuration:
    """The configuration of the next launch.

    A member keeps its own until its turn in the roll-out has come, unless the target is the same to a launch. One that
    never became a member takes the target, unless what it holds, or may hold, was reserved for other amounts.
    """
    recorded = None if node.task is None else state.configurations.get(node.task.configuration)
    if recorded is None:
        return state.target
    if node.deployed is not None:
        turn = is_rolled_out(node) and node.intent is not None and node.intent.begun_at is not None
        same = recorded.id == state.target.id or not launch_differences(recorded.spec, state.target.spec)
        return state.target if turn or same else recorded
    other_amounts = node_needs(recorded.spec) != node_needs(state.target.spec)
    return recorded if node.reservation is not None and other_amounts else state.target
