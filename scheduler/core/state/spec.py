"""The description of a cluster: the content of one configuration. Frozen values, checked before they get here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from executor.json_codec import ADDED
from executor.protocol import Ports

DiskType = Literal["ROOT", "MOUNT"]


@dataclass(frozen=True)
class Uri:
    """One URI that the agent's fetcher puts into the sandbox."""

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
    """The command, resources and environment of the executor on an agent.

    `image` is the container image whose files it and Cassandra see; empty for those of the agent.
    """

    resources: Resources
    command: str
    uris: tuple[Uri, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    shutdown_grace_seconds: float = 120.0
    image: str = field(default="", metadata=ADDED)


@dataclass(frozen=True)
class CassandraSpec:
    """The Cassandra part of a launch. `options` are cassandra.yaml keys in 5.0 spelling.

    With `authentication` and `authorization` the scheduler manages them: each is `off` or `on`. With
    `client_certificates` clients of CQL can or must present certificates of `client_authorities` (PEM).
    """

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
    authentication: str = field(default="off", metadata=ADDED)
    authorization: str = field(default="off", metadata=ADDED)
    encryption: str = field(default="off", metadata=ADDED)  # of both transports: off, optional or required
    client_certificates: str = field(default="off", metadata=ADDED)  # off, optional or required
    client_authorities: str = field(default="", metadata=ADDED)


@dataclass(frozen=True)
class ClusterSpec:
    """The description of the cluster in a configuration.

    `task` is the share that each node keeps reserved for its maintenance jobs. `rack_attribute` names the agent
    attribute with a node's rack; without it every node is in `cassandra.rack`.
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
    """Settings that are in no configuration: the actions that the scheduler may begin itself, and the bundles' digests.

    `replace_after_seconds`, `garbage_grace_seconds` and `password_days`: None means never. `digests` are the SHA-256
    of the present bundles by address. A bundle can be built again for a node that keeps its configuration, so each
    launch records its own.
    """

    replace_after_seconds: float | None = None
    cleanup_after_scale: bool = False
    garbage_grace_seconds: float | None = 604_800.0
    digests: Mapping[str, str] = field(default_factory=dict)
    certificate_days: float = 30.0
    password_days: float | None = None
