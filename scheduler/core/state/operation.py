"""Records of maintenance: operations, their steps and jobs, and the history. Times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from executor.json_codec import ADDED
from executor.protocol import JobProgress
from scheduler.core.state.node import SCHEMA_VERSION, Failures, TaskState, require

# The principal of operations that the scheduler begins, or stops, itself.
SCHEDULER = "the scheduler"
# Among the facts of a decommission: NODES did not include its node, when it began or since.
UNWANTED = "unwanted"

FIRST_DELAY = 5.0


class OperationState(StrEnum):
    """The wanted state of an operation, and its end. A failure is in the state of its step."""

    RUNNING = "RUNNING"
    STOPPING = "STOPPING"  # its jobs are killed; then its last phases, which clean up, run
    STOPPED = "STOPPED"
    COMPLETE = "COMPLETE"
    DIFFERENT = "DIFFERENT"  # all steps are done, and the result differs from the request: `message` says where


LIVE_OPERATIONS = frozenset({OperationState.RUNNING, OperationState.STOPPING})


class StepState(StrEnum):
    """A maintenance step; without a record it is PENDING."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"  # a job was launched, and its end is not reported
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"  # until an operator restarts it


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
    """Return the name of a step among all steps, such as backup.Upload.node-0."""
    return f"{kind}.{phase}.{name}"


@dataclass(frozen=True)
class StepRecord:
    """One step of a maintenance operation, stored under steps/<kind>.<phase>.<name>.

    `name` is the node's, or `cluster` for a step that any one node can do. `result` is that of the job.
    `interruptions` counts attempts in a row that ended because the executor ended.
    """

    kind: str
    operation: str
    phase: str
    name: str
    state: StepState = StepState.PENDING
    task: JobTask | None = None
    failures: Failures = field(default_factory=Failures)
    interruptions: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    progress: JobProgress = field(default_factory=JobProgress)
    result: Mapping[str, Any] = field(default_factory=dict)
    forced: bool = False
    schema_version: int = SCHEMA_VERSION

    @property
    def key(self) -> str:
        """Return the name of the step among all steps: <kind>.<phase>.<name>, such as backup.Upload.node-0."""
        return step_key(self.kind, self.phase, self.name)

    @property
    def known_task(self) -> JobTask:
        """Return the newest job of a step that has launched one; raise IncompleteRecordError for any other."""
        return require(self.task, "job", self.key)


@dataclass(frozen=True)
class OperationRecord:
    """The newest operation of its kind, stored under plans/<kind>.

    `request` is that of the operator, checked and completed with defaults, without secrets; `facts` are what was
    found when it was accepted. `nodes` are the names of its nodes. `sealed` holds the secrets, encrypted with the
    scheduler's key; it is emptied when the operation ends. `tuning` are the values that an operator can change while
    it runs. `message` has the messages of its steps at its end: differences, and what could not be compared.
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
    message: str = ""
    stopped_by: str = ""  # the principal; earlier versions did not record it
    queued: bool = False  # a failed step was restarted while another operation worked: it waits for that
    lapsed: bool = False  # of a stopped decommission: NODES has included its node since
    # Of an interrupt: the principal and the time. Earlier versions did not record them.
    interrupted_by: str = field(default="", metadata=ADDED)
    interrupted_at: float | None = field(default=None, metadata=ADDED)
    schema_version: int = SCHEMA_VERSION

    @property
    def serves_settings(self) -> bool:
        """Return whether it is a decommission for fewer NODES, at least for a while: higher NODES cancel it then."""
        return self.principal == SCHEDULER or bool(self.facts.get(UNWANTED))


@dataclass(frozen=True)
class HistoryRecord:
    """An operation that has ended, stored under history/<kind>.<started_at in ms>; the oldest go first.

    `steps` are the results and failures of its steps by <phase>.<name>, such as Upload.node-0; long ones are cut.
    """

    operation: OperationRecord
    steps: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def key(self) -> str:
        """Return the name in the history: <kind>.<started_at in ms>, such as backup.1700000000123."""
        return f"{self.operation.kind}.{round(self.operation.started_at * 1000)}"


def is_live(operation: OperationRecord) -> bool:
    """Return whether an operation has not ended."""
    return operation.state in LIVE_OPERATIONS


def needs_keys(operation: OperationRecord) -> bool:
    """Return whether the scheduler had keys of backups for its jobs when it was accepted."""
    return bool(operation.facts.get("keys"))


def delay_after(count: int) -> float:
    """Return the back-off in seconds after the count-th failure of a job: 5, then four times as long each."""
    return FIRST_DELAY * 4.0 ** min(count - 1, 10)  # a number of thousands would have no power
