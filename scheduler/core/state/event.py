"""The events of the cluster, kept for people in an order that never changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from scheduler.core.state.node import SCHEMA_VERSION


class EntryKind(StrEnum):
    """The kind of an event."""

    SCHEDULER = "SCHEDULER"  # a scheduler has started, or cannot log in to Cassandra
    MASTER = "MASTER"  # Mesos subscribed this framework, or the connection to it was lost
    CONFIGURATION = "CONFIGURATION"  # the target changed, a change was refused, or an override lapsed
    COMMAND = "COMMAND"  # an operator sent a command
    ACCESS = "ACCESS"  # the API refused requests
    CERTIFICATE = "CERTIFICATE"  # one of the API or a node, or the authority, changed, fails or will expire
    RESERVED = "RESERVED"
    RELEASED = "RELEASED"
    GARBAGE = "GARBAGE"  # a reservation that no record knows was offered
    CLOCK = "CLOCK"  # the clock of a node's agent differs from the scheduler's, or agrees again
    UNINSTALL = "UNINSTALL"  # the uninstall has begun, or has released everything
    LAUNCHED = "LAUNCHED"
    KILLED = "KILLED"  # a task was killed
    STRAY = "STRAY"  # a stray was killed
    ENDED = "ENDED"  # a node's task has ended
    UNREACHABLE = "UNREACHABLE"  # Mesos cannot reach a node's task
    MEMBER = "MEMBER"  # a node joined the ring
    DOWN = "DOWN"
    UP = "UP"
    GAVE_UP = "GAVE_UP"  # a node failed too often, and waits for an operator
    LEFT = "LEFT"  # a node's record was removed
    INTENT = "INTENT"  # an intent of a node: stored, begun, completed or canceled
    OPERATION = "OPERATION"  # maintenance: started, stopped, complete
    STEP = "STEP"  # a step of maintenance failed


@dataclass(frozen=True)
class Entry:
    """One event at `at`, in seconds since the epoch.

    `subject` is a task, plan, step or configuration by its id; `node` and `principal` are empty where there is none.
    """

    sequence: int
    at: float
    kind: EntryKind
    sentence: str
    node: str = ""
    subject: str = ""
    cause: str = ""
    principal: str = ""


@dataclass(frozen=True)
class JournalRecord:
    """Events in their order, stored under events/<sequence of the first>, such as events/000000000001."""

    entries: tuple[Entry, ...]
    schema_version: int = SCHEMA_VERSION

    @property
    def key(self) -> str:
        """Return the name among the records; names sort as the events do."""
        return f"{self.entries[0].sequence:012d}" if self.entries else ""
