"""Events of nodes, from their records before and after."""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.core.nodes.clocks import wrong_clocks
from scheduler.core.nodes.names import agent_name
from scheduler.core.ring.missing import describe_missing
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import Entry, EntryKind
from scheduler.core.state.lifecycle import (
    ENDED,
    UNSEEN,
    by_index,
    has_ended,
    has_given_up,
    is_down,
    previous_place,
    shorten,
)
from scheduler.core.state.node import Intent, IntentKind, NodeRecord

_NAMES = {
    IntentKind.RESTART: "restart",
    IntentKind.PAUSE: "pause",
    IntentKind.REPLACE: "replacement",
    IntentKind.LEAVE: "departure",
}


def node_entries(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    """Return the events of each node."""
    found: list[Entry] = []
    if before.nodes is not after.nodes:
        changed = [node for name, node in after.nodes.items() if before.nodes.get(name) is not node]
        for node in by_index(changed):
            old = before.nodes.get(node.name) or NodeRecord(node.index)
            sighting = after.sightings.get(node.name)
            found += _node(old, node, now, (sighting.status.error if sighting is not None else None) or "")
        gone = [node for name, node in before.nodes.items() if name not in after.nodes]
        found += [_entry(node, EntryKind.LEFT, now, "it has left for good: its record is removed") for node in gone]
    return found


def _node(old: NodeRecord, new: NodeRecord, now: float, words: str) -> Iterable[Entry]:
    """Yield the events of one node; `words` are the error of its last status."""
    yield from _intent(old, new, now)
    if new.reservation is not None and (old.reservation is None or old.reservation.id != new.reservation.id):
        reserved = f"resources and the volume {new.reservation.volume_id} are reserved on {agent_name(new)}"
        if new.reservation.id in _former(old):
            reserved = f"it has its place on {agent_name(new)} again, with the volume {new.reservation.volume_id}"
        yield _entry(new, EntryKind.RESERVED, now, reserved, subject=new.reservation.id)
    if new.task is not None and (old.task is None or old.task.id != new.task.id):
        yield _launch_entry(old, new, now)
    else:
        yield from _task(old, new, now)
    yield from _membership(old, new, now, words)


def _former(node: NodeRecord) -> set[str]:
    """Return the reservations that a node without a place has given up, and can take back."""
    places = (node.given_up, previous_place(node))
    return {place.reservation.id for place in places if place is not None}


def _launch_entry(old: NodeRecord, new: NodeRecord, now: float) -> Entry:
    assert new.task is not None
    words = f"the task {new.task.id} is launched on {agent_name(new)}"
    return _entry(new, EntryKind.LAUNCHED, now, words, subject=new.task.id, cause=_launch_cause(old, new))


def _launch_cause(old: NodeRecord, new: NodeRecord) -> str:
    if new.intent is not None and new.intent.begun_at is not None:
        return _intent_cause(new.intent)
    if old.task is None:
        return "its turn in the plan deploy"
    last = f"{old.task.id} ended with {old.task.state.value}"
    return f"{last}: {old.task.message}" if old.task.message else last


def _task(old: NodeRecord, new: NodeRecord, now: float) -> Iterable[Entry]:
    """Yield the events of the newest task's updates."""
    if new.task is None or old.task is None:
        return
    if old.task.state is new.task.state:
        one, other = old.failures, new.failures
        if other.count == one.count and other.message != one.message and new.task.state in ENDED:
            words = f"Mesos reports more on the end of the task {new.task.id}"
            yield _entry(new, EntryKind.ENDED, now, words, subject=new.task.id, cause=other.message)
        return
    task = new.task
    if task.state in ENDED:
        words = f"the task {task.id} ended with {task.state.value}"
        if old.task.state in ENDED:
            words = f"Mesos reports {task.state.value} of the task {task.id}, which had ended before"
        cause = new.failures.message if new.failures != old.failures else task.message
        yield _entry(new, EntryKind.ENDED, now, words, subject=task.id, cause=cause or task.reason)
    elif task.state in UNSEEN and old.task.state not in UNSEEN:
        words = f"Mesos cannot see the task {task.id} ({task.state.value}); it may live, so the scheduler waits for it"
        yield _entry(new, EntryKind.UNREACHABLE, now, words, subject=task.id, cause=task.message or task.reason)


def _membership(old: NodeRecord, new: NodeRecord, now: float, words: str) -> Iterable[Entry]:
    """Yield the events of membership, and of a node that goes down or up."""
    if old.deployed is None and new.deployed is not None:
        yield _entry(new, EntryKind.MEMBER, now, f"it is a member of the ring, at {new.address or 'its address'}")
    elif new.deployed is not None and is_down(old) and not is_down(new):
        yield _entry(new, EntryKind.UP, now, "it is up again: Cassandra is NORMAL")
    elif old.deployed is not None and not is_down(old) and is_down(new) and _is_seen_running(new):
        yield _entry(new, EntryKind.DOWN, now, f"it is down: {_down_cause(new)}", cause=shorten(words))
    if has_given_up(new) and not has_given_up(old):
        given_up = f"it failed {new.failures.count} times in a row and waits for an operator to restart its step"
        yield _entry(new, EntryKind.GAVE_UP, now, given_up, cause=new.failures.message)


def clock_entries(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    """Return the events of clocks that differ, or agree again, since `before` was stored."""
    old, new = wrong_clocks(before), wrong_clocks(after)
    found = [Entry(0, now, EntryKind.CLOCK, new[name], node=name) for name in new if name not in old]
    for name in old:
        node = after.nodes.get(name)
        sighting = None if node is None else after.sighting_of(node)
        if name not in new and sighting is not None and not sighting.clock_offset:
            words = "the clock of its agent agrees with the scheduler's again"
            found.append(Entry(0, now, EntryKind.CLOCK, words, node=name))
    return found


def _is_seen_running(node: NodeRecord) -> bool:
    """Return whether no event of the task covers it: the task has not ended, and Mesos sees it."""
    return not has_ended(node) and (node.task is None or node.task.state not in UNSEEN)


def _down_cause(node: NodeRecord) -> str:
    if node.task is None:
        return "it has no task"
    if node.missing is not None:
        return describe_missing(node)
    if node.mode == "NORMAL":
        return f"its task is {node.task.state.value}"
    return f"Cassandra is {node.mode}"


def _intent(old: NodeRecord, new: NodeRecord, now: float) -> Iterable[Entry]:
    one, other = old.intent, new.intent
    if one is not None and (other is None or _is_other(one, other)):
        yield _intent_entry(new, one, now, _end_of(one, new))
    if other is not None and (one is None or _is_other(one, other)):
        yield _intent_entry(new, other, now, "is stored and waits for its turn")
        one = None
    if other is not None and other.begun_at is not None and (one is None or one.begun_at is None):
        yield _intent_entry(new, other, now, "begins")


def _end_of(intent: Intent, node: NodeRecord) -> str:
    """Return how this intent of the node ended."""
    following = node.intent
    resumed = intent.kind is IntentKind.PAUSE and following is not None and following.kind is IntentKind.RESTART
    if following is not None and not resumed:
        return f"gives way to the {_NAMES[following.kind]}"
    # A replacement can be cancelled until there is one, although it has begun.
    unmade = intent.kind is IntentKind.REPLACE and (node.task is None or node.task.id == intent.task_id)
    return "is cancelled" if intent.begun_at is None or unmade else "is done"


def _is_other(one: Intent, other: Intent) -> bool:
    return (one.kind, one.requested_at) != (other.kind, other.requested_at)


def _intent_entry(node: NodeRecord, intent: Intent, now: float, words: str) -> Entry:
    return Entry(
        sequence=0,
        at=now,
        kind=EntryKind.INTENT,
        sentence=f"{node.name}: the {_NAMES[intent.kind]} {words}",
        node=node.name,
        subject=intent.task_id,
        cause=intent.reason,
        principal=intent.principal,
    )


def _intent_cause(intent: Intent) -> str:
    return f"its {_NAMES[intent.kind]}: {intent.reason}" if intent.reason else f"its {_NAMES[intent.kind]}"


def _entry(node: NodeRecord, kind: EntryKind, now: float, words: str, subject: str = "", cause: str = "") -> Entry:
    return Entry(0, now, kind, f"{node.name}: {words}", node=node.name, subject=subject, cause=cause)
