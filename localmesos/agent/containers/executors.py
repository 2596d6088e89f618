"""The frameworks of an agent, their executors, and the executors' tasks. State only, no behaviour."""

import asyncio
import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localmesos.agent.containers.processes import ExitWatch, Identity
from localmesos.agent.update_manager import is_terminal

Json = dict[str, Any]


class ExecutorState(enum.Enum):
    """REGISTERING: launched, not subscribed yet; TERMINATED: its process is gone, updates can still be on their way."""

    REGISTERING = "REGISTERING"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


@dataclass(frozen=True)
class Termination:
    """The cause of death that is reported for the tasks of an executor."""

    state: str = "TASK_FAILED"
    reason: str = "REASON_EXECUTOR_TERMINATED"
    message: str = "Executor terminated"


class EventStream:
    """Events on their way to one subscription of an executor; iteration ends when the stream is closed."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Json | None] = asyncio.Queue()

    def send(self, event: Json) -> None:
        """Queue an event."""
        self._queue.put_nowait(event)

    def close(self) -> None:
        """End the stream after the queued events."""
        self._queue.put_nowait(None)

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> Json:
        event = await self._queue.get()
        if event is None:
            raise StopAsyncIteration
        return event


@dataclass
class TaskRecord:
    """One task until the framework has acknowledged its end.

    ``delivered``: sent to the executor; ``group``: ids of the tasks launched together with it as a group.
    """

    info: Json
    state: str = "TASK_STAGING"
    statuses: list[Json] = field(default_factory=list)
    delivered: bool = False
    group: tuple[str, ...] = ()

    @property
    def task_id(self) -> str:
        """Return the task's id."""
        value: str = self.info["task_id"]["value"]
        return value

    @property
    def ended(self) -> bool:
        """Return whether the task has ended."""
        return is_terminal(self.state)

    def add_status(self, status: Json) -> None:
        """Follow the task's state; of repeated states only the last status is kept. An ended task stays ended."""
        if self.ended:
            return
        self.state = status["state"]
        if self.statuses and self.statuses[-1]["state"] == self.state:
            self.statuses.pop()
        # The data can be large, and no reader of the state uses it.
        self.statuses.append({k: v for k, v in status.items() if k != "data"})


@dataclass
class Executor:
    """One run of an executor. ``generated``: made by the agent for a command task."""

    framework_id: str
    info: Json
    container_id: str
    directory: Path
    generated: bool
    state: ExecutorState = ExecutorState.REGISTERING
    tasks: dict[str, TaskRecord] = field(default_factory=dict)
    process: Identity | None = None
    stream: EventStream | None = None
    watch: ExitWatch | None = None
    launching: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    termination: Termination = Termination()
    recovered: bool = False

    @property
    def executor_id(self) -> str:
        """Return the executor's id."""
        value: str = self.info["executor_id"]["value"]
        return value

    def live_tasks(self) -> list[TaskRecord]:
        """Return the tasks that have not ended."""
        return [task for task in self.tasks.values() if not task.ended]

    def resources(self) -> list[Json]:
        """Return the resources of the executor and of its live tasks."""
        own: list[Json] = list(self.info.get("resources", []))
        return own + [resource for task in self.live_tasks() for resource in task.info.get("resources", [])]

    def send(self, event: Json) -> None:
        """Send an event to the executor if it is connected; an event on a broken connection is lost, as with Mesos."""
        if self.stream is not None:
            self.stream.send(event)

    def stop_timer(self) -> None:
        """Cancel the pending time limit."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass
class Framework:
    """A framework that has executors on this agent. ``terminating``: it is shut down and gets no more events."""

    info: Json
    executors: dict[str, Executor] = field(default_factory=dict)
    terminating: bool = False

    @property
    def framework_id(self) -> str:
        """Return the framework's id."""
        value: str = self.info["id"]["value"]
        return value

    @property
    def checkpoint(self) -> bool:
        """Return whether the framework's executors outlive the agent."""
        return bool(self.info.get("checkpoint", False))

    @property
    def partition_aware(self) -> bool:
        """Return whether the framework knows states such as TASK_GONE."""
        return any(c.get("type") == "PARTITION_AWARE" for c in self.info.get("capabilities", []))

    def executor_of(self, task_id: str) -> Executor | None:
        """Return the executor that has or had this task, None if its end is acknowledged or it never was here."""
        return next((e for e in self.executors.values() if task_id in e.tasks), None)
