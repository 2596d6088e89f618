"""Records of maintenance: operations, their steps and jobs, and what has ended. Times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from executor.protocol import JobProgress
from scheduler.core.state.node import SCHEMA_VERSION, Failures, TaskState, require

# The principal of what the scheduler begins, or stops, by itself.
SCHEDULER = "the scheduler"
# Among the facts of a decommission: NODES did not ask for its node, when it began or since.
UNWANTED = "unwanted"

FIRST_DELAY = 5.0


class OperationState(StrEnum):
    """What is wanted of an operation, and how it ended. That a step failed is the step's to say."""

    RUNNING = "RUNNING"
    STOPPING = "STOPPING"  # its jobs are ended; then what tidies up runs
    STOPPED = "STOPPED"
    COMPLETE = "COMPLETE"
    DIFFERENT = "DIFFERENT"  # all was done, and what came of it is not what was asked for: `message` says where


LIVE_OPERATIONS = frozenset({OperationState.RUNNING, OperationState.STOPPING})


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

    `request` is what was asked for, checked and completed with defaults, without secrets; `facts` is what was found out
    when it was accepted. `nodes` are the names of the nodes that it is for. `sealed` holds the secrets, encrypted with
    the scheduler's key; it is emptied when the operation ends. `tuning` is what may be changed while it runs. `message`
    is what its steps had to say when it ended: what differs, and what could not be looked at.
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
    stopped_by: str = ""  # who had it stopped; earlier versions did not record that
    queued: bool = False  # a failed step of it was restarted while another operation worked: it goes on after that
    lapsed: bool = False  # of a decommission that was stopped: its node has been wanted since
    schema_version: int = SCHEMA_VERSION

    @property
    def serves_settings(self) -> bool:
        """Whether it is a decommission for fewer NODES, at least for a while: who raises NODES wants its node then."""
        return self.principal == SCHEDULER or bool(self.facts.get(UNWANTED))


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


def is_live(operation: OperationRecord) -> bool:
    """Whether it has not ended."""
    return operation.state in LIVE_OPERATIONS


def stamp(seconds: float) -> str:
    """A time for people: ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def delay_after(count: int) -> float:
    """Seconds to wait after the count-th failure: 5, then four times as long as before."""
    return FIRST_DELAY * 4.0 ** (count - 1)
