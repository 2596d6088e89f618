"""A master: its state, its parts and its timers."""

import asyncio
import logging
import socket
import struct
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localmesos.master.accept import Accepts
from localmesos.master.agents import Agents
from localmesos.master.allocator import Allocator
from localmesos.master.operation_feedback import Feedback
from localmesos.master.scheduler_calls import SchedulerCalls
from localmesos.master.state.cluster import Cluster
from localmesos.master.state.registry import Journal
from localmesos.master.subscriptions import Subscriptions

Json = dict[str, Any]

VERSION = "1.12.0"
"""The Mesos whose behaviour this is."""
CAPABILITIES = ("AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2")

_LOG = logging.getLogger(__name__)


class LeadershipLostError(Exception):
    """The end of a master that led: another master has its state now."""


@dataclass(frozen=True)
class MasterConfig:
    """Settings of a master. Times are in seconds.

    `hostname`: the announced name, the ip if it is empty. `zk`: zk:// URL of the election, None for a master that
    always leads. `credentials`: secrets by principal, None for a master without authentication.
    """

    ip: str
    port: int
    work_dir: Path
    hostname: str = ""
    zk: str | None = None
    zk_session_timeout: float = 10.0
    agent_ping_timeout: float = 15.0
    max_agent_ping_timeouts: int = 5
    agent_reregister_timeout: float = 600.0
    allocation_interval: float = 1.0
    heartbeat_interval: float = 15.0
    credentials: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def pid(self) -> str:
        """Return the master's address as Mesos shows it: ``master@127.0.0.1:5050``."""
        return f"master@{self.ip}:{self.port}"


class Master:
    """All parts of a master; `info` is its MasterInfo.

    `leader` is the leading master's MasterInfo, None while no master leads.
    """

    def __init__(self, config: MasterConfig) -> None:
        self.config = config
        self.start_time = time.time()
        self.elected_time: float | None = None
        self.cluster = Cluster(time.time, time.monotonic)
        self.journal = Journal(config.work_dir)
        self.journal.load(self.cluster)
        self.info = _master_info(config, self.cluster.master_id)
        self.leader: Json | None = None
        self.allocator = Allocator(self.cluster, config.allocation_interval)
        self.feedback = Feedback(self.cluster)
        self.subscriptions = Subscriptions(self.cluster, config.heartbeat_interval, self.info)
        self.agents = Agents(self.cluster, self.subscriptions, self.feedback, self.info["hostname"])
        accepts = Accepts(self.cluster, self.allocator, self.feedback)
        self.calls = SchedulerCalls(self.cluster, accepts, self.subscriptions, self.feedback)
        self._allocation_due = False
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def leads(self) -> bool:
        """Return whether this master leads."""
        return self.leader is self.info

    def lead(self) -> None:
        """Begin to lead."""
        self.leader = self.info
        self.elected_time = time.time()
        self.cluster.changed = self._save
        self.cluster.allocate_soon = self._allocate_soon
        for framework in self.cluster.frameworks.values():
            self.subscriptions.await_return(framework)
        config = self.config
        self._start(self._every(config.allocation_interval, self.allocator.run))
        self._start(self._every(config.heartbeat_interval, self.subscriptions.heartbeat))
        self._start(self._every(config.agent_ping_timeout, lambda: self.agents.ping(config.max_agent_ping_timeouts)))
        self._start(self._end_recovery())
        _LOG.info("leading as %s", self.info["id"])

    def led_by(self, leader: Json | None) -> None:
        """Take the election's result: the leader's MasterInfo, None without a leader.

        Raises:
            LeadershipLostError: another master leads now; this one must end.
        """
        if leader is not None and leader["id"] == self.info["id"]:
            self.lead()
        elif self.leads:
            raise LeadershipLostError("Lost leadership: another master leads now")
        else:
            self.leader = leader

    async def wait_failed(self) -> None:
        """Raise the error that ends the master from within, such as a full disk."""
        await asyncio.shield(self._failed)

    def _save(self) -> None:
        try:
            self.journal.save(self.cluster)
        except OSError as error:
            # As in Mesos, a master that cannot write its registry must not go on.
            if not self._failed.done():
                self._failed.set_exception(error)

    def _allocate_soon(self) -> None:
        if not self._allocation_due:
            self._allocation_due = True
            asyncio.get_running_loop().call_soon(self._allocate_now)

    def _allocate_now(self) -> None:
        self._allocation_due = False
        self.allocator.run()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _every(self, seconds: float, step: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            step()

    async def _end_recovery(self) -> None:
        await asyncio.sleep(self.config.agent_reregister_timeout)
        self.agents.recovered_too_late()

    async def close(self) -> None:
        """End streams, timers and tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.subscriptions.close()
        self.feedback.close()
        for agent in self.cluster.agents.values():
            if agent.stream is not None:
                agent.stream.close()
        self._failed.cancel()


def _master_info(config: MasterConfig, master_id: str) -> Json:
    return {
        "id": master_id,
        # An IPv4 address as a number in the machine's order, as Mesos has it.
        "ip": struct.unpack("<I", socket.inet_aton(config.ip))[0],
        "port": config.port,
        "pid": config.pid,
        "hostname": config.hostname or config.ip,
        "version": VERSION,
        "address": {"hostname": config.hostname or config.ip, "ip": config.ip, "port": config.port},
        "capabilities": [{"type": name} for name in CAPABILITIES],
    }
