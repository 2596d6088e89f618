"""What the scheduler knows: records that live in ZooKeeper, and what it has seen since it started.

All frozen: a cycle makes a new `ClusterState` from the old one. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from executor.protocol import JobProgress, NodeStatus
from scheduler.core.configuration.overrides import Canary, Override
from scheduler.core.state.spec import ClusterSpec, Policy

if TYPE_CHECKING:
    from scheduler.core.leftovers import GarbageRecord, UninstallRecord
    from scheduler.core.state.event import JournalRecord
    from scheduler.core.state.operation import HistoryRecord, OperationRecord, StepRecord

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
        """The task's name: node-<index>."""
        return f"node-{self.index}"


@dataclass(frozen=True)
class PlanRecord:
    """What an operator told a plan; stored under plans/<name>."""

    name: str
    interrupted: bool = False
    completed: bool = False  # all nodes were members once: what joins later takes data over
    cleanup_due_since: float | None = None  # such a one joined, and no cleanup was begun since
    cleanup_due: tuple[str, ...] | None = None  # on the nodes that were members before; earlier versions named none
    canary: Canary | None = None  # of the plan deploy: until an operator lets it go on, no other node has the target
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Configuration:
    """An immutable configuration, stored under configurations/<id>.

    `settings` are the texts of which it was made; earlier versions recorded none.
    """

    id: str
    created_at: float
    spec: ClusterSpec
    settings: Mapping[str, str] | None = None
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
class Refused:
    """What Mesos said when it did not give a reservation back, and when; `attempt` tells one try from another."""

    words: str
    at: float
    attempt: str


@dataclass(frozen=True)
class Trial:
    """What became of having Cassandra try a configuration, before the first member is stopped for it.

    `asked` has when each node was asked, `failed` those that could not try it. `words` are Cassandra's: empty, it would
    start with it; None, nobody has said anything. `over`: it is not waited for any longer.
    """

    configuration: str
    asked: Mapping[str, float] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()
    words: str | None = None
    over: bool = False


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
    refused: Mapping[str, Refused] = field(default_factory=dict)  # by resource id
    look_at: float | None = None  # when offers are called for the next time, to see what nobody knows
    look_until: float | None = None  # while they are
    calm_since: float | None = None  # while the service is removed: since when nothing of it was seen
    at: float = 0.0  # the time of the last cycle
    trial: Trial | None = None


@dataclass(frozen=True)
class ClusterState:
    """Everything that `decide` may look at besides offers and the time.

    `configuration_errors` are the reasons why the settings of this start were not made the target. `previous` is the
    configuration that was it before, `overrides` the settings that were given through the API.
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
    garbage: Mapping[str, GarbageRecord] = field(default_factory=dict)  # by resource id
    released: tuple[str, ...] = ()  # the newest reservations that were given back whole
    uninstall: UninstallRecord | None = None
    uninstalled: bool = False  # nothing is stored any more
    configuration_errors: tuple[str, ...] = ()
    previous: str | None = None
    overrides: Mapping[str, Override] = field(default_factory=dict)  # by setting
    policy: Policy = field(default_factory=Policy)
