"""Replacement of a node: its record is emptied, and its old place is kept until the replacement is a member.

Between `move` and `settle` the record is that of a node that was never a member. The rules of the plan deploy place it
on any agent but the old one, with a new reservation and volume, and it starts with the address that it replaces. So
there is one replacement at most, even after failures, and it never bootstraps under another identity.

It keeps the rack for Cassandra, wherever it runs: Cassandra places replicas by rack, and a token that changes its rack
gives other nodes ranges that no one streams to them.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.cycle.workspace import Cycle
from scheduler.core.ring.missing import is_silent
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import (
    FINAL,
    UNSEEN,
    by_index,
    is_disowned,
    is_left_behind,
    is_running,
    is_up,
    may_live,
    previous_place,
)
from scheduler.core.state.node import (
    Abandoned,
    Agent,
    Failures,
    Intent,
    IntentKind,
    Membership,
    NodeRecord,
    Place,
    Reservation,
    TaskState,
)
from scheduler.core.state.operation import SCHEDULER

# States of a task that the master does not know; its agent may come back with it.
_ABSENT = UNSEEN | {TaskState.LOST, TaskState.GONE}


def has_moved(node: NodeRecord) -> bool:
    """Return whether the node was moved away from its place, and its replacement is not a member yet."""
    return previous_place(node) is not None and node.deployed is None


def kept_rack(node: NodeRecord) -> str | None:
    """Return the rack that the replacement keeps; None for any other node."""
    previous = previous_place(node)
    return None if previous is None or node.deployed is not None else previous.rack or None


def is_given_up(node: NodeRecord) -> bool:
    """Return whether the node is not to be launched in its old place again."""
    intent = node.intent
    return intent is not None and intent.kind is IntentKind.REPLACE and intent.begun_at is not None


def awaits_peers(node: NodeRecord) -> bool:
    """Return whether the node is to be replaced, does not run as far as is known, and still has its place."""
    if not is_given_up(node) or node.intent is None or node.intent.previous is not None or node.task is None:
        return False
    return not may_live(node) or node.task.state in UNSEEN


def peer_block(state: ClusterState, node: NodeRecord) -> tuple[str, str] | None:
    """Return the peer for which a replacement waits, and why as a clause; None once it does not wait.

    A peer that sees the node as up may be right, unless the node's task has surely ended. Cassandra would refuse to
    replace such a node. After a start of the scheduler no peer has reported yet, so that one must.
    """
    peers = [peer for peer in by_index(state.nodes.values()) if peer.index != node.index and is_running(peer)]
    for peer in peers:
        sighting = state.sighting_of(peer)
        if sighting is not None and node.address in sighting.status.live:
            return peer.name, f"{peer.name} still sees {node.address} as up"
    if node.known_task.state in FINAL:
        return None
    wait = f"to report whether it sees {node.address} as up"
    answering = [peer for peer in peers if peer.deployed is not None and not is_silent(state, peer)]
    for peer in answering:
        if state.sighting_of(peer) is None:
            return peer.name, f"waits for {peer.name} {wait}"
    up = [peer for peer in answering if is_up(peer)]
    if not up:
        return "", f"waits for a member that is up {wait}"
    if any(state.sightings[peer.name].at >= node.known_task.updated_at for peer in up):
        return None
    return up[0].name, f"waits for {up[0].name} {wait}"


def move(node: NodeRecord, now: float) -> NodeRecord:
    """Return the node without its place, which the intent keeps from now on.

    The task has ended, or Mesos cannot see it.
    """
    assert node.intent is not None
    assert node.agent is not None
    assert node.reservation is not None
    assert node.task is not None
    assert node.deployed is not None
    assert node.address is not None
    previous = Membership(
        agent=node.agent,
        reservation=node.reservation,
        gone=node.task.state is TaskState.GONE_BY_OPERATOR,
        rack=node.rack,
        deployed=node.deployed,
        host_id=node.host_id,
        address=node.address,
        moved_at=now,
    )
    return replace(_without_place(node), deployed=None, intent=replace(node.intent, previous=previous))


def move_back(node: NodeRecord) -> NodeRecord | None:
    """Return the node in its old place, not to be replaced any more; None once a replacement may exist."""
    back = in_old_place(node)
    return None if back is None else replace(back, intent=None)


def in_old_place(node: NodeRecord) -> NodeRecord | None:
    """Return the node in its old place, still to be replaced; None once a replacement may exist."""
    if not has_moved(node) or not is_left_behind(node) or node.reservation is not None:
        return None
    assert node.intent is not None
    assert node.intent.previous is not None
    before = node.intent.previous
    return replace(
        node,
        agent=before.agent,
        reservation=before.reservation,
        rack=before.rack,
        deployed=before.deployed,
        host_id=before.host_id,
        address=before.address,
        intent=replace(node.intent, previous=None),
    )


def may_give_way(node: NodeRecord) -> bool:
    """Return whether a replacement may take the place of the node's restart or pause.

    It may if the node does not run as far as is known: its machine may be gone.
    """
    if node.intent is None or node.intent.kind not in (IntentKind.RESTART, IntentKind.PAUSE) or node.task is None:
        return False
    return not may_live(node) or node.task.state in UNSEEN or node.missing is not None


def place_again(state: ClusterState, node: NodeRecord, forced: bool, now: float) -> NodeRecord | None:
    """Return the record of an ended replacement for another placement; None for any other node.

    If the ended one had taken over the tokens, the next one replaces it, not the node before.

    A replacement that Mesos cannot see may be joining the ring. Only an operator can exclude that (`forced`).
    """
    if not has_moved(node) or is_left_behind(node) or node.task is None or node.reservation is None:
        return None
    if may_live(node) and not (forced and node.task.state in UNSEEN):
        return None
    assert node.agent is not None
    if _has_taken_over(state, node):
        settled = settle(node)
        ended = replace(settled, intent=node.known_intent, deployed=node.known_task.configuration)
        again = move(ended, now)
        return replace(again, intent=replace(again.known_intent, task_id=node.known_task.id))
    abandoned = (*node.abandoned, abandoned_on(node.reservation, node.agent if node.reservation.seen else None))
    return replace(_without_place(node), abandoned=abandoned, given_up=doubtful_place(node))


def doubtful_place(node: NodeRecord) -> Place | None:
    """Return the place of a launch that is given up, and that may run all the same; None if it surely does not."""
    if node.agent is None or node.reservation is None or node.task is None or node.task.state in FINAL:
        return None
    return Place(node.agent, node.reservation, node.rack)


def take_back(node: NodeRecord, agent_id: str | None) -> NodeRecord | None:
    """Return the node in the place that was given up, where its launch runs after all.

    None if there is another launch since, or if the place is not on that agent (any agent: None) or not whole any more.
    """
    place = node.given_up
    if not is_disowned(node) or place is None or agent_id not in (None, place.agent.id):
        return None
    mine = [item for item in node.abandoned if item.id == place.reservation.id]
    if any(item.destroyed for item in mine):
        return None
    others = tuple(item for item in node.abandoned if item not in mine)
    return replace(
        node, agent=place.agent, reservation=place.reservation, rack=place.rack, abandoned=others, given_up=None
    )


def _has_taken_over(state: ClusterState, node: NodeRecord) -> bool:
    """Return whether a replacement joined, although no status of it arrived: a peer knows it, and not the node before.

    Cassandra's gossip removes a node when it is replaced.
    """
    assert node.intent is not None
    assert node.intent.previous is not None
    for peer in filter(is_up, state.nodes.values()):
        sighting = state.sighting_of(peer)
        if peer.index == node.index or sighting is None or sighting.at < node.known_task.updated_at:
            continue
        ring = (*sighting.status.live, *sighting.status.unreachable)
        return node.address in ring and node.intent.previous.address not in ring
    return False


def _without_place(node: NodeRecord) -> NodeRecord:
    """Return the node for another placement; a task that Mesos cannot see counts as lost."""
    task = node.task
    if task is not None and may_live(node):
        task = replace(task, state=TaskState.LOST, message="it is replaced, even if it still runs")
    return replace(
        node,
        agent=None,
        reservation=None,
        rack="",
        task=task,
        host_id=None,
        address=None,
        mode="UNKNOWN",
        failures=Failures(),
    )


def abandoned_on(reservation: Reservation, agent: Agent | None) -> Abandoned:
    """Return a reservation to release with its volume; with `agent` if it surely is there."""
    if agent is None:
        return Abandoned(reservation.id, unused=True)
    return Abandoned(reservation.id, unused=True, agent_id=agent.id, hostname=agent.hostname)


def settle(node: NodeRecord) -> NodeRecord:
    """Return the node whose replacement is a member, with the old reservation to be released."""
    assert node.intent is not None
    assert node.intent.previous is not None
    before = node.intent.previous
    # An agent that an operator removed takes its reservations with it.
    left = abandoned_on(before.reservation, None if before.gone else before.agent)
    return replace(node, intent=None, abandoned=(*node.abandoned, left))


def vacate(node: NodeRecord, left: bool, left_host: str = "") -> NodeRecord:
    """Return the node without its place, its reservation to be released.

    `left`: it does not come back by itself. One that does is placed on any agent but `left_host`.
    """
    abandoned = node.abandoned
    if node.reservation is not None and node.agent is not None:
        gone = node.task is not None and node.task.state is TaskState.GONE_BY_OPERATOR
        sure = node.reservation.seen and not gone
        abandoned = (*abandoned, abandoned_on(node.reservation, node.agent if sure else None))
    return NodeRecord(index=node.index, abandoned=abandoned, left=left, left_host=left_host)


def replace_lost(cycle: Cycle) -> None:
    """Store a REPLACE intent for the first lost member; it waits for its turn like any other."""
    for node in by_index(cycle.state.nodes.values()):
        if _is_pointless(node):
            cycle.put(replace(node, intent=None))
    state = cycle.state
    if any(node.intent is not None for node in state.nodes.values()):
        return
    if sum(1 for node in state.nodes.values() if node.deployed is not None) < 2:
        return
    for node in by_index(state.nodes.values()):
        reason = lost_reason(state, node, cycle.now)
        if reason is None or _is_offered(cycle, node):
            continue
        assert node.task is not None
        intent = Intent(IntentKind.REPLACE, cycle.now, node.task.id, reason, SCHEDULER)
        cycle.put(replace(node, intent=intent))
        return


def lost_reason(state: ClusterState, node: NodeRecord, now: float) -> str | None:
    """Return why this member is replaced without a command; None if it is not."""
    if node.deployed is None or node.intent is not None or node.task is None or node.address is None:
        return None
    if node.task.state is TaskState.GONE_BY_OPERATOR:
        return "an operator marked its agent as gone"
    after = state.policy.replace_after_seconds
    away = now - node.task.updated_at
    if after is None or node.task.state not in _ABSENT or away < after:
        return None
    return f"it was not seen for {away:.0f} s, and REPLACE_AFTER_S is {after:.0f}"


def _is_pointless(node: NodeRecord) -> bool:
    """Return whether a replacement of the scheduler's own has become needless: its node was seen again.

    It may have begun: until the node is moved away, the scheduler has only waited for the node's peers.
    """
    intent, task = node.intent, node.task
    if intent is None or intent.kind is not IntentKind.REPLACE or intent.principal != SCHEDULER or task is None:
        return False
    return intent.previous is None and task.state not in _ABSENT | {TaskState.GONE_BY_OPERATOR}


def _is_offered(cycle: Cycle, node: NodeRecord) -> bool:
    """Return whether the node's agent is back, so that the node is launched in place."""
    gone = node.task is not None and node.task.state is TaskState.GONE_BY_OPERATOR
    return not gone and node.reservation is not None and cycle.holder(node.reservation.id) is not None
