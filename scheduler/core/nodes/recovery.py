"""Concern: launch members whose task has ended on their own agent and volume.

All at once, since they are members already, each with its own back-off. No task uses an offered volume, so a node never
starts twice. A node whose record shows a running task is left alone.
"""

from __future__ import annotations

from dataclasses import replace

from executor.sentences import number_of
from scheduler.core.configuration import logins
from scheduler.core.configuration.differences import launch_differences
from scheduler.core.configuration.standing_plans import RECOVERY, interruption
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.mesos.resources import node_needs
from scheduler.core.mesos.subscription import subscription_block
from scheduler.core.nodes.gates import has_passed
from scheduler.core.nodes.launch import Start, in_place_refusals, is_unused, launch_in_place
from scheduler.core.nodes.names import agent_name
from scheduler.core.nodes.replacement import has_moved, is_given_up
from scheduler.core.ring.seeds import choose_seeds
from scheduler.core.state.cluster import ClusterState, Need, NeedKind
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.lifecycle import UNSEEN, by_index, has_ended, has_given_up, is_leaving
from scheduler.core.state.node import Failures, IntentKind, NodeRecord, TaskState
from scheduler.core.state.reason import Code, Reason

PARTIAL_SECONDS = 1.0
# What to do about a node that has not joined, and whose agent does not come back.
ELSEWHERE = "restart this step to launch it on another agent"


def recover(cycle: Cycle) -> None:
    """Launch every member whose task has ended and whose back-off is over."""
    for node in by_index(cycle.state.nodes.values()):
        if node.deployed is None or not has_ended(node) or is_given_up(node) or is_leaving(node):
            continue
        if common_block(cycle.state, node, RECOVERY, cycle.now) is not None:
            continue
        cycle.wanted.add(Need(NeedKind.NODE, node.name))
        try_in_place(cycle, node)


def note_evidence(cycle: Cycle) -> None:
    """Mark tasks that Mesos cannot see as LOST if their volume is offered, so that no task uses it.

    Offers alone can prove it, since the agent may have come back under a new id.
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
            cycle.put(replace(node, task=task, mode="UNKNOWN", missing=None))


def common_block(state: ClusterState, node: NodeRecord, plan: str, now: float) -> Reason | None:
    """Return what holds back any launch of this node; None if nothing does."""
    if (waiting := subscription_block(state) or interruption(state, plan)) is not None:
        return waiting
    if node.reservation is not None and node.task is not None and node.task.state is TaskState.GONE_BY_OPERATOR:
        out = "replace the node" if node.deployed is not None or has_moved(node) else ELSEWHERE
        return Reason(Code.AGENT_GONE, f"an operator marked the agent of {node.name} as gone: {out}")
    if has_given_up(node):
        return failure_reason(node)
    return back_off(node.failures, now)


def back_off(failures: Failures, now: float) -> Reason | None:
    """Return the reason to wait for the end of a back-off; None if it is over. `now` is in seconds since the epoch."""
    if now >= failures.not_before:
        return None
    number = number_of(failures.count, "failure")
    words = f"next attempt in {failures.not_before - now:.0f} s, after {number}: {failures.message}"
    return Reason(Code.BACK_OFF, words)


def failure_reason(node: NodeRecord) -> Reason:
    """Return the reason of a node that waits for an operator after its failures."""
    text = f"{node.name} failed {node.failures.count} times in a row; the last message: {node.failures.message}"
    return Reason(Code.FAILED, text)


def try_in_place(cycle: Cycle, node: NodeRecord) -> bool:
    """Launch the node on its own reservation if an offer shows all of it.

    Return whether an offer showed any of it.
    """
    assert node.reservation is not None
    offer = cycle.holder(node.reservation.id)
    if offer is None:
        cycle.waits[node.name] = wait_for_agent(node)
        return False
    configuration = launch_configuration(cycle.state, node)
    reasons = in_place_refusals(node, offer, configuration)
    seeds = choose_seeds(cycle.state, node)
    if not reasons and seeds is None:
        reasons = (Reason(Code.NO_SEED, "no member is up as its seed"),)
    cycle.explain(node, offer, reasons, "refused" if reasons else "launched")
    if reasons or seeds is None:
        text = "; ".join(reason.sentence for reason in reasons)
        cycle.waits[node.name] = f"its own reservation is not offered whole: {text}"
        cycle.judge(offer, Reason(Code.RESERVATION_PARTIAL, f"{node.name}: {text}"), PARTIAL_SECONDS)
        return True
    stage = launch_stage(cycle.state, node)
    start = Start(
        configuration,
        seeds,
        cycle.state.framework_id,
        cycle.now,
        cycle.new_id,
        digests=cycle.state.policy.digests,
        stage=stage,
        makes_default_superuser=may_have_default_superuser(cycle.state, stage),
    )
    cycle.take(launch_in_place(node, offer, start), offer)
    return True


def wait_for_agent(node: NodeRecord) -> str:
    """Return what a node waits for whose agent offers nothing of its reservation."""
    return f"waits for {agent_name(node)} to offer its reservation and volume again"


def is_rolled_out(node: NodeRecord) -> bool:
    """Return whether the node is to restart for changed settings."""
    intent = node.intent
    return intent is not None and intent.kind is IntentKind.RESTART and intent.configuration is not None


def launch_stage(state: ClusterState, node: NodeRecord) -> logins.Stage:
    """Return the stage of authentication and authorization of the next launch.

    A member keeps its own until its turn in the roll-out.
    """
    if node.deployed is None:
        managed = logins.wanted_stage(state.target.spec) != logins.Stage()
        return logins.stages(state).next_of(node.name) if managed else logins.Stage()
    own = logins.present_stage(state, node)
    turn = is_rolled_out(node) and node.intent is not None and node.intent.begun_at is not None
    if not turn:
        return own
    found = logins.stages(state)  # of all members, so only for the node whose turn it is
    if logins.superusers_block(state, found, node.name) is not None:
        return own
    free = has_passed(state, node.name) or logins.clients_block(state, found, node.name) is None
    return found.next_of(node.name) if free else own


def may_have_default_superuser(state: ClusterState, stage: logins.Stage) -> bool:
    """Return whether Cassandra may make its default superuser: not where authentication is on from the beginning."""
    return stage.authentication != logins.ON or logins.superusers_made(state)


def launch_configuration(state: ClusterState, node: NodeRecord) -> Configuration:
    """Return the configuration of the next launch.

    A member keeps its own until its turn in the roll-out, unless the target is the same to a launch. A node that never
    became a member takes the target, unless its reservation was made for other amounts.
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
