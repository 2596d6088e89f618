"""A master's records of frameworks, agents, tasks, executors and offers."""

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
    """A task as /state shows it. `info` is the constant part of Mesos' Task; `resources` are allocated."""

    info: Json
    resources: Resources
    state: str = "TASK_STAGING"
    statuses: list[Json] = field(default_factory=list)
    status_update_state: str | None = None
    status_update_uuid: str | None = None
    recovered: bool = False
    """True once its resources are free again."""

    @property
    def task_id(self) -> str:
        """Return the task's id, which its framework chose."""
        return str(self.info["task_id"]["value"])

    @property
    def framework_id(self) -> str:
        """Return the framework's id."""
        return str(self.info["framework_id"]["value"])

    @property
    def agent_id(self) -> str:
        """Return the agent's id."""
        return str(self.info["agent_id"]["value"])

    @property
    def executor_id(self) -> str | None:
        """Return the id of a custom executor, None for a command task."""
        value: str | None = self.info.get("executor_id", {}).get("value")
        return value

    @property
    def terminal(self) -> bool:
        """Return whether the task is over."""
        return self.state in TERMINAL

    def add_status(self, status: Json, latest_state: str) -> None:
        """Add an update, which can be a repetition."""
        self.state = latest_state
        self.status_update_state, self.status_update_uuid = status["state"], status.get("uuid")
        if all(old.get("uuid") != status.get("uuid") for old in self.statuses):
            # Data is for the scheduler alone; a master keeps none of it.
            self.statuses.append({name: value for name, value in status.items() if name != "data"})
            del self.statuses[:-_KEPT_STATUSES]

    def to_json(self) -> Json:
        """Return Mesos' Task."""
        found = {**self.info, "state": self.state, "resources": self.resources.to_json(), "statuses": self.statuses}
        if self.status_update_state is not None:
            found["status_update_state"] = self.status_update_state
        if self.status_update_uuid is not None:
            found["status_update_uuid"] = self.status_update_uuid
        return found


@dataclass
class Executor:
    """An executor on an agent: its ExecutorInfo and its own resources."""

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
    """An offer of an agent's resources to a framework's role."""

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
        """Return the id that this master or an earlier one gave."""
        return str(self.info["id"]["value"])

    @property
    def hostname(self) -> str:
        """Return the host name from AgentInfo."""
        return str(self.info["hostname"])

    @property
    def port(self) -> int:
        """Return the port of the agent's HTTP endpoints."""
        return int(self.info["port"])

    @property
    def pid(self) -> str:
        """Return the agent's address as Mesos shows it: ``slave(1)@127.0.0.1:5051``."""
        return f"slave(1)@{self.ip}:{self.port}"

    @property
    def connected(self) -> bool:
        """Return whether the agent's event stream is open."""
        return self.stream is not None

    def send(self, event_type: str, body: Json) -> None:
        """Send the agent an event; it is dropped while the agent is away."""
        if self.stream is not None:
            self.stream.send({"type": event_type, event_type.lower(): body})

    def executors_of(self, framework_id: str) -> dict[str, Json]:
        """Return the ExecutorInfos of a framework, by executor id."""
        return {name: e.info for (owner, name), e in self.executors.items() if owner == framework_id}

    def knows(self, framework_id: str) -> bool:
        """Return whether the agent has a task or executor of the framework."""
        return any(owner == framework_id for owner, _ in (*self.tasks, *self.executors))


@dataclass
class Filter:
    """Resources of an agent that a framework does not take until a time of the clock that never jumps."""

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
        """Take another FrameworkInfo, with its capabilities and roles."""
        self.info = info
        self._capabilities = framework_info.capabilities(info)
        self.roles = framework_info.roles(info)

    @property
    def framework_id(self) -> str:
        """Return the framework's id."""
        return framework_info.framework_id(self.info)

    @property
    def connected(self) -> bool:
        """Return whether the framework is subscribed."""
        return self.stream is not None

    @property
    def refined(self) -> bool:
        """Return whether the framework uses the format after RESERVATION_REFINEMENT."""
        return "RESERVATION_REFINEMENT" in self._capabilities

    @property
    def multi_role(self) -> bool:
        """Return whether the framework can have several roles."""
        return "MULTI_ROLE" in self._capabilities

    @property
    def partition_aware(self) -> bool:
        """Return whether the framework knows states such as TASK_UNREACHABLE."""
        return "PARTITION_AWARE" in self._capabilities

    def shown_state(self, state: str) -> str:
        """Return a task's state as this framework knows states."""
        return "TASK_LOST" if state in _PARTITION_STATES and not self.partition_aware else state

    def shown_resources(self, resources: Resources) -> list[Json]:
        """Return resources in this framework's format."""
        found = resources.to_json(self.refined)
        if not self.multi_role:
            found = [{name: value for name, value in item.items() if name != "allocation_info"} for item in found]
        return found

    def send(self, event_type: str, body: Json | None = None) -> None:
        """Send the scheduler an event; it is dropped while the scheduler is away."""
        if self.stream is not None:
            event: Json = {"type": event_type}
            if body is not None:
                event[event_type.lower()] = body
            self.stream.send(event)

    def complete(self, task: Task) -> None:
        """Move a task to the completed ones: it is over, and the framework knows it."""
        self.tasks.pop(task.task_id, None)
        self.completed_tasks.append(task)
        del self.completed_tasks[:-_KEPT_COMPLETED_TASKS]

    def drop_filters(self, roles: Iterable[str]) -> None:
        """Drop the filters of the roles."""
        wanted = set(roles)
        self.filters = {key: value for key, value in self.filters.items() if key[0] not in wanted}
