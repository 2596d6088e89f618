"""What the scheduler knows: records that live in ZooKeeper, and what it has seen since it started.

All frozen: a cycle makes a new `ClusterState` from the old one. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from executor.protocol import JobProgress, NodeStatus
from scheduler.core.spec import ClusterSpec, Policy

if TYPE_CHECKING:
    from scheduler.core.entries import JournalRecord

SCHEMA_VERSION = 1


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
    """Where a node lives. `attributes` are the offer's, as text, for placement constraints and the rack."""

    id: str
    hostname: str
    attributes: Mapping[str, str] = field(default_factory=dict)


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
    proves that no task is left, `destroyed`, and not seen there any more.
    """

    id: str
    unused: bool
    agent_id: str = ""
    destroyed: bool = False


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
    schema_version: int = SCHEMA_VERSION

    @property
    def name(self) -> str:
        """The task's name: node-<index>."""
        return f"node-{self.index}"


@dataclass(frozen=True)
class PlanRecord:
    """What an operator told a plan; stored under plans/<name>."""

    name: str
    interrupted: bool = False
    completed: bool = False  # all nodes were members once: what joins later takes data over
    cleanup_due_since: float | None = None  # such a one joined, and no cleanup was begun since
    schema_version: int = SCHEMA_VERSION


class OperationState(StrEnum):
    """What is wanted of an operation, and how it ended. That a step failed is the step's to say."""

    RUNNING = "RUNNING"
    STOPPING = "STOPPING"  # its jobs are ended; then what tidies up runs
    STOPPED = "STOPPED"
    COMPLETE = "COMPLETE"


class StepState(StrEnum):
    """A maintenance step; without a record it is PENDING."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"  # a job was launched, and its end has not been heard of
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"  # for good, until an operator restarts it


@dataclass(frozen=True)
class JobTask:
    """The newest launch of a job. `node_task_id` is the task of the Cassandra beside which it runs."""

    id: str
    node: str
    agent_id: str
    executor_id: str
    node_task_id: str
    state: TaskState
    launched_at: float
    updated_at: float


def step_key(kind: str, phase: str, name: str) -> str:
    """The name of a step among all steps."""
    return f"{kind}.{phase}.{name}"


@dataclass(frozen=True)
class StepRecord:
    """One step of a maintenance operation, stored under steps/<kind>.<phase>.<name>.

    `name` is the node's, or `cluster` for a step that any one node may do. `result` is what the job found.
    `interruptions` counts attempts in a row that ended without a word of the job itself: its executor died.
    """

    kind: str
    operation: str
    phase: str
    name: str
    state: StepState = StepState.PENDING
    task: JobTask | None = None
    failures: Failures = Failures()
    interruptions: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    progress: JobProgress = field(default_factory=JobProgress)
    result: Mapping[str, Any] = field(default_factory=dict)
    forced: bool = False
    schema_version: int = SCHEMA_VERSION

    @property
    def key(self) -> str:
        """Its name among all steps: <kind>.<phase>.<name>."""
        return step_key(self.kind, self.phase, self.name)


@dataclass(frozen=True)
class OperationRecord:
    """The newest operation of its kind, stored under plans/<kind>.

    `request` is what was asked for, checked and completed with defaults, without secrets; `facts` is what was found out
    when it was accepted. `nodes` are the names of the nodes that it is for. `sealed` holds the secrets, encrypted with
    the scheduler's key; it is emptied when the operation ends. `tuning` is what may be changed while it runs.
    """

    kind: str
    id: str
    state: OperationState
    nodes: tuple[str, ...]
    request: Mapping[str, Any]
    started_at: float
    principal: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    sealed: str = ""
    interrupted: bool = False
    finished_at: float | None = None
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class HistoryRecord:
    """An operation that has ended, stored under history/<kind>.<started_at in ms>; the oldest go first.

    `steps` are its steps' results and failures by <phase>.<name>, cut where they would be too long.
    """

    operation: OperationRecord
    steps: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def key(self) -> str:
        """Its name in the history."""
        return f"{self.operation.kind}.{round(self.operation.started_at * 1000)}"


@dataclass(frozen=True)
class Configuration:
    """An immutable configuration, stored under configurations/<id>."""

    id: str
    created_at: float
    spec: ClusterSpec
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Sighting:
    """What a node's executor last said, and when: kept in memory only, asked for anew after a restart."""

    task_id: str
    status: NodeStatus
    at: float


@dataclass(frozen=True)
class JobSighting:
    """What a job last said of itself, and when: kept in memory only."""

    task_id: str
    progress: JobProgress
    at: float


@dataclass(frozen=True)
class Reconciliation:
    """Which tasks Mesos still has to speak of since the last (re-)registration."""

    pending: frozenset[str] = frozenset()  # node names
    started: bool = False
    attempts: int = 0
    next_at: float = 0.0
    requested_at: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every known task has been spoken of since registration."""
        return self.started and not self.pending


@dataclass(frozen=True)
class Stray:
    """A live task of this framework that no record names as its newest.

    `seen_at` is when it was first heard of, `killed_at` when it was last told to end.
    """

    agent_id: str | None
    state: TaskState
    seen_at: float
    killed_at: float | None = None


@dataclass(frozen=True)
class Asked:
    """When a node's executor was last asked for its status, and how often since its last answer."""

    at: float
    unanswered: int = 0


@dataclass(frozen=True)
class Memory:
    """What only this process needs to know, and may forget: pace of its questions, and what it told Mesos of offers.

    `wanted` names what waited for an offer in the last cycle (a node, or a node anywhere), `waits` why it still does;
    `revivals` counts revives in a row that no offer has followed.
    """

    strays: Mapping[str, Stray] = field(default_factory=dict)  # by task id
    asked: Mapping[str, Asked] = field(default_factory=dict)  # by node name
    wanted: frozenset[str] = frozenset()
    waits: Mapping[str, str] = field(default_factory=dict)  # by node name
    revived_at: float = 0.0
    revivals: int = 0
    heard_at: float = 0.0  # when offers last came
    told: Mapping[str, float] = field(default_factory=dict)  # by task id: when a job was last told anything
    probe_at: float = 0.0
    implicit_at: float = 0.0
    at: float = 0.0  # the time of the last cycle


@dataclass(frozen=True)
class ClusterState:
    """Everything that `decide` may look at besides offers and the time.

    `configuration_errors` are the reasons why the settings of this start were not made the target.
    """

    target: Configuration
    configurations: Mapping[str, Configuration]
    nodes: Mapping[str, NodeRecord]  # by name
    plans: Mapping[str, PlanRecord]  # deploy and recovery
    framework_id: str | None = None
    registered: bool = False
    reconciliation: Reconciliation = Reconciliation()
    sightings: Mapping[str, Sighting] = field(default_factory=dict)
    suppressed: bool = False
    memory: Memory = Memory()
    cluster_id: str | None = None  # tells this cluster from any other of the same name, where both keep backups
    operations: Mapping[str, OperationRecord] = field(default_factory=dict)  # by kind
    steps: Mapping[str, StepRecord] = field(default_factory=dict)  # by key
    history: Mapping[str, HistoryRecord] = field(default_factory=dict)  # by key
    jobs: Mapping[str, JobSighting] = field(default_factory=dict)  # by step key
    journal: Mapping[str, JournalRecord] = field(default_factory=dict)  # by key, oldest first
    configuration_errors: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
