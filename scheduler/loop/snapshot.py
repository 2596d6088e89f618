"""What the loop publishes after each cycle, and the port through which the API reads and commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from executor.protocol import NodeStatus
from scheduler.core.commands.command import Command, Refusal
from scheduler.core.plans.plan import Plan
from scheduler.core.state.cluster import ClusterState


class Unavailable(Exception):
    """The answer cannot be had now; the text says why (503)."""


class QuestionRefused(Exception):
    """A node's word that a question has no answer; the text is the reason.

    `kind` is "unknown" (what was asked for does not exist) or "invalid" (the question makes no sense, or is refused).
    """

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(problem)
        self.kind = kind


@dataclass(frozen=True)
class Snapshot:
    """The cluster as of one cycle: immutable, so that readers need no lock.

    `at` is the time of the cycle, seconds since the epoch; `evaluations` the last offer evaluations, newest last;
    `connected` whether Mesos is subscribed; `counters` what metrics count since the process began. `tried_at` is the
    time of the last cycle, if that could store nothing: the loop lives, though the state grows old.
    """

    state: ClusterState
    plans: Mapping[str, Plan]
    at: float
    connected: bool
    evaluations: tuple[Mapping[str, Any], ...] = ()
    counters: Mapping[str, float] | None = None
    tried_at: float = 0.0


class Gateway(Protocol):
    """What the API may do with the scheduler."""

    def snapshot(self) -> Snapshot:
        """The last published snapshot; raises Unavailable while there is none or the state is not readable."""

    def newer(self, than: Snapshot | None, seconds: float) -> Snapshot:
        """The published snapshot once it is another one than this, at the latest after so long; or Unavailable."""

    @property
    def ending(self) -> bool:
        """Whether the process is about to end, so that nobody should wait for anything any more."""

    def submit(self, command: Command, principal: str) -> Refusal | None:
        """Have the loop carry out a command; returns once it is stored. Raises Unavailable. `principal` asked."""

    def note(self, sentence: str) -> None:
        """Have the loop keep an event of the kind ACCESS; it is dropped while no loop runs."""

    def ask(self, node: str) -> NodeStatus:
        """The node's status, live from its executor. Raises KeyError for an unknown node, or Unavailable."""

    def question(self, subject: str, content: Mapping[str, Any], first: str = "") -> Mapping[str, Any]:
        """What any node that is up finds out, `first` before others.

        Raises QuestionRefused, or Unavailable when no node can tell.
        """

    def question_each(
        self, subject: str, contents: Mapping[str, Mapping[str, Any]], seconds: float
    ) -> Mapping[str, Mapping[str, Any] | Unavailable]:
        """What each of these nodes finds out to its own content within this time, or why it does not."""
