"""The events of an executor: callbacks, threads and signals put them on one queue, which the main thread handles."""

from __future__ import annotations

from dataclasses import dataclass

from executor.cassandra.install import Installation, LaunchError
from executor.cassandra.volume import VolumeLock
from executor.figures import Figures
from executor.protocol import NodeStatus


@dataclass(frozen=True)
class Subscribed:
    """The agent has accepted this executor, for the first time or again."""


@dataclass(frozen=True)
class Launch:
    """Run a task; `data` is its TaskInfo.data."""

    task_id: str
    data: str


@dataclass(frozen=True)
class Kill:
    """Stop a task; `grace` is the kill policy's time from SIGTERM to SIGKILL in seconds."""

    task_id: str
    grace: float | None


@dataclass(frozen=True)
class Message:
    """A framework message in base64, as it arrived."""

    data: str


@dataclass(frozen=True)
class Shutdown:
    """Stop and end; `grace` is the time in seconds until the agent kills this executor, None without such a limit."""

    reason: str
    grace: float | None


@dataclass(frozen=True)
class Installed:
    """The preparation of the task's launch has ended."""

    result: Installation | LaunchError


@dataclass(frozen=True)
class Held:
    """The volume of a paused node is locked."""

    lock: VolumeLock


@dataclass(frozen=True)
class Polled:
    """A fresh status, which also answers the status queries with these ids, together with the figures."""

    status: NodeStatus
    queries: tuple[str, ...] = ()
    figures: Figures | None = None


@dataclass(frozen=True)
class Drained:
    """A drain has ended, with the cause if it failed."""

    problem: str | None


Event = Subscribed | Launch | Kill | Message | Shutdown | Installed | Held | Polled | Drained
