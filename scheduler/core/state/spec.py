"""What an operator wants: the content of one configuration. Frozen values; checked before they get here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from executor.protocol import Ports

DiskType = Literal["ROOT", "MOUNT"]


@dataclass(frozen=True)
class Uri:
    """One thing that the agent's fetcher puts into the sandbox."""

    value: str
    extract: bool = True
    executable: bool = False
    cache: bool = True
    output_file: str | None = None


@dataclass(frozen=True)
class Resources:
    """Amounts for one node: cpus in cores, memory and disk in MB."""

    cpus: float
    mem: float


@dataclass(frozen=True)
class ExecutorSpec:
    """How the executor is started on an agent."""

    resources: Resources
    command: str
    uris: tuple[Uri, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    shutdown_grace_seconds: float = 120.0


@dataclass(frozen=True)
class CassandraSpec:
    """The Cassandra part: all that reaches a node's launch. `options` are cassandra.yaml keys in 5.0 spelling."""

    cluster_name: str
    data_center: str
    rack: str
    heap_mb: int
    ports: Ports = field(default_factory=Ports)
    options: Mapping[str, Any] = field(default_factory=dict)
    gc: str = "G1"
    heap_new_mb: int | None = None
    jvm_options: tuple[str, ...] = ()
    java_home: str | None = None
    version: str = "5.0.8"


@dataclass(frozen=True)
class ClusterSpec:
    """The desired cluster: everything that a configuration znode holds.

    `task` is kept reserved beside each node for its maintenance jobs. `rack_attribute` names the agent attribute
    that gives a node its rack; without it every node is in `cassandra.rack`.
    """

    service_name: str
    role: str
    principal: str
    user: str
    nodes: int
    seeds: int
    resources: Resources
    disk_mb: int
    disk_type: DiskType
    task: Resources
    executor: ExecutorSpec
    cassandra: CassandraSpec
    placement: str = ""
    rack_attribute: str = ""


@dataclass(frozen=True)
class Policy:
    """What the scheduler may do by itself; no part of a configuration, since no node is launched with it.

    `replace_after_seconds`: None means never.
    """

    replace_after_seconds: float | None = None
    cleanup_after_scale: bool = False
    garbage_grace_seconds: float | None = 604_800.0
