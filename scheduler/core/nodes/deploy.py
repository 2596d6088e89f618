"""Concern: start the nodes of the target one after another, in numeric order; the second and the third at once.

The next node starts when the previous one is ready, and none starts while a member is down. The record stores that a
node was ready once, and keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from scheduler.core.configuration.logins import join_block
from scheduler.core.configuration.standing_plans import DEPLOY, RECOVERY, plan_record
from scheduler.core.configuration.target import canary_block
from scheduler.core.cycle.workspace import Cycle, end_task
from scheduler.core.mesos.offer import Offer
from scheduler.core.mesos.placement import PlacementError, Spread, parse_constraints
from scheduler.core.nodes import side_by_side
from scheduler.core.nodes.launch import Start, launch_new, new_refusals, rack_of
from scheduler.core.nodes.names import intent_name
from scheduler.core.nodes.recovery import (
    PARTIAL_SECONDS,
    common_block,
    launch_stage,
    may_have_default_superuser,
    try_in_place,
    wait_for_agent,
)
from scheduler.core.nodes.replacement import doubtful_place, has_moved, kept_rack
from scheduler.core.ring.availability import are_down
from scheduler.core.ring.readiness import assess, own_reason
from scheduler.core.ring.seeds import choose_seeds
from scheduler.core.state.cluster import ClusterState, Need, NeedKind
from scheduler.core.state.lifecycle import (
    UNSEEN,
    by_index,
    has_ended,
    is_down,
    is_joining,
    is_leaving,
    is_left_behind,
    is_running,
    may_live,
    previous_place,
)
from scheduler.core.state.node import Abandoned, Agent, Failures, NodeRecord, TaskState
from scheduler.core.state.reason import Code, Reason

REFUSED_SECONDS = 5.0
# Mesos offers all free agents within seconds. After this time, a replacement goes to another rack than its own.
RACK_SECONDS = 20.0
LONG_SECONDS = 3600.0
# After this time from a launch's end, every offer from before it has arrived.
SETTLE_SECONDS = 3.0
ABANDONED_LIMIT = 8
# An agent that is there offers the resources of a task within seconds of its end.
STRANDED_SECONDS = 60.0
# A node that serves this long after its launch has recovered; one that dies earlier is in a loop.
STABLE_SECONDS = 60.0
NO_OFFER = "waits for an offer"

_NO_FAILURES = Failures()
# States of a task whose executor runs: before, there is no Cassandra that could hang.
_STARTED = frozenset({TaskState.STARTING, TaskState.RUNNING})
# States of a task whose agent is away.
_AWAY = UNSEEN | {TaskState.GONE_BY_OPERATOR}


def node_names(state: ClusterState) -> tuple[str, ...]:
    """Return the names of the nodes of the target, in order."""
    return _first_names(state.target.spec.nodes)


@lru_cache(maxsize=8)  # there can be a thousand, and each cycle asks for them several times
def _first_names(nodes: int) -> tuple[str, ...]:
    return tuple(NodeRecord(index).name for index in range(nodes))


def record_of(state: ClusterState, name: str) -> NodeRecord:
    """Return the node's record, a blank one if there is none."""
    return state.nodes.get(name) or NodeRecord(index=int(name.removeprefix("node-")))


def candidate(state: ClusterState) -> NodeRecord | None:
    """Return the node that is being replaced, or else the first one, in order, that is not done."""
    moved = by_index(node for node in state.nodes.values() if has_moved(node))
    if moved:
        return moved[0]
    for name in node_names(state):
        node = record_of(state, name)
        if node.deployed is None and not node.forced and not node.left:
            return node
    return None


def note_progress(cycle: Cycle) -> None:
    """Record new members, and clear the failures of nodes that stay up."""
    for node in list(cycle.state.nodes.values()):
        if not is_running(node) or is_left_behind(node):
            continue
        assert node.task is not None
        if node.deployed is None:
            arrived = assess(cycle.state, node).reason is None
        elif node.deployed == node.task.configuration and node.failures == _NO_FAILURES:
            continue
        else:
            arrived = own_reason(cycle.state, node) is None
        if not arrived:
            continue
        stable = cycle.now - node.task.launched_at >= STABLE_SECONDS
        failures = Failures() if stable else node.failures
        if node.deployed is None and node.intent is None:
            _note_cleanup(cycle, node)
        elif node.deployed is None:
            _note_clean(cycle, node)
        if (node.task.configuration, failures) != (node.deployed, node.failures):
            forced = node.forced and node.deployed is not None  # what let the next node start is over
            deployed = node.task.configuration
            cycle.put(replace(node, deployed=deployed, failures=failures, left_host="", forced=forced))
    _note_completed(cycle)


def _note_cleanup(cycle: Cycle, joined: NodeRecord) -> None:
    """Mark the older members for a cleanup: they keep data that the joined node took over."""
    before = plan_record(cycle.state, DEPLOY)
    if before.completed:
        nodes = by_index(cycle.state.nodes.values())
        older = tuple(node.name for node in nodes if node.deployed is not None and node.index != joined.index)
        cycle.put(replace(before, cleanup_due_since=cycle.now, cleanup_due=older))


def _note_clean(cycle: Cycle, replaced: NodeRecord) -> None:
    """Take a replaced node off those to be cleaned up: its new volume has the data of its own ranges alone."""
    plan = plan_record(cycle.state, DEPLOY)
    left = tuple(name for name in plan.cleanup_due or () if name != replaced.name)
    if left != (plan.cleanup_due or ()):
        since = plan.cleanup_due_since if left else None
        cycle.put(replace(plan, cleanup_due=left or None, cleanup_due_since=since))


def _note_completed(cycle: Cycle) -> None:
    """Mark the first deployment as complete: its nodes had no data to hand over."""
    before = plan_record(cycle.state, DEPLOY)
    members = any(node.deployed is not None for node in cycle.state.nodes.values())
    if not before.completed and members and candidate(cycle.state) is None:
        cycle.put(replace(before, completed=True))


def deploy(cycle: Cycle) -> None:
    """Launch the next node if it is its turn and an offer fits, and the one that may join beside it."""
    _end_joins(cycle)
    node = candidate(cycle.state)
    if node is None:
        return
    if not may_live(node):
        _launch(cycle, node)
    first = record_of(cycle.state, node.name)
    if (companion := side_by_side.companion(cycle.state, first)) is not None:
        _launch(cycle, companion, first)


def give_up_join(node: NodeRecord) -> NodeRecord:
    """Return the node with a task that is to be ended and launched again, if it runs and the node has not joined."""
    task = node.task
    if task is None or task.state not in _STARTED or not is_joining(node) or is_left_behind(node):
        return node
    return replace(node, task=replace(task, unwanted=True))


def is_given_up(node: NodeRecord) -> bool:
    """Return whether an operator gave up the join under way."""
    return is_joining(node) and node.task is not None and node.task.unwanted


def _end_joins(cycle: Cycle) -> None:
    for node in by_index(filter(is_given_up, cycle.state.nodes.values())):
        end_task(cycle, node, f"an operator began the step of {node.name} again")


def _launch(cycle: Cycle, node: NodeRecord, beside: NodeRecord | None = None) -> None:
    if deploy_block(cycle.state, node, cycle.now, beside) is not None:
        return
    if node.reservation is not None:
        cycle.wanted.add(Need(NeedKind.NODE, node.name))
        if try_in_place(cycle, node):
            return
        if not _is_void(cycle, node):
            _hold(cycle, node)
            return
        node = abandon(node)
        cycle.put(node)
    cycle.wanted.add(Need(NeedKind.PLACEMENT, node.name))
    _place(cycle, node, paired=beside is not None or side_by_side.may_pair(cycle.state, node))


def _hold(cycle: Cycle, node: NodeRecord) -> None:
    """Decline the agent's offer for a short time only: its next offer shows whether the reservation was made."""
    if node.agent is not None and (offer := cycle.offers.get(node.agent.id)) is not None:
        cycle.judge(offer, Reason(Code.OWN_AGENT, f"{node.name} may have a reservation there"), PARTIAL_SECONDS)


def is_stranded(state: ClusterState, node: NodeRecord) -> bool:
    """Return whether the node began to join on an agent that is away: by itself, only that agent brings it back."""
    if node.deployed is not None or has_moved(node) or node.reservation is None or node.task is None:
        return False
    if node.task.state in _AWAY:
        return node.reservation.seen
    waits = has_ended(node) and state.memory.waits.get(node.name) == wait_for_agent(node)
    return node.reservation.seen and waits and state.memory.at - node.task.updated_at >= STRANDED_SECONDS


def abandon(node: NodeRecord) -> NodeRecord:
    """Return the node without its reservation, which is not offered.

    If the reservation does appear later, it is released; if the launch does, the node takes it back.
    """
    task = node.task
    if node.reservation is None or task is None:
        return replace(node, agent=None, reservation=None, rack="")
    unused = task.state in (TaskState.ERROR, TaskState.DROPPED)
    sure = [item for item in node.abandoned if item.agent_id]
    doubtful = [item for item in node.abandoned if not item.agent_id]
    abandoned = (*sure, *(*doubtful, Abandoned(node.reservation.id, unused))[-ABANDONED_LIMIT:])
    given_up = doubtful_place(node)
    if may_live(node):
        task = replace(task, state=TaskState.LOST, message="abandoned by an operator")
    return replace(node, agent=None, reservation=None, rack="", abandoned=abandoned, task=task, given_up=given_up)


def deploy_block(state: ClusterState, node: NodeRecord, now: float, beside: NodeRecord | None = None) -> Reason | None:
    """Return why a node may not be launched now, apart from offers; None if it may.

    Args:
        state: The cluster's state.
        node: The candidate, or its companion.
        now: Seconds since the epoch.
        beside: The candidate, for its companion, which may join although that one does.
    """
    if (block := common_block(state, node, RECOVERY if has_moved(node) else DEPLOY, now)) is not None:
        return block
    others = [other for other in by_index(state.nodes.values()) if other.index != node.index]
    for other in others:
        if other.intent is not None and other.intent.begun_at is not None:
            text = f"{node.name} does not join during {intent_name(other)}"
            return Reason(Code.OTHER_INTENT, text)
    if not has_moved(node) and (block := canary_block(state)) is not None:
        return block
    if not has_moved(node) and (block := join_block(state)) is not None:
        return block
    # One that has left the ring waits for the replacement that goes on, so that must not wait for it.
    members = [other for other in others if not is_leaving(other)]
    down = [] if _is_forced(node) else [other.name for other in members if is_down(other)]
    if down:
        out = "; with force=true its replacement goes on nevertheless" if has_moved(node) else ""
        return Reason(Code.NODE_DOWN, f"{node.name} does not join while {are_down(down)}{out}")
    if joining := [other.name for other in others if is_joining(other) and other != beside]:
        return Reason(Code.OTHER_JOINS, f"{node.name} does not join while {joining[0]} does")
    if choose_seeds(state, node) is None:
        return Reason(Code.NO_SEED, f"{node.name} cannot start: no member is up as its seed")
    return None


def _is_forced(node: NodeRecord) -> bool:
    """Return whether the node is being replaced even if other members are down."""
    return has_moved(node) and node.intent is not None and node.intent.forced


def _is_void(cycle: Cycle, node: NodeRecord) -> bool:
    """Return whether the launch that was to make this reservation surely did not happen.

    Either its offers were not valid any more, or its agent offers resources without the reservation. If it is less
    sure, an operator decides by restarting the step.
    """
    task, reservation = node.task, node.reservation
    if task is None or reservation is None or node.agent is None:
        return True
    if reservation.seen or node.deployed is not None:
        return False
    if task.state is TaskState.DROPPED and task.reason == "REASON_INVALID_OFFERS":
        return True
    return cycle.now - task.updated_at >= SETTLE_SECONDS and node.agent.id in cycle.offers


def _place(cycle: Cycle, node: NodeRecord, paired: bool) -> None:
    others = [other for other in cycle.state.nodes.values() if other.index != node.index and other.agent is not None]
    try:
        fits = _fitting_offers(cycle, node, [other.agent for other in others if other.agent is not None])
    except PlacementError as error:  # the target of an older version, which checked less
        cycle.waits[node.name] = str(error)
        return
    chosen = _best_offer(cycle, node, others, fits)
    for offer in fits:
        cycle.explain(node, offer, (), "launched" if offer is chosen else "fits")
        if offer is not chosen:
            cycle.judge(offer, Reason(Code.OTHER_CHOSEN, f"{node.name} goes to another agent"), LONG_SECONDS)
    if chosen is None:
        cycle.waits[node.name] = _summary(cycle, node)
        return
    seeds = choose_seeds(cycle.state, node)
    assert seeds is not None
    known = cycle.state
    stage = launch_stage(known, node)
    start = Start(
        known.target,
        seeds,
        known.framework_id,
        cycle.now,
        cycle.new_id,
        known.cluster_id or "",
        known.policy.digests,
        stage,
        may_have_default_superuser(known, stage),
        paired,
    )
    cycle.take(launch_new(node, chosen, start), chosen)


def _fitting_offers(cycle: Cycle, node: NodeRecord, agents: list[Agent]) -> list[Offer]:
    """Return the offers that can carry the node; judge the others, with the time for which they are declined."""
    spec = cycle.state.target.spec
    spread = Spread(parse_constraints(spec.placement), agents)
    taken = {agent.id for agent in agents}
    fits = []
    previous = previous_place(node)
    left = None if previous is None else previous.agent.id
    for offer in cycle.offers.values():
        reasons = new_refusals(spec, offer, taken, spread)
        reasons = (*reasons, *_other_rack(node, rack_of(spec, offer.agent), cycle.now))
        if offer.agent.id == left or offer.agent.hostname == node.left_host:
            reasons = (Reason(Code.AGENT_LEFT, f"{node.name} leaves this agent"), *reasons)
        if not reasons:
            fits.append(offer)
            continue
        cycle.explain(node, offer, reasons, "refused")
        seconds = LONG_SECONDS if reasons[0].code in (Code.AGENT_TAKEN, Code.AGENT_LEFT) else REFUSED_SECONDS
        text = "; ".join(reason.sentence for reason in reasons)
        cycle.judge(offer, Reason(reasons[0].code, f"{node.name}: {text}"), seconds)
    return fits


def _other_rack(node: NodeRecord, rack: str | None, now: float) -> Iterator[Reason]:
    """Yield why a replacement does not go to another rack yet: an agent of its own may be offered in a moment."""
    own, previous = kept_rack(node), previous_place(node)
    if own is None or previous is None or rack in (None, own):
        return
    if now - previous.moved_at < RACK_SECONDS:
        text = f"the agent is in rack {rack}, and an agent in {own} is waited for, {RACK_SECONDS:.0f} s at most"
        yield Reason(Code.OTHER_RACK, text)


def _best_offer(cycle: Cycle, node: NodeRecord, others: Iterable[NodeRecord], fits: list[Offer]) -> Offer | None:
    """Return the offer in the rack that a replacement keeps, or in that with the fewest nodes, then by host name.

    So racks fill evenly.
    """
    spec, own = cycle.state.target.spec, kept_rack(node)
    counts: dict[str, int] = {}
    for other in others:
        counts[other.rack] = counts.get(other.rack, 0) + 1
    return min(
        fits,
        key=lambda offer: (
            own is not None and rack_of(spec, offer.agent) != own,
            counts.get(rack_of(spec, offer.agent) or "", 0),
            offer.agent.hostname,
            offer.agent.id,
        ),
        default=None,
    )


def _summary(cycle: Cycle, node: NodeRecord) -> str:
    if not cycle.offers:
        return cycle.state.memory.waits.get(node.name) or NO_OFFER
    examples = [reason.sentence for reason, _ in cycle.verdicts.values()][:2]
    return f"none of {len(cycle.offers)} offers fits: {' | '.join(examples)}"
