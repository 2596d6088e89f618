"""Nodes of the first deployment start side by side, a few at a time, and join the ring one after another.

Most of the time until an empty node is a member is the start of its Cassandra, which changes nothing in the ring. Two
rules follow from Cassandra: it does not start while another node joins, and it joins only with its seed in its gossip.
So nodes start while none joins, and none joins while others start.
"""

from __future__ import annotations

from dataclasses import replace

from executor.sentences import list_first
from scheduler.core.configuration import trial
from scheduler.core.configuration.differences import describe_changes, launch_differences, recorded_configuration
from scheduler.core.configuration.standing_plans import DEPLOY, plan_record
from scheduler.core.cycle.decision import Ask
from scheduler.core.cycle.workspace import Cycle, end_task
from scheduler.core.mesos.task_info import Seeds
from scheduler.core.nodes.recovery import launch_configuration, launch_stage
from scheduler.core.ring.missing import is_silent
from scheduler.core.ring.readiness import own_reason
from scheduler.core.ring.seeds import choose_seeds, seeds_beside
from scheduler.core.state.cluster import ClusterState, Sighting
from scheduler.core.state.lifecycle import UNSEEN, by_index, is_running, is_standby
from scheduler.core.state.node import NodeRecord, TaskState
from scheduler.core.state.reason import Code, Reason

# As many start side by side; each needs a whole processor.
GROUP = 3
STANDBY = "STANDBY"
# The longest time for which a start holds up the others' joins: one that takes longer can fail, and is repeated.
START_SECONDS = 60.0
# The time for a Cassandra to start and meet its seed. After it, the node is launched again, with other seeds.
CONTACT_SECONDS = 600.0
ORDER_SECONDS = 2.0


def companions(state: ClusterState, first: NodeRecord) -> list[NodeRecord]:
    """Return the nodes after this one that may start beside it: of its group, and never placed before."""
    if plan_record(state, DEPLOY).completed:
        return []
    end = min((first.index // GROUP + 1) * GROUP, state.target.spec.nodes)
    group = [NodeRecord(index) for index in range(first.index + 1, end)]
    return [node for node in group if state.nodes.get(node.name, node) == node]


def starts_in_standby(state: ClusterState, node: NodeRecord, seeds: Seeds) -> bool:
    """Return whether the next node, which is about to be placed, waits for those beside it before it joins."""
    return node == NodeRecord(node.index) and not seeds.self_seed and bool(companions(state, node))


def companion_seeds(state: ClusterState, first: NodeRecord, node: NodeRecord) -> Seeds | None:
    """Return the seeds of a node that starts beside `first`; None while that one has not started, or joins."""
    if is_standby(first):
        return choose_seeds(state, node)
    return seeds_beside(state, first)


def let_join(cycle: Cycle, node: NodeRecord) -> None:
    """Let a standby node into the ring if it can join; launch one with older settings or without a seed again."""
    if (changed := _changes(cycle.state, node)) is not None:
        if trial.block(cycle.state) is None:
            end_task(cycle, node.known_task, node.known_agent, changed)
        return
    if join_reason(cycle.state, node, cycle.now) is None:
        cycle.put(replace(node, task=replace(node.known_task, join_at=cycle.now)))
        return
    _end_without_seed(cycle, node)


def _end_without_seed(cycle: Cycle, node: NodeRecord) -> None:
    """End a node that cannot join, since it has not met its seed for long; it is launched again, with other seeds."""
    sighting = cycle.state.sighting_of(node)
    if sighting is None or node.mode != "STARTING" or not sighting.status.gossip_running:
        return
    if cycle.now - sighting.mode_since >= CONTACT_SECONDS:
        end_task(cycle, node.known_task, node.known_agent, f"{node.name} does not meet its seed")


def join_reason(state: ClusterState, node: NodeRecord, now: float) -> Reason | None:
    """Return why a standby node whose turn it is cannot join yet; None if it can."""
    if (changed := _changes(state, node)) is not None:
        return trial.block(state) or Reason(
            Code.STOPPING_TASK, f"{node.name} is launched again before it joins: {changed}"
        )
    others = [other for other in by_index(state.nodes.values()) if other.index != node.index]
    if starting := [other.name for other in others if _starts(state, other, now)]:
        return Reason(Code.OTHER_JOINS, f"{node.name} does not join while {list_first(starting)} starts")
    sighting = state.sighting_of(node)
    if node.mode != STANDBY or sighting is None or not is_running(node):
        return own_reason(state, node)
    if is_silent(state, node):
        return Reason(Code.NO_STATUS, f"{node.name} does not answer")
    return _view_reason(state, node, sighting)


def _view_reason(state: ClusterState, node: NodeRecord, sighting: Sighting) -> Reason | None:
    """Return which running member the node does not see; an older view can show one that was in standby itself."""
    for member in by_index(state.nodes.values()):
        if member.deployed is None or not is_running(member):
            continue
        seen = state.sighting_of(member)
        if seen is None:
            return Reason(Code.NO_STATUS, f"{member.name} has not reported its status yet")
        if sighting.at < seen.mode_since:
            return Reason(Code.PEER_SILENT, f"{node.name} has not reported its peers since {member.name} is up")
        if member.address not in sighting.status.live:
            return Reason(Code.PEER_VIEW, f"{node.name} does not see {member.name} as up")
    return None


def _changes(state: ClusterState, node: NodeRecord) -> str | None:
    """Return what a launch would change by now; None if nothing.

    Members can restart while a node stands by. They must not meet one that is two steps behind, as where clients need
    no password yet, and it has no data that a restart would have to spare.
    """
    task, stage = node.known_task, launch_stage(state, node)
    before, after = recorded_configuration(state, node).spec, launch_configuration(state, node).spec
    names = ("authentication", "authorization")
    staged = tuple((name, getattr(task, name), getattr(stage, name)) for name in names)
    found = (*(item for item in staged if item[1] != item[2]), *launch_differences(before, after))
    return describe_changes(found) if found else None


def _starts(state: ClusterState, node: NodeRecord, now: float) -> bool:
    """Return whether another node's join could end the start of this standby node."""
    if not is_standby(node) or node.known_task.state in (*UNSEEN, TaskState.KILLING):
        return False
    sighting = state.sighting_of(node)
    gossips = sighting is not None and sighting.status.gossip_running
    return not gossips and now - node.known_task.launched_at < START_SECONDS


def send_orders(cycle: Cycle) -> None:
    """Tell the standby nodes whose turn has come to join, again until they do; everything else waits for them."""
    sent = dict(cycle.state.memory.ordered)
    for node in cycle.state.nodes.values():
        task = node.task
        if task is None or task.join_at is None or node.deployed is not None or not is_running(node):
            continue
        if node.mode != STANDBY:  # the order can have been lost, and its seed since
            _end_without_seed(cycle, node)
        elif cycle.now - sent.get(task.id, float("-inf")) >= ORDER_SECONDS:
            sent[task.id] = cycle.now
            cycle.joins.append(Ask(node.name, task.executor_id, node.known_agent.id, task.id))
    living = {node.task.id for node in cycle.state.nodes.values() if node.task is not None}
    kept = {name: at for name, at in sent.items() if name in living}
    if kept != cycle.state.memory.ordered:
        cycle.replace_state(replace(cycle.state, memory=replace(cycle.state.memory, ordered=kept)))
