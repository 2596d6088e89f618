"""Events of Mesos as values. The loop parses them, `scheduler.core.fold` folds them into the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from executor.protocol import Answer, JobReport, StatusReply
from executor.untrusted import clean_text
from scheduler.core.state.node import TaskState

# Of a message, and of what an executor sends with it.
_TEXT_LENGTH, _DATA_LENGTH = 10_000, 10_000_000


@dataclass(frozen=True)
class TaskUpdate:
    """One update of a task's state. `uuid` is absent if Mesos expects no acknowledgement; `data` is base64, as sent."""

    task_id: str
    state: TaskState
    agent_id: str | None = None
    reason: str = ""
    source: str = ""
    message: str = ""
    data: str | None = None
    uuid: str | None = None
    timestamp: float = 0.0


@dataclass(frozen=True)
class OperationUpdate:
    """One update of an offer operation, such as OPERATION_FINISHED or OPERATION_ERROR."""

    operation_id: str
    state: str
    message: str = ""


@dataclass(frozen=True)
class ExecutorEnded:
    """The end of an executor's process with its wait status; the end of its task is reported before or after it."""

    executor_id: str
    status: int


@dataclass(frozen=True)
class ExecutorWords:
    """A cause of a task's end that Mesos itself does not report."""

    task_id: str
    words: str


@dataclass(frozen=True)
class Registered:
    """The subscription of this framework, for the first time or again."""

    framework_id: str


@dataclass(frozen=True)
class Disconnected:
    """The end of the subscription: no call can be sent until Mesos subscribes this framework again."""


Event = (
    TaskUpdate
    | OperationUpdate
    | ExecutorEnded
    | ExecutorWords
    | StatusReply
    | JobReport
    | Answer
    | Registered
    | Disconnected
)


def parse_task_update(status: Mapping[str, Any]) -> TaskUpdate:
    """Return the `status` of Mesos' UPDATE event.

    Raises:
        KeyError: It has no task id.
        ValueError: Its state is unknown.
    """
    return TaskUpdate(
        task_id=_text(status["task_id"]["value"]),
        state=TaskState(status["state"]),
        agent_id=None if (agent := (status.get("agent_id") or {}).get("value")) is None else _text(agent),
        reason=_text(status.get("reason", "")),
        source=_text(status.get("source", "")),
        message=_text(status.get("message", "")),
        data=None if (data := status.get("data")) is None else _text(data, _DATA_LENGTH),
        uuid=None if (uuid := status.get("uuid")) is None else _text(uuid),
        timestamp=float(status.get("timestamp", 0.0)),
    )


def _text(value: object, limit: int = _TEXT_LENGTH) -> str:
    """Return a text of Mesos or of an executor as it can be stored. Raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.100} is not a text")
    return clean_text(value, limit)


def parse_operation_update(status: Mapping[str, Any]) -> OperationUpdate | None:
    """Return the `status` of Mesos' UPDATE_OPERATION_STATUS event; None without an operation id."""
    operation = (status.get("operation_id") or {}).get("value")
    if not operation:
        return None
    return OperationUpdate(_text(operation), _text(status.get("state", "")), _text(status.get("message", "")))
