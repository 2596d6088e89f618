"""The decision of a cycle: frozen values, carried out by the loop alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from executor.protocol import NodeLaunch
from scheduler.core.state.node import NodeRecord

Json = Mapping[str, Any]


class Purpose(Enum):
    """The reason for an ACCEPT."""

    NODE = auto()  # launch a node's task
    JOB = auto()  # launch a maintenance job beside a node's task
    GROW = auto()  # reserve additional resources for a node
    RELEASE = auto()  # unreserve a reservation, after its volume is destroyed if no data on it is needed


@dataclass(frozen=True)
class Accept:
    """An ACCEPT of offers, all of one agent, with offer operations that Mesos runs in order.

    `job` is the key of the step whose job is launched, such as backup.Upload.node-0. `resource_id` is that of the
    reservation that is released; `node` is empty if no node's record knows it.
    """

    purpose: Purpose
    node: str
    offer_ids: tuple[str, ...]
    operations: tuple[Json, ...]
    job: str = ""
    resource_id: str = ""


@dataclass(frozen=True)
class Decline:
    """A DECLINE of one offer for `seconds`; `reason` is for people."""

    offer_id: str
    reason: str
    seconds: float


@dataclass(frozen=True)
class Kill:
    """A KILL of a task; `grace_seconds` goes into the call's kill policy."""

    task_id: str
    agent_id: str | None
    grace_seconds: float
    reason: str


@dataclass(frozen=True)
class Reconcile:
    """A RECONCILE of (task id, agent id) pairs, always with the agent. Empty: of all tasks."""

    tasks: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ask:
    """A status query to a node's executor."""

    node: str
    executor_id: str
    agent_id: str
    task_id: str


@dataclass(frozen=True)
class Try:
    """A config check: a node's executor validates a configuration with Cassandra's own classes."""

    ask: Ask
    configuration: str
    launch: NodeLaunch


@dataclass(frozen=True)
class Tuning:
    """Other tuning values for a running job."""

    node: str
    executor_id: str
    agent_id: str
    task_id: str
    values: Json


@dataclass(frozen=True)
class Decision:
    """The calls of one cycle, sent once the records of the state that `decide` returns beside it are stored.

    `teardown`: Mesos forgets this framework, for good; the last call of an uninstall. `evaluations` are the reasons
    for which each offer fit a node or did not: for people, under /v1/debug/offers.
    """

    accepts: tuple[Accept, ...] = ()
    declines: tuple[Decline, ...] = ()
    kills: tuple[Kill, ...] = ()
    asks: tuple[Ask, ...] = ()
    trials: tuple[Try, ...] = ()
    tunings: tuple[Tuning, ...] = ()
    certify: tuple[Ask, ...] = ()  # nodes that are to get another certificate
    reconcile: Reconcile | None = None
    suppress: bool = False
    revive: bool = False
    teardown: bool = False
    evaluations: tuple[Json, ...] = ()


@dataclass(frozen=True)
class Fit:
    """A launch: the record to store first, and the accept to send then."""

    record: NodeRecord
    accept: Accept
