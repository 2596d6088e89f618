"""What a master knows of frameworks, agents, tasks, executors and offers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from localmesos.protocol import framework_info
from localmesos.protocol.streams import EventStream
from localmesos.resources.arithmetic import Resources
from localmesos.resources.ledger import AgentLedger

Json = dict[str, Any]

_ENDED = frozenset(["TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR"])
_PARTITION_STATES = frozenset(
    ["TASK_UNREACHABLE", "TASK_DROPPED", "TASK_GONE", "TASK_GONE_BY_OPERATOR", "TASK_UNKNOWN"]
)
TERMINAL = _ENDED | {"TASK_LOST", "TASK_DROPPED", "TASK_GONE", "TASK_GONE_BY_OPERATOR"}
_KEPT_COMPLETED_TASKS = 1000
_KEPT_STATUSES = 100


@dataclass
class Task:
    """A task as /state shows it. `info` is Mesos' Task without what changes; `resources` are allocated."""

    info: Json
    resources: Resources
    state: str = "TASK_STAGING"
    statuses: list[Json] = field(default_factory=list)
    status_update_state: str | None = None
    status_update_uuid: str | None = None
    recovered: bool = False
    """Whether its resources are free again."""

    @property
    def task_id(self) -> str:
        return str(self.info["task_id"]["value"])

    @property
    def framework_id(self) -> str:
        return str(self.info["framework_id"]["value"])

    @property
    def agent_id(self) -> str:
        return str(self.info["agent_id"]["value"])

    @property
    def executor_id(self) -> str | None:
        """Of a custom executor; None for a command task."""
        value: str | None = self.info.get("executor_id", {}).get("value")
        return value

    @property
    def terminal(self) -> bool:
        return self.state in TERMINAL

    def add_status(self, status: Json, latest_state: str) -> None:
        """An update, maybe seen before."""
        self.state = latest_state
        self.status_update_state, self.status_update_uuid = status["state"], status.get("uuid")
        if all(old.get("uuid") != status.get("uuid") for old in self.statuses):
            # Data is for the scheduler alone; a master keeps none of it.
            self.statuses.append({name: value for name, value in status.items() if name != "data"})
            del self.statuses[:-_KEPT_STATUSES]

    def to_json(self) -> Json:
        """Mesos' Task."""
        found = {**self.info, "state": self.state, "resources": self.resources.to_json(), "statuses": self.statuses}
        if self.status_update_state is not None:
            found["status_update_state"] = self.status_update_state
        if self.status_update_uuid is not None:
            found["status_update_uuid"] = self.status_update_uuid
        return found


@dataclass
class Executor:
    info: Json
    resources: Resources


@dataclass
class Operation:
    """An operation with an id. `uuid`: of the unacknowledged terminal status, None while the agent applies it."""

    operation_id: str
    framework_id: str
    agent_id: str
    state: str = "OPERATION_PENDING"
    uuid: str | None = None


@dataclass(frozen=True)
class Offer:
    offer_id: str
    framework_id: str
    agent_id: str
    role: str
    resources: Resources


@dataclass
class Agent:
    """A registered agent, connected or not."""

    info: Json
    ip: str
    ledger: AgentLedger
    registered_time: float
    reregistered_time: float | None = None
    stream: EventStream | None = None
    tasks: dict[tuple[str, str], Task] = field(default_factory=dict)
    executors: dict[tuple[str, str], Executor] = field(default_factory=dict)
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)
    missed_pongs: int = 0

    @property
    def agent_id(self) -> str:
        return str(self.info["id"]["value"])

    @property
    def hostname(self) -> str:
        return str(self.info["hostname"])

    @property
    def port(self) -> int:
        return int(self.info["port"])

    @property
    def pid(self) -> str:
        return f"slave(1)@{self.ip}:{self.port}"

    @property
    def connected(self) -> bool:
        return self.stream is not None

    def send(self, event_type: str, body: Json) -> None:
        """An event for the agent; dropped while it is away."""
        if self.stream is not None:
            self.stream.send({"type": event_type, event_type.lower(): body})

    def executors_of(self, framework_id: str) -> dict[str, Json]:
        return {name: e.info for (owner, name), e in self.executors.items() if owner == framework_id}

    def knows(self, framework_id: str) -> bool:
        """Whether a task or executor of the framework is there."""
        return any(owner == framework_id for owner, _ in (*self.tasks, *self.executors))


@dataclass
class Filter:
    """What a framework does not want to be offered from an agent until a time."""

    resources: Resources
    until: float


@dataclass
class Framework:
    """A framework, subscribed or away. Tasks are by id."""

    info: Json
    registered_time: float
    reregistered_time: float
    stream: EventStream | None = None
    stream_id: str | None = None
    suppressed: set[str] = field(default_factory=set)
    filters: dict[tuple[str, str], list[Filter]] = field(default_factory=dict)
    """By role and agent id."""
    offers: dict[str, Offer] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    unreachable_tasks: dict[str, Task] = field(default_factory=dict)
    completed_tasks: list[Task] = field(default_factory=list)
    unregistered_time: float = 0.0
    recovered: bool = False
    """Known from disk or an agent, not subscribed since."""

    def __post_init__(self) -> None:
        self.change_info(self.info)

    def change_info(self, info: Json) -> None:
        self.info = info
        self._capabilities = framework_info.capabilities(info)
        self.roles = framework_info.roles(info)

    @property
    def framework_id(self) -> str:
        return framework_info.framework_id(self.info)

    @property
    def connected(self) -> bool:
        return self.stream is not None

    @property
    def refined(self) -> bool:
        """Whether it wants the format after RESERVATION_REFINEMENT."""
        return "RESERVATION_REFINEMENT" in self._capabilities

    @property
    def multi_role(self) -> bool:
        return "MULTI_ROLE" in self._capabilities

    @property
    def partition_aware(self) -> bool:
        return "PARTITION_AWARE" in self._capabilities

    def shown_state(self, state: str) -> str:
        """A task's state as this framework knows states."""
        return "TASK_LOST" if state in _PARTITION_STATES and not self.partition_aware else state

    def shown_resources(self, resources: Resources) -> list[Json]:
        """Resources in this framework's format."""
        found = resources.to_json(self.refined)
        if not self.multi_role:
            found = [{name: value for name, value in item.items() if name != "allocation_info"} for item in found]
        return found

    def send(self, event_type: str, body: Json | None = None) -> None:
        """An event for the scheduler; dropped while it is away."""
        if self.stream is not None:
            event: Json = {"type": event_type}
            if body is not None:
                event[event_type.lower()] = body
            self.stream.send(event)

    def complete(self, task: Task) -> None:
        """The task is over and the framework knows it."""
        self.tasks.pop(task.task_id, None)
        self.completed_tasks.append(task)
        del self.completed_tasks[:-_KEPT_COMPLETED_TASKS]

    def drop_filters(self, roles: Iterable[str]) -> None:
        wanted = set(roles)
        self.filters = {key: value for key, value in self.filters.items() if key[0] not in wanted}
