"""Start and stop of one local cluster: ZooKeeper and S3, master, agents and scheduler, in this order.

Running processes are kept. If one cannot be started, those that the same call had started are stopped.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devcluster import executors, processes, s3, scheduler_process, security, zookeeper
from devcluster.bundles import Bundles
from devcluster.checks import ROOT
from devcluster.layout import AGENT_CPUS, AGENT_DISK_MB, AGENT_MEMORY_MB, Agent, ClusterLayout
from devcluster.processes import ProcessTable, StartError, python_module
from devcluster.requests import UnreachableError, answers, get
from devcluster.secret_files import make_once
from executor.cassandra import start_cache

Say = Callable[[str], object]

# A process that ends is told at once: this is for one that hangs, on a machine with much else to do.
_START_SECONDS = 180.0
_STOP_SECONDS = 20.0
# A node drains within 60 s, and its executor allows some more.
_NODES_STOP_SECONDS = 150.0


@dataclass(frozen=True)
class Part:
    """One process of a cluster: its command, and the condition under which it counts as started."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool]


def start(layout: ClusterLayout, bundles: Bundles, java_home: Path, say: Say) -> list[str]:
    """Start all processes that do not run and return their names.

    Raises:
        StartError: a process does not start.
    """
    table = ProcessTable(layout.directory)
    started: list[str] = []
    try:
        for stage in _stages(layout, bundles, java_home):
            new = [part for part in stage if table.find(part.name) is None]
            for part in new:
                table.start(part.name, part.command, part.environment)
                started.append(part.name)
            for part in new:
                table.wait_ready(part.name, part.ready, _START_SECONDS)
            if new:
                say(f"started {', '.join(part.name for part in new)}")
    except StartError:
        for name in reversed(started):
            _end(table, name)
        raise
    return started


def stop(layout: ClusterLayout, say: Say) -> bool:
    """Stop all processes and keep the data; return False if a process had to be killed."""
    table = ProcessTable(layout.directory)
    running = [name for name in table.names() if table.find(name) is not None]
    in_order = True
    # Once the scheduler has stopped, the end of the nodes does not count as a failure. The agents run until then: they
    # store the executors' last updates for the next start.
    in_order &= _stop_together(table, ["scheduler"], say)
    in_order &= executors.stop(layout.directory / "agents", _NODES_STOP_SECONDS, partial(_say_left, say))
    in_order &= _stop_together(table, [name for name in running if name.startswith("agent-")], say)
    for name in ("master", "s3", "zookeeper"):
        in_order &= _stop_together(table, [name], say)
    for name in table.names():
        table.forget(name)
    return in_order


def is_running(layout: ClusterLayout) -> bool:
    """Return whether any process of the cluster runs."""
    table = ProcessTable(layout.directory)
    return any(table.find(name) for name in table.names()) or bool(executors.find(layout.directory / "agents"))


def part_names(layout: ClusterLayout) -> list[str]:
    """Return the names of all processes of a complete cluster, in the order of their start."""
    return ["zookeeper", "s3", "master", *(agent.name for agent in layout.agents), "scheduler"]


def token(layout: ClusterLayout) -> str:
    """Return the token of the API; made at the first call, in a file that only its owner can read."""
    made = make_once(
        layout.token_file, lambda: f"{security.make_token(layout) if layout.secure else secrets.token_urlsafe(24)}\n"
    )
    return next(iter(made.read_text().split()), "")  # more can follow, of other roles


def _say_left(say: Say, count: int) -> None:
    say(f"stopping the nodes: {count} {'process' if count == 1 else 'processes'} left")


def _stop_together(table: ProcessTable, names: list[str], say: Say) -> bool:
    found = {name: process for name in names if (process := table.find(name)) is not None}
    if not found:
        return True
    ended = processes.stop(found.values(), _STOP_SECONDS)
    say(f"stopped {', '.join(found)}")
    return ended


def _end(table: ProcessTable, name: str) -> None:
    process = table.find(name)
    if process is not None:
        processes.stop([process], _STOP_SECONDS)
    table.forget(name)


def _stages(layout: ClusterLayout, bundles: Bundles, java_home: Path) -> Iterator[list[Part]]:
    """Return the parts in the order of their start; those of one stage start together."""
    if layout.secure:
        security.prepare(layout)
    environment = base_environment(java_home)
    java = java_home / "bin" / "java"
    tls = security.zookeeper_lines(layout) if layout.secure else ""
    server = zookeeper.prepare(java, bundles.zookeeper, layout.zookeeper, layout.zookeeper_directory, tls)
    yield [
        Part("zookeeper", server, environment, partial(zookeeper.is_serving, layout.zookeeper)),
        Part("s3", s3.command(layout.s3), environment, partial(s3.is_serving, layout.s3)),
    ]
    mesos = {**environment, **(security.mesos_environment(layout) if layout.secure else {})}
    is_master_up = partial(answers, layout.master, "/health", ca=layout.mesos_ca)
    yield [Part("master", _master(layout), mesos, is_master_up)]
    yield [
        Part(
            agent.name,
            _agent(layout, agent),
            {**mesos, **s3.environment(layout.s3)},
            partial(_is_registered, layout, agent),
        )
        for agent in layout.agents
    ]
    yield [
        Part(
            "scheduler",
            python_module("scheduler"),
            scheduler_process.environment(layout, bundles, environment),
            partial(scheduler_process.is_serving, layout, token(layout)),
        )
    ]


def base_environment(java_home: Path) -> dict[str, str]:
    """Return the environment of every process: this Python and this Java come first on the path."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MESOS_", "LIBPROCESS_"))}
    path = f"{Path(sys.executable).parent}:{java_home / 'bin'}:{inherited.get('PATH', os.defpath)}"
    # The start cache of Cassandra serves all clusters of this checkout.
    kept = inherited.get(start_cache.VARIABLE) or str(ROOT / ".dev" / "start-cache")
    own = {"PATH": path, "JAVA_HOME": str(java_home), "PYTHONUNBUFFERED": "1", start_cache.VARIABLE: kept}
    return {**inherited, **own}


def _master(layout: ClusterLayout) -> list[str]:
    return python_module(
        "localmesos", "master",
        "--ip", layout.master.host,
        "--port", str(layout.master.port),
        "--work-dir", str(layout.master_directory),
        "--zk", layout.zookeeper_master_path,
        "--agent-ping-timeout", f"{layout.agent_ping_seconds}secs",
        *(security.master_options(layout) if layout.secure else ()),
    )  # fmt: skip


def _agent(layout: ClusterLayout, agent: Agent) -> list[str]:
    ports = ",".join(f"{port}-{port}" for port in sorted(layout.node_ports.all()))
    return python_module(
        "localmesos", "agent",
        "--ip", agent.address.host,
        "--port", str(agent.address.port),
        "--hostname", agent.address.host,
        "--master", layout.zookeeper_master_path,
        "--work-dir", str(agent.work_directory),
        "--resources",
        f"cpus:{AGENT_CPUS};mem:{AGENT_MEMORY_MB};disk:{AGENT_DISK_MB};ports:[{ports},31000-32000]",
        "--attributes", f"rack:{agent.rack}",
        *(() if layout.api_ca is None else ("--fetcher-ca-file", str(layout.api_ca))),
        *(security.agent_options(layout) if layout.secure else ()),
    )  # fmt: skip


def _is_registered(layout: ClusterLayout, agent: Agent) -> bool:
    try:
        response = get(layout.master, "/slaves", security.master_headers(layout), ca=layout.mesos_ca)
        if response.status != 200:
            return False
        known = response.json()["slaves"]
    except UnreachableError:
        return False
    return any(
        slave.get("hostname") == agent.address.host and slave.get("port") == agent.address.port and slave.get("active")
        for slave in known
    )
