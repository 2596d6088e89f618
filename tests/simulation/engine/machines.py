"""The model's agents: what they hold, what runs on them, and what RESERVE, CREATE, DESTROY and UNRESERVE do to it.

The operations work on a pool, which is what the offers of one accept held; they raise NotEnoughError or ValueError
where Mesos refuses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from executor.protocol import NodeStatus
from scheduler.core.mesos.offer_operations import without_volume
from tests.simulation.engine.jobs import Job
from tests.simulation.engine.resources import Bundle, Owned, add_all, owner_of, to_bundles
from tests.simulation.engine.ring import Data

Json = Mapping[str, Any]

FINAL = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE", "TASK_LOST"}


@dataclass
class Task:
    """A task as its agent holds it; `outbox` are updates that were not acknowledged yet, oldest first.

    `node` is the task's name; `executor` the ExecutorInfo of its launch; `used` is the task's alone, without its
    executor's. A `job` has no process of its own.
    """

    id: str
    node: str
    agent: Agent
    executor: Json
    used: Owned
    job: Job | None = None
    state: str = "TASK_STAGING"
    outbox: deque[dict[str, Any]] = field(default_factory=deque)
    sent_at: float | None = None
    told: NodeStatus | None = None

    @property
    def executor_id(self) -> str:
        return str(self.executor["executor_id"]["value"])

    @property
    def ended(self) -> bool:
        return self.state in FINAL


@dataclass
class Executor:
    """An executor as its agent holds it; once its task has ended it is noticed to be gone after `rounds` of offers."""

    used: Owned
    rounds: int | None = None


@dataclass
class Agent:
    """One agent: what is neither used nor offered, by owner, and what lies on its volumes."""

    id: str
    hostname: str
    rack: str
    available: Owned
    reservations: dict[str, Json] = field(default_factory=dict)
    volumes: dict[str, Data] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    executors: dict[str, Executor] = field(default_factory=dict)
    reachable: bool = True
    registered: bool = True
    unreachable_marked: bool = False
    filtered: tuple[float, Owned] | None = None
    idle: bool = False  # all that is available is filtered, as far as that goes by what is available


@dataclass
class Offered:
    """An outstanding offer; `executors` ran on the agent when it was made."""

    id: str
    agent: Agent
    content: Owned
    executors: frozenset[str]


@dataclass
class Taken:
    """The offers of one accept: what they held together, and whether an operation was made to fail."""

    agent: Agent
    pool: Owned
    executors: frozenset[str]
    spoilt: bool = False


def reserve(agent: Agent, pool: Owned, resources: list[Json]) -> None:
    wanted = to_bundles(resources)
    for bundle in wanted.values():
        pool.get("", Bundle()).take(bundle)
    for resource in resources:
        agent.reservations[owner_of(resource)] = resource["reservations"][0]
    add_all(pool, wanted)


def create(agent: Agent, pool: Owned, volumes: list[Json]) -> None:
    for volume in volumes:
        owner, name = owner_of(volume), volume["disk"]["persistence"]["id"]
        pool.get(owner, Bundle()).take(to_bundles([without_volume(volume)])[owner])
        if name in agent.volumes:
            raise ValueError(f"the volume {name} exists")
        agent.volumes[name] = Data()
        pool[owner].add(Bundle(volumes={name: volume}))


def destroy(agent: Agent, pool: Owned, volumes: list[Json]) -> None:
    for volume in volumes:
        owner, name = owner_of(volume), volume["disk"]["persistence"]["id"]
        pool.get(owner, Bundle()).take(Bundle(volumes={name: volume}))
        pool[owner].add(to_bundles([without_volume(volume)])[owner])
        data = agent.volumes.pop(name)
        if data.host_id is not None and not (data.replaced or data.left or data.given_up):
            raise ValueError(f"the volume {name} of a member is destroyed")


def unreserve(pool: Owned, resources: list[Json]) -> None:
    for owner, bundle in to_bundles(resources).items():
        pool.get(owner, Bundle()).take(bundle)
        pool.setdefault("", Bundle()).add(bundle)
