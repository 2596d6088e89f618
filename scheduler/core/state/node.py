"""Records of nodes, their tasks and their intents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

SCHEMA_VERSION = 1

Value = TypeVar("Value")


class IncompleteRecordError(Exception):
    """A record without a part that its caller relies on: a bug; the text names the record and the part."""


def require(value: Value | None, part: str, owner: str) -> Value:
    """Return the part of a record that must be there.

    Args:
        value: The part.
        part: Its name, such as `task`.
        owner: The name of the record, such as node-0.

    Raises:
        IncompleteRecordError: The record has no such part.
    """
    if value is None:
        raise IncompleteRecordError(f"{owner} has no {part}")
    return value


class TaskState(StrEnum):
    """Mesos' task states."""

    STAGING = "TASK_STAGING"
    STARTING = "TASK_STARTING"
    RUNNING = "TASK_RUNNING"
    KILLING = "TASK_KILLING"
    FINISHED = "TASK_FINISHED"
    FAILED = "TASK_FAILED"
    KILLED = "TASK_KILLED"
    ERROR = "TASK_ERROR"
    LOST = "TASK_LOST"
    DROPPED = "TASK_DROPPED"
    UNREACHABLE = "TASK_UNREACHABLE"
    GONE = "TASK_GONE"
    GONE_BY_OPERATOR = "TASK_GONE_BY_OPERATOR"
    UNKNOWN = "TASK_UNKNOWN"


@dataclass(frozen=True)
class Agent:
    """Where a node lives. `attributes` are the offer's, as text, for placement constraints and the rack.

    `url` is where the agent itself answers; empty in records of earlier versions.
    """

    id: str
    hostname: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


@dataclass(frozen=True)
class Reservation:
    """What a node holds on its agent for life; `seen` once Mesos has shown it (an offer, or a running task).

    `id` is the value of the label resource_id on every reserved resource; `volume_id` the persistence id.
    `mount_root` is the disk's root of a MOUNT volume, `disk_mb` the volume's size (of a MOUNT disk: the whole disk).
    `cluster_id` is that of the label of the same name; reservations of earlier versions have none.
    """

    id: str
    volume_id: str
    seen: bool = False
    mount_root: str | None = None
    disk_mb: float = 0.0
    cluster_id: str = ""


@dataclass(frozen=True)
class Abandoned:
    """A reservation that nobody needs any more: no task on it was ever seen, or its node lives elsewhere now.

    `unused`: no data on it is needed, since Mesos said that its launch never ran, or the node was replaced; only then
    is its volume destroyed. `agent_id` where it surely is: it is waited for there until its volume was offered, which
    proves that no task is left, `destroyed`, and not seen there any more. `executors` ran there then: Mesos gives back
    what an executor holds only when that has ended, so each may still hold a part. An agent that comes back under
    another id is known by its `hostname`.
    """

    id: str
    unused: bool
    agent_id: str = ""
    destroyed: bool = False
    hostname: str = ""
    executors: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskRecord:
    """The newest launch of a node. `state` is the last word of Mesos or the executor on it."""

    id: str
    executor_id: str
    configuration: str
    state: TaskState
    launched_at: float
    updated_at: float
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Failures:
    """Failed launches in a row: `not_before` is when the next may be tried; `message` the last words."""

    count: int = 0
    not_before: float = 0.0
    message: str = ""


class IntentKind(StrEnum):
    """What is to become of a node that is more than being launched where it was."""

    RESTART = "RESTART"  # its task is ended, and launched again in place
    PAUSE = "PAUSE"  # as RESTART, but Cassandra stays off and the volume mounted until it is resumed
    REPLACE = "REPLACE"  # a new node on another agent takes over its tokens
    LEAVE = "LEAVE"  # it has left the ring: its task is ended, what it holds released, its record removed


@dataclass(frozen=True)
class Membership:
    """What a node was before it is replaced: kept until its replacement is a member, then released.

    `gone`: an operator removed its agent, and with it the reservation.
    """

    agent: Agent
    reservation: Reservation
    gone: bool
    rack: str
    deployed: str
    host_id: str | None
    address: str


@dataclass(frozen=True)
class Intent:
    """Stored before anything is done about it, and until it has come true; so a crash of anything only delays it.

    `task_id` is the task that has to end, `begun_at` when it was first told to: until then the intent waits its turn
    and can be taken back. `configuration` is what the next launch takes (None: the node's own). `reason` is for people.
    `by_rack`: it does not wait for those of the node's own rack that are intended in the same way.
    """

    kind: IntentKind
    requested_at: float
    task_id: str
    reason: str = ""
    principal: str = ""
    forced: bool = False
    begun_at: float | None = None
    configuration: str | None = None
    previous: Membership | None = None
    by_rack: bool = False


@dataclass(frozen=True)
class Missing:
    """That `peers` do not see a node which Mesos holds for running: noted `since`, not heard of `silent_since`."""

    since: float
    silent_since: float
    peers: tuple[str, ...]


@dataclass(frozen=True)
class NodeRecord:
    """One Cassandra node, `node-<index>`, as stored under nodes/<name>.

    `deployed` is the configuration with which it was once seen ready: a fact, never derived again from a later
    health check. `abandoned` are released where they turn up after all. `host_id` and `address` are Cassandra's
    own; `mode` the last one reported by the running task.
    """

    index: int
    agent: Agent | None = None
    reservation: Reservation | None = None
    task: TaskRecord | None = None
    rack: str = ""
    deployed: str | None = None
    abandoned: tuple[Abandoned, ...] = ()
    host_id: str | None = None
    address: str | None = None
    mode: str = "UNKNOWN"
    failures: Failures = Failures()
    forced: bool = False  # an operator forced this node's deploy step complete
    intent: Intent | None = None
    left: bool = False  # it was decommissioned, and is not launched again until an operator restarts its step
    left_host: str = ""  # it was decommissioned there, to be placed elsewhere
    missing: Missing | None = None  # its peers do not see it, and it does not answer: down until it is heard of
    schema_version: int = SCHEMA_VERSION

    @property
    def name(self) -> str:
        """Return the name of the node, and of its task: node-<index>, such as node-0."""
        return f"node-{self.index}"

    # Each raises IncompleteRecordError for a node without that part.

    @property
    def known_task(self) -> TaskRecord:
        """Return the newest launch of a node that was launched."""
        return require(self.task, "task", self.name)

    @property
    def known_agent(self) -> Agent:
        """Return the agent of a node that is placed."""
        return require(self.agent, "agent", self.name)

    @property
    def known_reservation(self) -> Reservation:
        """Return the reservation of a node that is placed."""
        return require(self.reservation, "reservation", self.name)

    @property
    def known_intent(self) -> Intent:
        """Return the pending action on a node that has one."""
        return require(self.intent, "intent", self.name)

    @property
    def known_address(self) -> str:
        """Return the address of a node whose Cassandra has reported it."""
        return require(self.address, "address", self.name)

    @property
    def known_deployed(self) -> str:
        """Return the configuration with which a member was ready."""
        return require(self.deployed, "deployed configuration", self.name)
