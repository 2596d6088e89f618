"""The faults of the matrix: each strikes, and leaves what a machine's own supervision would leave."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from devcluster import processes
from devcluster.layout import Agent
from devcluster.processes import Process
from devcluster.requests import UnreachableError
from tests import sessions
from tests.cluster.world import World
from tests.disks import Disk
from tests.waiting import wait_for

# Longer than ZooKeeper's session (10 s) and the time after which the master gives an agent up (below).
HANG_SECONDS = 15.0
PING_SECONDS = 2
_LOST_SECONDS = 60.0
# In memory; what a case writes is far less.
DISK_MB = 1500
_FULL_SECONDS = 60.0


@dataclass(frozen=True)
class Fault:
    """One column of the table. It strikes the agent of a node that is at work, or all, or what is there only once."""

    name: str
    strike: Callable[[World, Agent], None]


Find = Callable[[World, Iterable[Agent]], list[Process]]


def _cassandras(world: World, agents: Iterable[Agent]) -> list[Process]:
    return world.cassandras_on(*agents)


def _executors(world: World, agents: Iterable[Agent]) -> list[Process]:
    return world.executors_on(*agents)


def _kill(find: Find, everywhere: bool, world: World, agent: Agent) -> None:
    found = find(world, world.layout.agents if everywhere else [agent])
    assert found, "nothing to kill"
    for process in found:
        processes.send(process, signal.SIGKILL)
    assert processes.wait_ended(found, 10.0)


def _kill_part(name: str, world: World, agent: Agent) -> None:
    world.kill(name)
    world.start()


def _partition(everywhere: bool, world: World, agent: Agent) -> None:
    """Silence an agent until the master has given it up, and let it return; its tasks never notice."""
    cut = list(world.layout.agents) if everywhere else [agent]
    hosts = {item.address.host for item in cut}

    def are_lost() -> bool:
        try:
            slaves = world.master("/slaves")["slaves"]
        except UnreachableError:
            return False
        return not any(slave["hostname"] in hosts and slave["active"] for slave in slaves)

    with world.halted(world.processes(*(item.name for item in cut))):
        wait_for("the master has given them up", are_lost, _LOST_SECONDS)


def volumes_of(agent: Agent) -> Path:
    """Return the directory in which an agent has the volumes of its tasks."""
    return agent.work_directory / "volumes"


def _fill_disk(world: World, agent: Agent) -> None:
    """Fill the disk of a node's volume until the node has ended for that and its last message is reported."""
    if not volumes_of(agent).is_mount():
        pytest.skip("no disk could be mounted for the volumes")
    disk, before = Disk(volumes_of(agent)), world.read("/v1/events?limit=1")["newest"]

    def is_told() -> bool:
        found = world.read(f"/v1/events?since={before}")["events"]
        return any("the disk of its volume is full" in item["cause"] for item in found)

    try:
        disk.fill(leave=0)
        wait_for("that the disk is full is told", is_told, _FULL_SECONDS)
    finally:
        disk.empty()


def _expire_session(world: World, agent: Agent) -> None:
    """ZooKeeper ends the scheduler's session, which ends for that."""
    process = world.table.find("scheduler")
    assert process is not None
    sessions.expire(str(world.layout.zookeeper), f"/dcos-service-{world.layout.service_name}/lock")
    assert processes.wait_ended([process], 30.0)
    assert "(SESSION_LOST)" in (world.layout.directory / "logs" / "scheduler.log").read_text()


def _hang(find: Find, world: World, agent: Agent) -> None:
    with world.halted(find(world, [agent])):
        time.sleep(HANG_SECONDS)


def _part(name: str, world: World, agents: Iterable[Agent]) -> list[Process]:
    return world.processes(name)


FAULTS = (
    Fault("one-cassandra", partial(_kill, _cassandras, False)),
    Fault("all-cassandras", partial(_kill, _cassandras, True)),
    Fault("one-executor", partial(_kill, _executors, False)),
    Fault("all-executors", partial(_kill, _executors, True)),
    Fault("scheduler", partial(_kill_part, "scheduler")),
    Fault("master", partial(_kill_part, "master")),
    Fault("zookeeper", partial(_kill_part, "zookeeper")),
    Fault("one-partition", partial(_partition, False)),
    Fault("all-partitions", partial(_partition, True)),
    Fault("full-disk", _fill_disk),
    Fault("session", _expire_session),
)
HANGS = (
    Fault("hang-cassandra", partial(_hang, _cassandras)),
    Fault("hang-executor", partial(_hang, _executors)),
    Fault("hang-scheduler", partial(_hang, partial(_part, "scheduler"))),
    Fault("hang-master", partial(_hang, partial(_part, "master"))),
    Fault("hang-zookeeper", partial(_hang, partial(_part, "zookeeper"))),
)
