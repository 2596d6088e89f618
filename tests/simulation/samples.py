"""A small cluster to simulate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from executor.protocol import Ports
from scheduler.core.spec import CassandraSpec, ClusterSpec, ExecutorSpec, Resources, Uri
from tests.simulation.machines import Agent
from tests.simulation.resources import Bundle


class Ids:
    """Unique ids in order, so that a failing run reads the same every time."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> str:
        self._last += 1
        return f"id-{self._last}"


def spec(nodes: int = 3, **changes: Any) -> ClusterSpec:
    """A cluster of small nodes, racks from the agents' attribute."""
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


def agents(count: int = 3, racks: int = 3, mounts: int = 0) -> list[Agent]:
    """Agents with room for one node each."""
    return [_agent(index, f"r{index % racks + 1}", mounts) for index in range(count)]


def _agent(index: int, rack: str, mounts: int) -> Agent:
    free = Bundle(cpus=4000, mem=4_096_000, disk=20_480_000, ports={7000, 7001, 7199, 9042, 31000, 31001})
    free.mounts = {f"/mnt/disk{number}": 2_048_000 * (number + 1) for number in range(mounts)}
    return Agent(f"S{index}", f"127.0.0.{index + 2}", rack, {"": free})
