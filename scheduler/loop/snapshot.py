"""The snapshot that the loop publishes after each cycle, and the API's port to the loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from executor.protocol import NodeStatus
from scheduler.core.commands.command import Command, Refusal
from scheduler.core.plans.plan import Plan
from scheduler.core.state.cluster import ClusterState
from scheduler.loop.curves import Samples

DECLINED = "declined "


class Unavailable(Exception):
    """An answer that is not available now; the text gives the reason (503)."""


class QuestionRefused(Exception):
    """A node's refusal of a question; the text is the reason.

    `kind` is "unknown" (the subject does not exist) or "invalid" (the question is malformed or not allowed).
    """

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(problem)
        self.kind = kind


@dataclass(frozen=True)
class Snapshot:
    """The cluster as of one cycle: immutable, so that readers need no lock.

    `at` is the time of the cycle in seconds since the epoch. `evaluations` are the last offer evaluations, newest last.
    `connected` tells whether Mesos has the framework subscribed. `counters` hold the counts since the process began.
    `problem` is a sentence while nothing is decided because the decision fails. `waiting` is the number of events and
    commands in the loop's queue. `since` has by step's id when its status or reason last changed, if that was seen.
    `curves` have by kind the samples of its newest operation.
    Counters whose name begins with DECLINED are declines by the code of their reason.
    """

    state: ClusterState
    plans: Mapping[str, Plan]
    at: float
    connected: bool
    evaluations: tuple[Mapping[str, Any], ...] = ()
    counters: Mapping[str, float] | None = None
    problem: str = ""
    waiting: int = 0
    since: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Samples] = field(default_factory=dict)


class Gateway(Protocol):
    """The part of the scheduler that the API uses."""

    def snapshot(self) -> Snapshot:
        """Return the last published snapshot; raises Unavailable if there is none or the state is not readable."""

    def silent_seconds(self) -> float:
        """Return the seconds since the loop published last, by a clock that is never set."""

    def newer(self, than: Snapshot | None, seconds: float) -> Snapshot:
        """Wait up to `seconds` for a snapshot other than `than`, and return the published one; or Unavailable."""

    @property
    def ending(self) -> bool:
        """Whether the process is about to end, so that streams must end."""

    def submit(self, command: Command, principal: str, reason: str = "") -> Refusal | None:
        """Have the loop carry out a command of `principal`, whose reason its event gets, and return once it is stored.

        Raises:
            Unavailable: The loop does not answer.
        """

    def note(self, sentence: str) -> None:
        """Have the loop keep an event of the kind ACCESS; it is dropped while no loop runs."""

    def ask(self, node: str) -> NodeStatus:
        """Query a node's status from its executor. Raises KeyError for an unknown node, or Unavailable."""

    def question(self, subject: str, content: Mapping[str, Any], first: str = "") -> Mapping[str, Any]:
        """Return the answer of any node that is up; `first` is asked first.

        Raises:
            QuestionRefused: The node refused the question.
            Unavailable: No node answered.
        """

    def question_each(
        self, subject: str, contents: Mapping[str, Mapping[str, Any]], seconds: float
    ) -> Mapping[str, Mapping[str, Any] | Unavailable]:
        """Return each node's answer to its own content within `seconds`, or why there is none."""
