"""Agents: registration, return, reports, loss and removal."""

import logging
from typing import Any

from localmesos.master.agent_reregistration import admit, forget_missing
from localmesos.master.operation_feedback import Feedback
from localmesos.master.state import statuses
from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Agent, Framework
from localmesos.master.state.statuses import Cause
from localmesos.master.subscriptions import Subscriptions
from localmesos.protocol.streams import EventStream

Json = dict[str, Any]

_LOG = logging.getLogger(__name__)


class AgentRefusedError(Exception):
    """A refusal of an agent's registration; the text is for the agent."""


class UnknownAgentError(Exception):
    """A call from an agent that must register first."""


class Agents:
    """The agents' side of a `Cluster`."""

    def __init__(self, cluster: Cluster, subscriptions: Subscriptions, feedback: Feedback, hostname: str) -> None:
        self._hostname = hostname
        self._cluster = cluster
        self._subscriptions = subscriptions
        self._feedback = feedback

    def register(self, body: Json, stream: EventStream) -> Agent:
        """Take an agent, new or returning, onto `stream`.

        Raises:
            AgentRefusedError: the agent cannot register.
        """
        info, ip = body["agent_info"], body["ip"]
        agent_id = info.get("id", {}).get("value")
        if agent_id in self._cluster.gone:
            raise AgentRefusedError(f"Agent {agent_id} has been marked gone")
        self._remove_predecessor(agent_id, ip, int(info["port"]))
        self._add_unknown_frameworks(body["frameworks"])
        agent = self._cluster.agents.get(agent_id) if agent_id is not None else None
        if agent is not None:
            self._reconnect(agent, body, stream)
        else:
            agent = self._admit(body, stream)
        for info_there in body["frameworks"]:
            self._sync_framework(agent, info_there)
        self._cluster.changed()
        self._cluster.allocate_soon()
        return agent

    def _remove_predecessor(self, agent_id: str | None, ip: str, port: int) -> None:
        for other in list(self._cluster.agents.values()):
            if other.agent_id != agent_id and (other.ip, other.port) == (ip, port):
                self._remove(other, statuses.removed(other.hostname, "a new agent registered at the same address"))

    def _add_unknown_frameworks(self, infos: list[Json]) -> None:
        for info in infos:
            framework_id = info["id"]["value"]
            if framework_id not in self._cluster.frameworks and framework_id not in self._cluster.completed:
                now = self._cluster.clock()
                framework = Framework(info, now, now, recovered=True)
                self._cluster.frameworks[framework_id] = framework
                self._subscriptions.await_return(framework)

    def _sync_framework(self, agent: Agent, info: Json) -> None:
        framework = self._cluster.frameworks.get(info["id"]["value"])
        if framework is None:
            agent.send("SHUTDOWN_FRAMEWORK", {"framework_id": info["id"]})
        elif framework.info != info:
            agent.send("UPDATE_FRAMEWORK", {"framework_info": framework.info})

    def _admit(self, body: Json, stream: EventStream) -> Agent:
        """Admit a new agent, or one that this master did not have as registered."""
        now, known = self._cluster.clock(), body["agent_info"].get("id")
        agent_id = known["value"] if known else self._cluster.new_agent_id()
        agent = admit(self._cluster, body, agent_id, now)
        self._attach(agent, stream, reregistered=known is not None)
        if known is None:
            self._cluster.counters["slave_registrations"] += 1
            _LOG.info("agent %s registered at %s", agent_id, agent.pid)
            return agent
        agent.reregistered_time = now
        self._cluster.counters["slave_reregistrations"] += 1
        _LOG.info("agent %s re-registered at %s", agent_id, agent.pid)
        if self._cluster.unreachable.pop(agent_id, None) is not None:
            self._tell_return(agent, statuses.UNREACHABLE_AGENT_BACK)
        elif self._cluster.recovered_agents.pop(agent_id, None) is None:
            self._tell_return(agent, statuses.UNKNOWN_AGENT_BACK)
        return agent

    def _tell_return(self, agent: Agent, cause: Cause) -> None:
        for task in agent.tasks.values():
            framework = self._cluster.frameworks.get(task.framework_id)
            # The agent reports the end of a task: its update waits there for the acknowledgement.
            if framework is not None and not task.terminal:
                self._cluster.send_update(
                    framework, statuses.latest_status(task, task.state, cause, self._cluster.clock())
                )

    def _reconnect(self, agent: Agent, body: Json, stream: EventStream) -> None:
        if agent.stream is not None:
            agent.stream.close()
        agent.reregistered_time = self._cluster.clock()
        self._cluster.counters["slave_reregistrations"] += 1
        self._attach(agent, stream, reregistered=True)
        forget_missing(self._cluster, agent, body)
        _LOG.info("agent %s is back", agent.agent_id)

    def _attach(self, agent: Agent, stream: EventStream, reregistered: bool) -> None:
        agent.stream, agent.missed_pongs = stream, 0
        ids = {"agent_id": {"value": agent.agent_id}, "master_id": self._cluster.master_id}
        agent.send("REGISTERED", {**ids, "reregistered": reregistered, "master_hostname": self._hostname})

    def disconnected(self, agent: Agent, stream: EventStream) -> None:
        """Mark an agent as disconnected, unless another connection has replaced this one."""
        if agent.stream is not stream:
            return
        _LOG.info("agent %s disconnected", agent.agent_id)
        stream.close()
        agent.stream = None
        if self._cluster.agents.get(agent.agent_id) is not agent:
            return
        for offer in self._cluster.offers_of_agent(agent.agent_id):
            self._cluster.rescind(offer)
        cause = statuses.disconnected(agent.hostname)
        for task in list(agent.tasks.values()):
            framework = self._cluster.frameworks.get(task.framework_id)
            if framework is not None and not framework.info.get("checkpoint", False):
                self._cluster.end_task(task, "TASK_LOST", cause)
        for framework_id, executor_id in list(agent.executors):
            framework = self._cluster.frameworks.get(framework_id)
            if framework is not None and not framework.info.get("checkpoint", False):
                self._cluster.remove_executor(agent, framework_id, executor_id)

    def ping(self, max_missed: int) -> None:
        """Ping every agent; one that owes `max_missed` pongs becomes unreachable."""
        for agent in list(self._cluster.agents.values()):
            if agent.missed_pongs >= max_missed:
                self._mark_unreachable(agent)
            else:
                agent.missed_pongs += 1
                agent.send("PING", {})

    def _mark_unreachable(self, agent: Agent) -> None:
        _LOG.info("agent %s is unreachable", agent.agent_id)
        nanoseconds = int(self._cluster.clock() * 1e9)
        self._cluster.unreachable[agent.agent_id] = nanoseconds
        self._cluster.counters["slave_removals/reason_unhealthy"] += 1
        for task in list(agent.tasks.values()):
            self._cluster.end_task(task, "TASK_UNREACHABLE", statuses.AGENT_LOST, nanoseconds)
        self._drop(agent)

    def recovered_too_late(self) -> None:
        """Mark agents known from disk that did not return in time as unreachable."""
        for agent_id in list(self._cluster.recovered_agents):
            _LOG.info("agent %s did not return after the master's restart", agent_id)
            del self._cluster.recovered_agents[agent_id]
            self._cluster.unreachable[agent_id] = int(self._cluster.clock() * 1e9)
            self._cluster.fail_agent(agent_id)
        self._cluster.changed()

    def mark_gone(self, agent_id: str) -> bool:
        """Mark an agent as gone for good, by an operator's command; return False if it is not known."""
        if agent_id in self._cluster.gone:
            return True
        agent = self._cluster.agents.get(agent_id)
        known = self._cluster.recovered_agents.pop(agent_id, None) or self._cluster.unreachable.pop(agent_id, None)
        if agent is None and known is None:
            return False
        self._cluster.gone[agent_id] = int(self._cluster.clock() * 1e9)
        if agent is not None:
            for task in list(agent.tasks.values()):
                self._cluster.end_task(task, "TASK_GONE_BY_OPERATOR", statuses.MARKED_GONE)
            agent.send("SHUTDOWN", {"message": "Agent has been marked gone"})
            self._drop(agent)
        self._cluster.changed()
        return True

    def _remove(self, agent: Agent, cause: Cause) -> None:
        _LOG.info("agent %s removed: %s", agent.agent_id, cause.message)
        for task in list(agent.tasks.values()):
            self._cluster.end_task(task, "TASK_LOST", cause)
        self._drop(agent)

    def _drop(self, agent: Agent) -> None:
        for offer in self._cluster.offers_of_agent(agent.agent_id):
            self._cluster.rescind(offer)
        del self._cluster.agents[agent.agent_id]
        if agent.stream is not None:
            agent.stream.close()
            agent.stream = None
        self._cluster.counters["slave_removals"] += 1
        self._cluster.fail_agent(agent.agent_id)
        self._cluster.changed()

    def handle_call(self, body: Json) -> None:
        """Handle one call of a registered agent.

        Raises:
            UnknownAgentError: the agent is not registered.
        """
        agent = self._cluster.agents.get(body["agent_id"]["value"])
        if agent is None:
            raise UnknownAgentError(f"Agent {body['agent_id']['value']} is not registered")
        kind = body["type"]
        content = body.get(kind.lower(), {})
        if kind == "PONG":
            agent.missed_pongs = 0
        elif kind == "STATUS_UPDATE":
            self._update(agent, content)
        elif kind == "EXITED_EXECUTOR":
            self._exited(agent, content)
        elif kind == "EXECUTOR_MESSAGE":
            self._message(agent, content)
        elif kind == "CHECKPOINTED":
            self._feedback.applied(agent, content.get("operations", []))
        elif kind == "UNREGISTER":
            self._remove(agent, statuses.removed(agent.hostname, "the agent unregistered"))
        else:
            _LOG.warning("unknown call %s of agent %s ignored", kind, agent.agent_id)

    def _update(self, agent: Agent, update: Json) -> None:
        status, framework_id = update["status"], update["framework_id"]["value"]
        framework = self._cluster.frameworks.get(framework_id)
        task = agent.tasks.get((framework_id, status["task_id"]["value"]))
        if framework is None:
            self._cluster.counters["invalid_status_updates"] += 1
            agent.send("SHUTDOWN_FRAMEWORK", {"framework_id": {"value": framework_id}})
            return
        self._cluster.counters["valid_status_updates"] += 1
        if task is not None:
            task.add_status(status, update["latest_state"])
            if task.terminal:
                self._cluster.recover_task(task)
        self._cluster.send_update(framework, status)

    def _exited(self, agent: Agent, exited: Json) -> None:
        framework_id, executor_id = exited["framework_id"]["value"], exited["executor_id"]["value"]
        if self._cluster.remove_executor(agent, framework_id, executor_id) is None:
            return
        framework = self._cluster.frameworks.get(framework_id)
        if framework is not None:
            ids = {"agent_id": {"value": agent.agent_id}, "executor_id": {"value": executor_id}}
            framework.send("FAILURE", {**ids, "status": exited["status"]})

    def _message(self, agent: Agent, message: Json) -> None:
        framework = self._cluster.frameworks.get(message["framework_id"]["value"])
        if framework is not None:
            ids = {"agent_id": {"value": agent.agent_id}, "executor_id": message["executor_id"]}
            framework.send("MESSAGE", {**ids, "data": message["data"]})
