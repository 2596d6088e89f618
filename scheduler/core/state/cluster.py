"""The state: all records in ZooKeeper, and what the scheduler has learned since its start.

All frozen: a cycle makes a new `ClusterState` from the old one. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property

from executor.figures import Figures
from executor.protocol import JobProgress, NodeStatus
from scheduler.core.state.authority import AuthorityRecord
from scheduler.core.state.configuration import Configuration, Override, PlanRecord
from scheduler.core.state.event import JournalRecord
from scheduler.core.state.logins import LoginsRecord
from scheduler.core.state.node import SCHEMA_VERSION, NodeRecord, TaskState
from scheduler.core.state.operation import HistoryRecord, OperationRecord, StepRecord
from scheduler.core.state.spec import Policy


@dataclass(frozen=True)
class GarbageRecord:
    """A reservation with this cluster's label that no node's record knows, stored under garbage/<resource id>.

    `volumes` are the persistence ids on it; amounts are those of the offer that showed it: cores, and MB. It is
    `destroyed` once its volume was offered, which proves that no task uses it: its remnants are released too.
    `executors` ran there then, and can hold a part of it: the record is removed when the agent's offers show neither.
    """

    id: str
    agent_id: str
    hostname: str
    volumes: tuple[str, ...]
    cpus: float
    memory_mb: float
    disk_mb: float
    found_at: float
    destroyed: bool = False
    executors: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class ReleasedRecord:
    """The ids of the newest reservations that are released whole, oldest first: stored under `released`.

    No task can use their remnants, since their volume is destroyed.
    """

    ids: tuple[str, ...]
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class UninstallRecord:
    """The uninstall of this service: stored under `uninstall`, and the last record to be removed.

    `left` are the reservations for which an operator ended the wait. `released` is set once nothing is reserved: the
    framework is torn down then, and the records are removed.
    """

    started_at: float
    principal: str
    left: tuple[str, ...] = ()
    released: bool = False
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Sighting:
    """The last status that a node's executor sent: kept in memory only, queried again after a restart.

    `figures` are the last that came with a reply, at `figures_at`. `clock_offset` is by how many seconds the clock of
    the node's agent is ahead of the scheduler's for certain, negative if it is behind. `blind_since` has, by address,
    the peers that the node takes as down, and when this task first said so. `mode_since` is when it was first seen in
    its present mode, or was back after its peers had missed it.
    """

    task_id: str
    status: NodeStatus
    at: float
    figures: Figures | None = None
    figures_at: float = 0.0
    clock_offset: float = 0.0
    blind_since: Mapping[str, float] = field(default_factory=dict)
    mode_since: float = 0.0


@dataclass(frozen=True)
class JobSighting:
    """The last progress that a job reported: kept in memory only."""

    task_id: str
    progress: JobProgress
    at: float


@dataclass(frozen=True)
class Reconciliation:
    """The nodes whose task Mesos has not reported since the last (re-)registration."""

    pending: frozenset[str] = frozenset()  # node names
    started: bool = False
    attempts: int = 0
    next_at: float = 0.0
    requested_at: float = 0.0

    @property
    def complete(self) -> bool:
        """Return whether Mesos has reported every known task since the registration."""
        return self.started and not self.pending


@dataclass(frozen=True)
class Stray:
    """A live task of this framework that no record names as its newest.

    `seen_at` is the time of its first update, `killed_at` that of the last KILL.
    """

    agent_id: str | None
    state: TaskState
    seen_at: float
    killed_at: float | None = None


@dataclass(frozen=True)
class Asked:
    """The time of the last status query to a node's executor, and the queries since its last reply."""

    at: float
    unanswered: int = 0


@dataclass(frozen=True)
class Refused:
    """The cause and time of a refused release; `attempt` distinguishes one attempt from another."""

    words: str
    at: float
    attempt: str


class NeedKind(Enum):
    """The purpose for which the scheduler needs an offer."""

    NODE = auto()  # of the node's own agent: to launch it in place, or to reserve more for it
    PLACEMENT = auto()  # of any agent, for a node without a reservation
    JOB = auto()  # of the agent where the job is to run
    RELEASE = auto()  # that shows the reservation to release
    GARBAGE = auto()  # of every agent, from time to time, to see reservations that no record knows
    UNINSTALL = auto()  # of every agent, to see that no reservation is left


@dataclass(frozen=True)
class Need:
    """Work that waits for an offer; `subject` is a node's name, a step's key or a resource id, if there is one."""

    kind: NeedKind
    subject: str = ""


@dataclass(frozen=True)
class Trial:
    """The config check of a configuration, before the first member is stopped for it.

    `asked` has the time of the query to each node, `failed` the nodes that could not check it. `words` are Cassandra's:
    empty if it would start, None before the first answer. `over`: the roll-out does not wait for it any longer.
    """

    configuration: str
    asked: Mapping[str, float] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()
    words: str | None = None
    over: bool = False


@dataclass(frozen=True)
class MissingKeys:
    """What the scheduler cannot do for want of a key, each as the cause in words; empty while it can.

    `signing` is that no node could get a certificate, `logins` that the service cannot log in to Cassandra.
    """

    signing: str = ""
    logins: str = ""


@dataclass(frozen=True)
class Memory:
    """The part of the state that only this process needs: the pace of its queries, and its suppress and revive calls.

    `wanted` are the needs for offers of the last cycle, `waits` the reasons why nodes and steps still wait;
    `revivals` counts revives in a row that no offer has followed.
    """

    strays: Mapping[str, Stray] = field(default_factory=dict)  # by task id
    asked: Mapping[str, Asked] = field(default_factory=dict)  # by node name
    wanted: frozenset[Need] = frozenset()
    waits: Mapping[str, str] = field(default_factory=dict)  # by node name
    revived_at: float = 0.0
    revivals: int = 0
    heard_at: float = 0.0  # when offers last came
    told: Mapping[str, float] = field(default_factory=dict)  # by task id: the time of the last call to a job
    probe_at: float = 0.0
    implicit_at: float = 0.0
    refused: Mapping[str, Refused] = field(default_factory=dict)  # by resource id
    look_at: float | None = None  # when offers are revived for the next time, to see reservations that no record knows
    look_until: float | None = None  # while they are revived for that
    calm_since: float | None = None  # during an uninstall: since when no reservation was offered
    at: float = 0.0  # the time of the last cycle
    trial: Trial | None = None
    certified: Mapping[str, float] = field(default_factory=dict)  # by task id: the last call to get a certificate
    settling: Mapping[str, float] = field(default_factory=dict)  # by task id: since when its node is ready
    missing_keys: MissingKeys = MissingKeys()


@dataclass(frozen=True, kw_only=True)
class Records:
    """The values of all records but the target; `record_kinds` says where each kind of them is stored.

    `previous` is the id of the target before, `overrides` are the settings of the API, and `released` the ids of the
    newest reservations that are released whole. `cluster_id` distinguishes this cluster from others of its name.
    """

    framework_id: str | None = None
    cluster_id: str | None = None
    previous: str | None = None
    overrides: Mapping[str, Override] = field(default_factory=dict)  # by setting
    configurations: Mapping[str, Configuration] = field(default_factory=dict)  # by id
    nodes: Mapping[str, NodeRecord] = field(default_factory=dict)  # by name
    plans: Mapping[str, PlanRecord] = field(default_factory=dict)  # deploy and recovery
    operations: Mapping[str, OperationRecord] = field(default_factory=dict)  # by kind
    steps: Mapping[str, StepRecord] = field(default_factory=dict)  # by key
    history: Mapping[str, HistoryRecord] = field(default_factory=dict)  # by key
    journal: Mapping[str, JournalRecord] = field(default_factory=dict)  # by key, oldest first
    garbage: Mapping[str, GarbageRecord] = field(default_factory=dict)  # by resource id
    released: tuple[str, ...] = ()
    uninstall: UninstallRecord | None = None
    logins: LoginsRecord | None = None
    authority: AuthorityRecord | None = None


@dataclass(frozen=True)
class Stored(Records):
    """All records, as loaded; ids are None before the first start has stored them."""

    target: str | None = None


@dataclass(frozen=True)
class ClusterState(Records):
    """Everything that `decide` reads besides offers and the time.

    `configuration_errors` are the reasons why the settings of this start did not become the target.
    """

    target: Configuration
    registered: bool = False
    reconciliation: Reconciliation = Reconciliation()
    sightings: Mapping[str, Sighting] = field(default_factory=dict)
    suppressed: bool = False
    memory: Memory = Memory()
    jobs: Mapping[str, JobSighting] = field(default_factory=dict)  # by step key
    uninstalled: bool = False  # nothing is stored any more
    configuration_errors: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)

    @cached_property
    def names_by_address(self) -> Mapping[str, str]:
        """The names of the nodes by their addresses; of two at one address, the first one's."""
        # In an outage of a thousand nodes, the text of each of their steps can have addresses.
        return {node.address or "": node.name for node in [*self.nodes.values()][::-1]}

    def sighting_of(self, node: NodeRecord) -> Sighting | None:
        """Return the last status of the node's newest task; None before its first one."""
        sighting = self.sightings.get(node.name)
        return None if sighting is None or node.task is None or sighting.task_id != node.task.id else sighting
