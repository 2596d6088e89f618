"""The life of frameworks: subscription, fail-over, change and end."""

import asyncio
import logging
import uuid
from typing import Any

from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Framework
from localmesos.protocol import framework_info
from localmesos.protocol.framework_info import FrameworkInfoError
from localmesos.protocol.streams import EventStream

Json = dict[str, Any]

_LOG = logging.getLogger(__name__)


class Subscriptions:
    """The frameworks' side of a `Cluster`; must be used inside a running event loop (failover timers)."""

    def __init__(self, cluster: Cluster, heartbeat_interval: float, master_info: Json) -> None:
        self._cluster = cluster
        self._heartbeat_interval = heartbeat_interval
        self._master_info = master_info
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def subscribe(self, subscribe: Json, stream: EventStream, stream_id: str) -> Framework | None:
        """Subscribe a framework on `stream`; None if it is refused, which the stream reports."""
        info, suppressed = subscribe["framework_info"], subscribe.get("suppressed_roles", [])
        framework_id = framework_info.framework_id(info)
        try:
            framework_info.check(info, suppressed)
            if framework_id in self._cluster.completed:
                raise FrameworkInfoError("Framework has been removed")
            if framework_id in self._cluster.frameworks:
                framework = self._return(framework_id, info, stream)
            else:
                framework = self._add(info)
        except FrameworkInfoError as error:
            _LOG.info("subscription of %r refused: %s", info["name"], error)
            stream.send({"type": "ERROR", "error": {"message": str(error)}})
            stream.close()
            return None
        framework.suppressed = set(suppressed)
        self._connect(framework, stream, stream_id)
        return framework

    def _add(self, info: Json) -> Framework:
        now = self._cluster.clock()
        framework_id = framework_info.framework_id(info) or self._cluster.new_framework_id()
        framework = Framework({**info, "id": {"value": framework_id}}, now, now)
        self._cluster.frameworks[framework_id] = framework
        _LOG.info("framework %s (%s) subscribed", framework_id, info["name"])
        return framework

    def _return(self, framework_id: str, info: Json, stream: EventStream) -> Framework:
        framework = self._cluster.frameworks[framework_id]
        framework_info.check_principal(framework.info, info)
        self._cancel_timer(framework_id)
        if framework.connected:
            _LOG.info("framework %s fails over", framework_id)
            framework.send("ERROR", {"message": "Framework failed over"})
            self._leave_stream(framework)
        framework.change_info(framework_info.merged(framework.info, info))
        framework.reregistered_time = self._cluster.clock()
        framework.filters.clear()
        self._tell_agents(framework)
        return framework

    def _connect(self, framework: Framework, stream: EventStream, stream_id: str) -> None:
        framework.stream, framework.stream_id, framework.recovered = stream, stream_id, False
        framework.send(
            "SUBSCRIBED",
            {
                "framework_id": {"value": framework.framework_id},
                "heartbeat_interval_seconds": self._heartbeat_interval,
                "master_info": self._master_info,
            },
        )
        framework.send("HEARTBEAT")
        self._cluster.changed()
        self._cluster.allocate_soon()

    def _tell_agents(self, framework: Framework) -> None:
        for agent in self._cluster.agents.values():
            if agent.knows(framework.framework_id):
                agent.send("UPDATE_FRAMEWORK", {"framework_info": framework.info})

    def _leave_stream(self, framework: Framework) -> None:
        if framework.stream is not None:
            framework.stream.close()
        framework.stream = framework.stream_id = None
        for offer in list(framework.offers.values()):
            self._cluster.discard(offer)
        self._cluster.allocate_soon()

    def disconnected(self, framework: Framework, stream: EventStream) -> None:
        """Mark a framework as disconnected, unless another connection has replaced this one."""
        if framework.stream is not stream or framework.framework_id not in self._cluster.frameworks:
            return
        _LOG.info("framework %s disconnected", framework.framework_id)
        self._leave_stream(framework)
        self.await_return(framework)

    def await_return(self, framework: Framework) -> None:
        """Remove a framework that is away unless it returns within its failover timeout."""
        timeout = max(0.0, float(framework.info.get("failover_timeout", 0.0)))
        self._cancel_timer(framework.framework_id)
        loop = asyncio.get_running_loop()
        self._timers[framework.framework_id] = loop.call_later(timeout, self._timed_out, framework)

    def _timed_out(self, framework: Framework) -> None:
        if not framework.connected and framework.framework_id in self._cluster.frameworks:
            _LOG.info("framework %s did not return in time", framework.framework_id)
            self.remove(framework)

    def remove(self, framework: Framework) -> None:
        """Remove a framework: executors are shut down, tasks end, reservations stay."""
        _LOG.info("framework %s removed", framework.framework_id)
        self._cancel_timer(framework.framework_id)
        self._leave_stream(framework)
        framework_id = framework.framework_id
        for agent in self._cluster.agents.values():
            if agent.knows(framework_id):
                agent.send("SHUTDOWN_FRAMEWORK", {"framework_id": {"value": framework_id}})
            for executor_id in agent.executors_of(framework_id):
                self._cluster.remove_executor(agent, framework_id, executor_id)
            agent.operations = {key: value for key, value in agent.operations.items() if key[0] != framework_id}
        for task in list(framework.tasks.values()):
            if not task.terminal:
                task.state = "TASK_KILLED"
            self._cluster.remove_task(task)
        framework.unregistered_time = self._cluster.clock()
        self._cluster.complete(framework)
        self._cluster.changed()

    def update(self, framework: Framework, update: Json) -> None:
        """Perform UPDATE_FRAMEWORK.

        Raises:
            FrameworkInfoError: the change is not allowed.
        """
        info, suppressed = update["framework_info"], update.get("suppressed_roles", [])
        framework_info.check(info, suppressed)
        framework_info.check_update(framework.info, info)
        framework.change_info({**info, "id": framework.info["id"]})
        framework.suppressed = set(suppressed)
        for offer in list(framework.offers.values()):
            if offer.role not in framework.roles:
                self._cluster.rescind(offer)
        self._tell_agents(framework)
        self._cluster.changed()
        self._cluster.allocate_soon()

    def heartbeat(self) -> None:
        """Send a heartbeat to every framework."""
        for framework in self._cluster.frameworks.values():
            framework.send("HEARTBEAT")

    def close(self) -> None:
        """End all streams and timers; the frameworks stay known."""
        for framework_id in list(self._timers):
            self._cancel_timer(framework_id)
        for framework in self._cluster.frameworks.values():
            if framework.stream is not None:
                framework.stream.close()

    def _cancel_timer(self, framework_id: str) -> None:
        timer = self._timers.pop(framework_id, None)
        if timer is not None:
            timer.cancel()


def new_stream_id() -> str:
    """Return a random id of a subscription."""
    return str(uuid.uuid4())
