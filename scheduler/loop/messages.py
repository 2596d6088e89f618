"""What reaches the loop's queue: frozen values, made by the driver, the API and the ZooKeeper listener."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from executor.protocol import Answer, NodeStatus, Question
from scheduler.core.commands.command import Command, Refusal
from scheduler.core.mesos.updates import Event as CoreEvent
from scheduler.core.mesos.updates import ExecutorEnded
from scheduler.errors import FatalError

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Offers:
    """Mesos offers these, as JSON."""

    offers: tuple[Json, ...]


@dataclass(frozen=True)
class Rescinded:
    """This offer holds no longer."""

    offer_id: str


@dataclass(frozen=True)
class Update:
    """A task's status, and what its acknowledgement must name (None: Mesos wants none)."""

    event: CoreEvent
    acknowledgement: Json | None


@dataclass(frozen=True)
class OperationStatus:
    """An operation's status, and what its acknowledgement must name (None: Mesos wants none)."""

    event: CoreEvent | None
    acknowledgement: Json | None
    words: str


@dataclass(frozen=True)
class Message:
    """What an executor sent, as base64."""

    data: str


@dataclass(frozen=True)
class Lost:
    """An agent or an executor ended; its tasks' own updates say what follows, this is for the log."""

    words: str
    event: ExecutorEnded | None = None


@dataclass(frozen=True)
class Fatal:
    """The process has to end."""

    error: FatalError


@dataclass(frozen=True)
class Asked:
    """An operator's command; `answer` is fulfilled once its outcome is stored."""

    command: Command
    principal: str
    answer: Future[Refusal | None] = field(default_factory=Future, compare=False)


@dataclass(frozen=True)
class StatusAsked:
    """Somebody wants a node's status, live; `answer` is fulfilled by its executor's reply."""

    node: str
    id: str
    answer: Future[NodeStatus] = field(default_factory=Future, compare=False)


@dataclass(frozen=True)
class QuestionAsked:
    """Somebody wants to know what only a node can find out; `answer` is fulfilled by that node's executor."""

    node: str
    question: Question
    answer: Future[Answer] = field(default_factory=Future, compare=False)


@dataclass(frozen=True)
class Noted:
    """The API refused requests; the sentence is kept as an event."""

    sentence: str


@dataclass(frozen=True)
class Wake:
    """Nothing happened, but look again."""


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
