"""A small cluster to simulate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from executor.protocol import Ports
from scheduler.core.commands.command import StartOperation
from scheduler.core.configuration.overrides import Wanted, apply_overrides
from scheduler.core.state.configuration import Overrides, Texts
from scheduler.core.state.spec import CassandraSpec, ClusterSpec, ExecutorSpec, Resources, Uri
from tests.simulation.engine.machines import Agent
from tests.simulation.engine.resources import Bundle


class Ids:
    """Unique ids in order, so that a failing run reads the same every time."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> str:
        self._last += 1
        return f"id-{self._last}"


def spec(nodes: int = 3, **changes: Any) -> ClusterSpec:
    """Return a cluster of small nodes, racks from the agents' attribute."""
    base = ClusterSpec(
        service_name="cassandra",
        role="cassandra-role",
        principal="cassandra-principal",
        user="root",
        nodes=nodes,
        seeds=min(2, nodes),
        resources=Resources(cpus=0.5, mem=512),
        disk_mb=1024,
        disk_type="ROOT",
        task=Resources(cpus=0.1, mem=64),
        executor=ExecutorSpec(Resources(cpus=0.1, mem=64), "./run", (Uri("http://127.0.0.1/executor.tgz"),)),
        cassandra=CassandraSpec("test", "dc1", "rack1", heap_mb=256, ports=Ports()),
        rack_attribute="rack",
    )
    return replace(base, **changes)


SETTINGS = ("CASSANDRA_HEAP_SIZE_MB", "NODES", "SECURITY_TRANSPORT_ENCRYPTION", "SECURITY_CLIENT_CERTIFICATES")


def wanted(base: ClusterSpec, overrides: Overrides | None = None, environment: Texts | None = None) -> Wanted:
    """Return the result of these settings on a spec."""
    texts = apply_overrides(environment or {}, overrides or {})
    heap = int(texts.get("CASSANDRA_HEAP_SIZE_MB", base.cassandra.heap_mb))
    encryption = texts.get("SECURITY_TRANSPORT_ENCRYPTION", base.cassandra.encryption)
    clients = texts.get("SECURITY_CLIENT_CERTIFICATES", base.cassandra.client_certificates)
    cassandra = replace(base.cassandra, heap_mb=heap, encryption=encryption, client_certificates=clients)
    changed = replace(base, nodes=int(texts.get("NODES", base.nodes)), cassandra=cassandra)
    return Wanted(changed, texts, overrides or {})


def agents(count: int = 3, racks: int = 3, mounts: int = 0) -> list[Agent]:
    """Return agents with room for one node each."""
    return [_agent(index, f"r{index % racks + 1}", mounts) for index in range(count)]


def _agent(index: int, rack: str, mounts: int) -> Agent:
    free = Bundle(cpus=4000, mem=4_096_000, disk=20_480_000, ports={7000, 7001, 7199, 9042, 31000, 31001})
    free.mounts = {f"/mnt/disk{number}": 2_048_000 * (number + 1) for number in range(mounts)}
    address = f"127.0.{(index + 2) // 256}.{(index + 2) % 256}"
    return Agent(f"S{index}", address, rack, {"": free})


BACKUP_NODES = {f"node-{index}": {"tokens": 16, "rack": "r1", "data_center": "dc1"} for index in range(3)}
_LOCATION = {"external_location": "s3://bucket", "region": None, "endpoint": None, "tls_ca": None, "uses_emc": False}
_TABLES: dict[str, Any] = {"key_spaces": [], "column_families": []}
_REQUESTS: dict[str, dict[str, Any]] = {
    "repair": {**_TABLES, "incremental": False, "primary_range": True, "parallelism": "sequential"},
    "backup": {**_LOCATION, **_TABLES, "backup_name": "monday", "upload_parallelism": 1, "count_rows": None},
    "backup-verify": {**_LOCATION, "backup_name": "monday", "parallelism": 1},
    "backup-delete": {**_LOCATION, "backup_name": "monday"},
    "restore": {**_LOCATION, **_TABLES, "backup_name": "monday", "rename": {}, "parallelism": 0, "compare": "sample"},
}


def begin(kind: str, identifier: str = "first", nodes: int = 3, sealed: str = "", **request: Any) -> StartOperation:
    """Return the API's command that begins an operation on the first nodes, with its defaults."""
    chosen = {**_REQUESTS.get(kind, {**_TABLES, "parallelism": 1}), **request}
    return StartOperation(
        plan=kind,
        id=identifier,
        nodes=tuple(f"node-{index}" for index in range(nodes)),
        request=chosen,
        principal="operator",
        facts={"backup": {"nodes": BACKUP_NODES}} if kind in ("restore", "backup-verify") else {},
        tuning={"throttle": 1000} if kind in ("backup", "restore") else {},
        sealed=sealed,
    )
