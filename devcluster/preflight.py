"""The checks before a start: each violation is one sentence, and all are reported at once."""

from __future__ import annotations

import errno
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from devcluster.layout import MAX_HEAP_MB, MAX_NODES, MIN_HEAP_MB, Address, ClusterLayout

# Measured: a node with 384 MB heap takes 700 MB in all; ZooKeeper, master, scheduler and API take 400 MB, and each
# agent with its executor 90 MB.
NODE_OVERHEAD_MB = 420
FIXED_MB = 400
DISK_FIXED_MB = 1024
DISK_PER_NODE_MB = 512


def check_sizes(layout: ClusterLayout, existing: ClusterLayout | None) -> list[str]:
    """Return the problems with the requested number of nodes and heap."""
    problems = []
    if not 1 <= layout.nodes <= MAX_NODES:
        problems.append(f"--nodes must be between 1 and {MAX_NODES}, not {layout.nodes}.")
    if not MIN_HEAP_MB <= layout.heap_mb <= MAX_HEAP_MB:
        problems.append(f"--heap must be between {MIN_HEAP_MB} and {MAX_HEAP_MB} MB, not {layout.heap_mb}.")
    if not 0 <= layout.spare_agents <= MAX_NODES:
        problems.append(f"--spare-agents must be between 0 and {MAX_NODES}, not {layout.spare_agents}.")
    if existing is not None and layout.secure != existing.secure:
        problems.append(
            f"The cluster in {layout.directory} was made without --secure; a secure one needs `./dev clean` first."
        )
    if existing is not None and layout.nodes < existing.nodes:
        problems.append(
            f"The cluster in {layout.directory} has {existing.nodes} nodes with data; a smaller one needs "
            "`./dev clean` first."
        )
    return problems


def check_tools(java_home: Path | None, bundles_built: bool) -> list[str]:
    """Return the problems with the programs that are needed."""
    problems = []
    if java_home is None:
        problems.append("No JDK 17 is installed; `sudo apt-get install openjdk-17-jdk-headless` brings it.")
    if not bundles_built and shutil.which("mvn") is None:
        problems.append("Maven is not installed; `sudo apt-get install maven` brings it.")
    return problems


def check_machine(layout: ClusterLayout, starting: int) -> list[str]:
    """Return the problems with memory and disk for the nodes to start."""
    problems = []
    needed = memory_needed_mb(starting, layout.heap_mb)
    available = memory_available_mb(Path("/proc/meminfo").read_text())
    if starting and available < needed:
        problems.append(
            f"{starting} nodes with {layout.heap_mb} MB heap need {needed} MB of memory, but only {available} MB are "
            "free; take fewer --nodes or a smaller --heap."
        )
    disk = DISK_FIXED_MB + starting * DISK_PER_NODE_MB
    free = shutil.disk_usage(_existing(layout.directory)).free // (1024 * 1024)
    if starting and free < disk:
        problems.append(f"{layout.directory} needs {disk} MB of free disk, but only {free} MB are free.")
    return problems


def memory_needed_mb(nodes: int, heap_mb: int) -> int:
    """Return the memory that so many nodes take, with all other processes of their cluster."""
    return FIXED_MB + nodes * (heap_mb + NODE_OVERHEAD_MB)


def memory_available_mb(meminfo: str) -> int:
    """Return MemAvailable of /proc/meminfo in MB."""
    fields = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    return int(fields["MemAvailable"].split()[0]) // 1024


def check_ports(wanted: Mapping[str, Iterable[Address]]) -> list[str]:
    """Return the problems with addresses that must be free, by the name of the process that needs them."""
    pairs = [(user, address) for user, addresses in wanted.items() for address in addresses]
    return [problem for user, address in pairs if (problem := _taken(user, address))]


def ports_wanted(layout: ClusterLayout, running: Iterable[str]) -> dict[str, list[Address]]:
    """Return the addresses that must be free, by the name of the process, for those not in `running`."""
    return {user: addresses for user, addresses in _ports(layout) if user not in set(running)}


def _ports(layout: ClusterLayout) -> Iterator[tuple[str, list[Address]]]:
    yield "zookeeper", [layout.zookeeper, *([layout.zookeeper_tls] if layout.secure else [])]
    yield "s3", [layout.s3]
    yield "master", [layout.master]
    yield "scheduler", [layout.api]
    for agent in layout.agents:
        host = agent.address.host
        yield agent.name, [agent.address]
        yield f"node on {agent.name}", [Address(host, port) for port in layout.node_ports.all()]


def _taken(user: str, address: Address) -> str | None:
    with socket.socket() as probe:
        # As the servers do: a port whose last connections are in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"{address} is in use by another program; {user} needs it."
            return f"{address} cannot be used by {user}: {error.strerror}."
    return None


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
