"""What a task's state says about a node: lives, cannot be seen, has ended; and how failures pace the next try."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from scheduler.core.state.node import Failures, IntentKind, NodeRecord, TaskState

LIVE = frozenset({TaskState.STAGING, TaskState.STARTING, TaskState.RUNNING, TaskState.KILLING})
# Neither alive nor dead: Mesos cannot see it, or does not know its agent.
UNSEEN = frozenset({TaskState.UNREACHABLE, TaskState.UNKNOWN})
# The word of the executor or the agent: nothing comes after it.
FINAL = frozenset({TaskState.FINISHED, TaskState.FAILED, TaskState.KILLED, TaskState.ERROR, TaskState.GONE_BY_OPERATOR})
# The master's word: taken back if the task should still be heard of.
PRESUMED = frozenset({TaskState.LOST, TaskState.DROPPED, TaskState.GONE})
ENDED = FINAL | PRESUMED
# Ends that are the launch's own fault; the others are an agent's or an operator's doing.
BLAMED = frozenset({TaskState.FAILED, TaskState.FINISHED, TaskState.ERROR, TaskState.DROPPED})

FAILURE_LIMIT = 5
FIRST_DELAY = 5.0
LONGEST_DELAY = 300.0
WORDS_LIMIT = 900


def has_ended(node: NodeRecord) -> bool:
    """Whether the node was launched and that task is over."""
    return node.task is not None and node.task.state in ENDED


def may_live(node: NodeRecord) -> bool:
    """Whether the node's task lives, or might."""
    return node.task is not None and node.task.state not in ENDED


def is_running(node: NodeRecord) -> bool:
    """Whether the node's task runs."""
    return node.task is not None and node.task.state is TaskState.RUNNING


def is_up(node: NodeRecord) -> bool:
    """Whether the node runs and Cassandra calls itself a normal member."""
    return is_running(node) and node.mode == "NORMAL"


def is_joining(node: NodeRecord) -> bool:
    """Whether the node is on its way into the ring, or might be."""
    return node.deployed is None and may_live(node)


def is_down(node: NodeRecord) -> bool:
    """Whether the node is a member of the ring that is not up."""
    return node.deployed is not None and not is_up(node)


def is_paused(node: NodeRecord) -> bool:
    """Whether an operator wants the node's Cassandra to stay off, and its turn to be stopped has come."""
    intent = node.intent
    return intent is not None and intent.kind is IntentKind.PAUSE and intent.begun_at is not None


def is_leaving(node: NodeRecord) -> bool:
    """Whether the node is known to have left the ring, and is to be cleared away."""
    return node.intent is not None and node.intent.kind is IntentKind.LEAVE


def has_given_up(node: NodeRecord) -> bool:
    """Whether the node failed so often in a row that an operator has to look."""
    return node.failures.count >= FAILURE_LIMIT and not may_live(node)


def delay_after(count: int) -> float:
    """Seconds to wait after the count-th failure in a row: none after the first, then doubling from 5 to 300."""
    return 0.0 if count <= 1 else min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (count - 2))


def add_failure(node: NodeRecord, state: TaskState, words: str, now: float) -> NodeRecord:
    """The node after one more failure. A dropped launch never reached the agent: it slows down, but never gives up."""
    count = node.failures.count + 1
    if state is TaskState.DROPPED:
        count = max(node.failures.count, min(count, FAILURE_LIMIT - 1))
    return replace(node, failures=Failures(count, now + delay_after(count), shorten(words)))


def shorten(words: str, limit: int = WORDS_LIMIT) -> str:
    """The end of a text, at most `limit` bytes in UTF-8: the last words say most."""
    encoded = words.strip().encode()
    return words.strip() if len(encoded) <= limit else "…" + encoded[-limit + 3 :].decode(errors="ignore")


def by_index(nodes: Iterable[NodeRecord]) -> list[NodeRecord]:
    """The nodes in numeric order."""
    return sorted(nodes, key=lambda node: node.index)


def describe(kind: IntentKind) -> str:
    """A kind in a sentence."""
    return {
        IntentKind.RESTART: "the restart",
        IntentKind.PAUSE: "the pause",
        IntentKind.REPLACE: "the replacement",
        IntentKind.LEAVE: "the departure",
    }[kind]
