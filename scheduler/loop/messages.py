"""The messages in the loop's queue: frozen values from the driver, the API and the ZooKeeper listener."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from executor.protocol import Answer, NodeStatus, Question
from scheduler.core.commands.command import Command, Refusal, StartOperation
from scheduler.core.mesos.updates import Event as CoreEvent
from scheduler.core.mesos.updates import ExecutorEnded
from scheduler.core.state.event import EntryKind
from scheduler.errors import FatalError

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Offers:
    """New offers, as Mesos' JSON."""

    offers: tuple[Json, ...]


@dataclass(frozen=True)
class Rescinded:
    """An offer that Mesos withdrew."""

    offer_id: str


@dataclass(frozen=True)
class Update:
    """A task's status, and the fields of its acknowledgement (None: Mesos expects none).

    `event` is None if the status cannot be parsed: it is acknowledged, or Mesos would send it again and again.
    """

    event: CoreEvent | None
    acknowledgement: Json | None


@dataclass(frozen=True)
class OperationStatus:
    """An offer operation's status, and the fields of its acknowledgement (None: Mesos expects none)."""

    event: CoreEvent | None
    acknowledgement: Json | None
    words: str


@dataclass(frozen=True)
class Message:
    """A message of an executor, as base64, with its sender as Mesos names it."""

    data: str
    executor_id: str = ""
    agent_id: str = ""


@dataclass(frozen=True)
class Lost:
    """The end of an agent or an executor, for the log. The updates of its tasks give the consequences."""

    words: str
    event: ExecutorEnded | None = None


@dataclass(frozen=True)
class Fatal:
    """The end of the process."""

    error: FatalError


@dataclass(frozen=True)
class Asked:
    """An operator's command, with the operator's own reason; `answer` is set once its outcome is stored."""

    command: Command
    principal: str
    reason: str = ""
    answer: Future[Refusal | None] = field(default_factory=Future, compare=False)

    def words(self) -> str:
        """Return the command for the log, without its facts and certificate, which would fill a page."""
        command = self.command
        if not isinstance(command, StartOperation):
            return str(command)
        request = {name: value for name, value in command.request.items() if name != "tls_ca"}
        return f"{command.plan} {command.id} on {len(command.nodes)} nodes: {request}"


@dataclass(frozen=True)
class StatusAsked:
    """A live status query; the executor's reply sets `answer`."""

    node: str
    id: str
    answer: Future[NodeStatus] = field(default_factory=Future, compare=False)


@dataclass(frozen=True)
class QuestionAsked:
    """A question that only a node can answer; its executor's reply sets `answer`."""

    node: str
    question: Question
    answer: Future[Answer] = field(default_factory=Future, compare=False)


@dataclass(frozen=True)
class Noted:
    """A sentence of the API that is kept as an event: about refused requests, or about its certificate."""

    sentence: str
    kind: EntryKind = EntryKind.ACCESS


@dataclass(frozen=True)
class Wake:
    """A wake-up without an event."""


Event = (
    CoreEvent
    | Offers
    | Rescinded
    | Update
    | OperationStatus
    | Message
    | Lost
    | Fatal
    | Asked
    | StatusAsked
    | QuestionAsked
    | Noted
    | Wake
)
