"""Records of nodes, their tasks and their intents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from executor.json_codec import ADDED

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
    """The agent of a node. `attributes` are the offer's, as text, for placement constraints and the rack.

    `url` is the address of the agent's own API; empty in records of earlier versions.
    """

    id: str
    hostname: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


@dataclass(frozen=True)
class Reservation:
    """The reservation of a node, kept for life; `seen` once an offer or a running task has shown it.

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
    """A reservation that its node no longer uses: no task on it was ever seen, or the node is placed elsewhere now.

    `unused`: no data on it is needed, since its launch never ran, or the node was replaced; only then is its volume
    destroyed. `agent_id` is set if the reservation surely exists there. The scheduler then waits until its volume was
    offered, which proves that no task uses it, and `destroyed`, and no offer shows it any more. `executors` ran there
    then: each can hold a part until it has ended. An agent that returns under another id is known by its `hostname`.
    """

    id: str
    unused: bool
    agent_id: str = ""
    destroyed: bool = False
    hostname: str = ""
    executors: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskRecord:
    """The newest launch of a node. `state` is the last that Mesos or the executor reported.

    `digests` are the SHA-256 of its bundles by address; earlier versions recorded and checked none.
    `command_form` is the form of its executor's command: see `executor_command`.
    `authentication` and `authorization` are `off`, `transitional` or `on`; off: the scheduler does not manage it.
    """

    id: str
    executor_id: str
    configuration: str
    state: TaskState
    launched_at: float
    updated_at: float
    reason: str = ""
    message: str = ""
    digests: Mapping[str, str] = field(default_factory=dict, metadata=ADDED)
    command_form: int = field(default=1, metadata=ADDED)
    authentication: str = field(default="off", metadata=ADDED)
    authorization: str = field(default="off", metadata=ADDED)
    paired: bool = field(default=False, metadata=ADDED)  # another node may join at the same time
    unwanted: bool = field(default=False, metadata=ADDED)  # an operator began the step again before the node joined


@dataclass(frozen=True)
class Failures:
    """Failed launches in a row: `not_before` is the end of the back-off, `message` the last error."""

    count: int = 0
    not_before: float = 0.0
    message: str = ""


@dataclass(frozen=True)
class Place:
    """Where a node was launched: its agent, its reservation there, and the rack that it told Cassandra."""

    agent: Agent
    reservation: Reservation
    rack: str


class IntentKind(StrEnum):
    """The pending action on a node."""

    RESTART = "RESTART"  # its task is killed, and launched again in place
    PAUSE = "PAUSE"  # as RESTART, but without Cassandra, and with the volume mounted, until it is resumed
    REPLACE = "REPLACE"  # a new node on another agent takes over its tokens
    LEAVE = "LEAVE"  # it has left the ring: its task is killed, its reservation released, its record removed


@dataclass(frozen=True)
class Membership:
    """The node before its replacement: kept until the replacement is a member, and released then.

    `gone`: an operator marked its agent as gone, and with it the reservation. `moved_at` is when the node lost its
    place, in seconds since the epoch; 0 in records of earlier versions.
    """

    agent: Agent
    reservation: Reservation
    gone: bool
    rack: str
    deployed: str
    host_id: str | None
    address: str
    moved_at: float = field(default=0.0, metadata=ADDED)


@dataclass(frozen=True)
class Intent:
    """A pending action, stored before the first call to Mesos and until it completes, so that a crash only delays it.

    `task_id` is the task to kill, `begun_at` the time of the first KILL: until then the intent waits for its turn and
    can be canceled. `configuration` is that of the next launch (None: the node's own). `reason` is for people.
    `by_rack`: it does not wait for such intents of the node's own rack.
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
    """A running node that its `peers` report as down: recorded at `since`, without a reply since `silent_since`."""

    since: float
    silent_since: float
    peers: tuple[str, ...]


@dataclass(frozen=True)
class NodeRecord:
    """One Cassandra node, `node-<index>`, as stored under nodes/<name>.

    `deployed` is the configuration with which it was ready once: a fact, never derived again from a later check.
    `abandoned` reservations are released when an offer shows them. `host_id` and `address` are Cassandra's own; `mode`
    is the last that the running task reported.
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
    forced: bool = False  # an operator marked this node's deploy step COMPLETE
    intent: Intent | None = None
    left: bool = False  # it was decommissioned, and waits until an operator restarts its step
    left_host: str = ""  # it was decommissioned there, to be placed elsewhere
    missing: Missing | None = None  # its peers report it as down, and it does not answer: down until it does
    # The place of its newest launch, which was given up while no one knew whether it runs; until the next launch.
    given_up: Place | None = field(default=None, metadata=ADDED)
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
    def known_intent(self) -> Intent:
        """Return the pending action on a node that has one."""
        return require(self.intent, "intent", self.name)
