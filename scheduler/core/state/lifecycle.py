"""The states of tasks and their meaning for a node, and the back-off after failures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from operator import attrgetter

from scheduler.core.state.node import Agent, Failures, IntentKind, Membership, NodeRecord, TaskState

# The order of live states: an update never goes back.
LIVE_ORDER = {TaskState.STAGING: 0, TaskState.STARTING: 1, TaskState.RUNNING: 2, TaskState.KILLING: 3}
LIVE = frozenset(LIVE_ORDER)
# Neither alive nor ended: Mesos cannot reach it, or does not know its agent.
UNSEEN = frozenset({TaskState.UNREACHABLE, TaskState.UNKNOWN})
# Reported by the executor or the agent: final.
FINAL = frozenset({TaskState.FINISHED, TaskState.FAILED, TaskState.KILLED, TaskState.ERROR, TaskState.GONE_BY_OPERATOR})
# Reported by the master, not final: a later update of the task overrides them.
PRESUMED = frozenset({TaskState.LOST, TaskState.DROPPED, TaskState.GONE})
ENDED = FINAL | PRESUMED
# Ends that count as a failed launch; the others are caused by an agent or an operator.
BLAMED = frozenset({TaskState.FAILED, TaskState.FINISHED, TaskState.ERROR, TaskState.DROPPED})

FAILURE_LIMIT = 5
FIRST_DELAY = 5.0
LONGEST_DELAY = 300.0
WORDS_LIMIT = 900
_FIRST_LINE_LIMIT = 100


def has_ended(node: NodeRecord) -> bool:
    """Return whether the node was launched and that task has ended."""
    return node.task is not None and node.task.state in ENDED


def may_live(node: NodeRecord) -> bool:
    """Return whether the node's task lives, or can live: Mesos has not reported its end."""
    return node.task is not None and node.task.state not in ENDED


def is_running(node: NodeRecord) -> bool:
    """Return whether the node's task runs."""
    return node.task is not None and node.task.state is TaskState.RUNNING


def is_up(node: NodeRecord) -> bool:
    """Return whether the node's task runs and its mode is NORMAL."""
    return is_running(node) and node.mode == "NORMAL"


def is_joining(node: NodeRecord) -> bool:
    """Return whether the node joins the ring, or can do so."""
    return node.deployed is None and may_live(node)


def is_down(node: NodeRecord) -> bool:
    """Return whether the node is a member that is not up."""
    return node.deployed is not None and not is_up(node)


def previous_place(node: NodeRecord) -> Membership | None:
    """Return the place from which the node was moved away, until its replacement is settled."""
    return None if node.intent is None else node.intent.previous


def is_left_behind(node: NodeRecord) -> bool:
    """Return whether the newest task is still the one that is replaced."""
    intent, task = node.intent, node.task
    return intent is not None and intent.kind is IntentKind.REPLACE and task is not None and task.id == intent.task_id


def is_disowned(node: NodeRecord) -> bool:
    """Return whether the newest launch was given up, with its place: what runs of it is not this node any more.

    An earlier version could store a member without a place, whose task lives: that one is left alone.
    """
    return has_ended(node) and node.agent is None and not is_left_behind(node)


def task_agent(node: NodeRecord) -> Agent | None:
    """Return the agent of the newest launch; for one that is left behind, that of the place before."""
    previous = previous_place(node)
    return previous.agent if node.agent is None and previous is not None and is_left_behind(node) else node.agent


def is_paused(node: NodeRecord) -> bool:
    """Return whether the node's PAUSE has begun."""
    intent = node.intent
    return intent is not None and intent.kind is IntentKind.PAUSE and intent.begun_at is not None


def is_leaving(node: NodeRecord) -> bool:
    """Return whether the node has left the ring, and its record is to be emptied."""
    return node.intent is not None and node.intent.kind is IntentKind.LEAVE


def has_given_up(node: NodeRecord) -> bool:
    """Return whether the node failed so often in a row that it waits for an operator."""
    return node.failures.count >= FAILURE_LIMIT and not may_live(node)


def delay_after(count: int) -> float:
    """Return the back-off in seconds after the count-th failure in a row: 0 after the first, then from 5 up to 300."""
    # From the tenth on it is the longest one; a number of thousands would have no power.
    return 0.0 if count <= 1 else min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(count - 2, 10))


def add_failure(node: NodeRecord, state: TaskState, words: str, now: float) -> NodeRecord:
    """Return the node after one more failure; a dropped launch never reached the agent, and never leads to ERROR."""
    count = node.failures.count + 1
    if state is TaskState.DROPPED:
        count = max(node.failures.count, min(count, FAILURE_LIMIT - 1))
    return replace(node, failures=Failures(count, now + delay_after(count), shorten(words)))


def shorten(words: str, limit: int = WORDS_LIMIT) -> str:
    """Return the end of a text, at most `limit` bytes in UTF-8: the cause is at the end.

    A short first line stays: it tells how Cassandra ended, such as a signal of which its own words do not know.
    """
    words = words.strip()
    encoded = words.encode()
    if len(encoded) <= limit:
        return words
    first, newline, _ = words.partition("\n")
    kept = f"{first}\n" if newline and len(first.encode()) <= min(_FIRST_LINE_LIMIT, limit // 4) else ""
    room = limit - len(kept.encode()) - len("…".encode())
    return f"{kept}…{encoded[-room:].decode(errors='ignore')}"


def by_index(nodes: Iterable[NodeRecord]) -> list[NodeRecord]:
    """Return the nodes in numeric order."""
    return sorted(nodes, key=attrgetter("index"))


def describe(kind: IntentKind) -> str:
    """Return the words for a kind in a sentence, such as `the restart`."""
    return {
        IntentKind.RESTART: "the restart",
        IntentKind.PAUSE: "the pause",
        IntentKind.REPLACE: "the replacement",
        IntentKind.LEAVE: "the departure",
    }[kind]
