"""What happened to the cluster, as it is kept for people: entries in an order that never changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from scheduler.core.state.node import SCHEMA_VERSION


class EntryKind(StrEnum):
    """What an entry tells of."""

    SCHEDULER = "SCHEDULER"  # a scheduler has begun to work
    MASTER = "MASTER"  # Mesos subscribed this framework, or the connection to it was lost
    CONFIGURATION = "CONFIGURATION"  # the target changed, or a change was not taken, or one of the API lapsed
    COMMAND = "COMMAND"  # somebody asked for something
    ACCESS = "ACCESS"  # the API refused requests
    RESERVED = "RESERVED"
    RELEASED = "RELEASED"
    GARBAGE = "GARBAGE"  # a reservation that no record knows was found
    UNINSTALL = "UNINSTALL"  # the service is being removed
    LAUNCHED = "LAUNCHED"
    KILLED = "KILLED"  # a task is told to end
    STRAY = "STRAY"  # a task that no record knows is told to end
    ENDED = "ENDED"  # a node's task is over
    UNREACHABLE = "UNREACHABLE"  # Mesos cannot see a node's task
    MEMBER = "MEMBER"  # a node joined the ring
    DOWN = "DOWN"
    UP = "UP"
    GAVE_UP = "GAVE_UP"  # a node failed too often, and waits for an operator
    LEFT = "LEFT"  # a node's record is removed
    INTENT = "INTENT"  # what is to become of a node: stored, begun, done or taken back
    OPERATION = "OPERATION"  # maintenance: started, stopped, complete
    STEP = "STEP"  # a step of maintenance failed


@dataclass(frozen=True)
class Entry:
    """One thing that happened at `at`, in seconds since the epoch.

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
    """Entries that follow one another, stored under events/<sequence of the first, with leading zeros>."""

    entries: tuple[Entry, ...]
    schema_version: int = SCHEMA_VERSION

    @property
    def key(self) -> str:
        """Its name among the records; names sort as the entries do."""
        return f"{self.entries[0].sequence:012d}" if self.entries else ""
