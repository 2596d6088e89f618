"""Resource amounts as Mesos counts them: scalars in thousandths, ports in closed ranges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scheduler.core.state.spec import ClusterSpec, DiskType, Resources

Ranges = tuple[tuple[int, int], ...]


def to_milli(value: float) -> int:
    """Return a scalar in thousandths: Mesos keeps three decimals."""
    return round(value * 1000)


def to_scalar(milli: int) -> float:
    """Return thousandths as a scalar: the reverse of `to_milli`."""
    return milli / 1000


def contains(ranges: Ranges, port: int) -> bool:
    """Return whether the port lies in one of the ranges."""
    return any(low <= port <= high for low, high in ranges)


def to_ranges(ports: Iterable[int]) -> Ranges:
    """Return the fewest ranges with exactly these ports."""
    found: list[tuple[int, int]] = []
    for port in sorted(set(ports)):
        if found and found[-1][1] == port - 1:
            found[-1] = (found[-1][0], port)
        else:
            found.append((port, port))
    return tuple(found)


@dataclass(frozen=True)
class Share:
    """Cpus and memory (MB) in thousandths."""

    cpus: int
    mem: int


@dataclass(frozen=True)
class Needs:
    """The amounts that one node takes of an agent; `spare` is its share, reserved for maintenance jobs."""

    task: Share
    executor: Share
    spare: Share
    disk: int
    disk_type: DiskType
    ports: tuple[int, ...]

    @property
    def launch(self) -> Share:
        """Return the amounts that the launch itself uses."""
        return Share(self.task.cpus + self.executor.cpus, self.task.mem + self.executor.mem)

    @property
    def total(self) -> Share:
        """Return the amounts that are reserved."""
        return Share(self.launch.cpus + self.spare.cpus, self.launch.mem + self.spare.mem)


def node_needs(spec: ClusterSpec) -> Needs:
    """Return the amounts that this configuration needs for each node."""
    ports = spec.cassandra.ports
    return Needs(
        task=_share(spec.resources),
        executor=_share(spec.executor.resources),
        spare=_share(spec.task),
        disk=to_milli(spec.disk_mb),
        disk_type=spec.disk_type,
        ports=tuple(sorted({ports.storage, ports.ssl_storage, ports.native_transport, ports.jolokia})),
    )


def _share(resources: Resources) -> Share:
    return Share(to_milli(resources.cpus), to_milli(resources.mem))
