"""Operation feedback: the statuses of operations with an id, sent until they are acknowledged."""

import asyncio
import base64
import uuid
from typing import Any

from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Agent, Framework, Operation
from localmesos.master.state.statuses import operation_status

Json = dict[str, Any]

_RETRY_SECONDS = 10.0
_RETRY_MAX_SECONDS = 600.0


class Feedback:
    """The operations of a `Cluster`; must be used inside a running event loop (retries)."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._retries: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def refuse(self, framework: Framework, operation: Json, agent: Agent | None, words: str) -> None:
        """Report that an operation is not done, if it has an id; such a status is not acknowledged."""
        operation_id = operation.get("id", {}).get("value")
        if operation_id is None:
            return
        if agent is not None:
            words = f"{words}; on agent {agent.agent_id} at {agent.pid} ({agent.hostname})"
        self._send(framework, operation_status(operation_id, "OPERATION_ERROR", None, words))

    def begin(self, framework: Framework, operation: Json, agent: Agent) -> list[Json]:
        """Follow an operation with an id that the agent is about to apply, and return the fields to send along."""
        operation_id = operation.get("id", {}).get("value")
        if operation_id is None:
            return []
        key = framework.framework_id, operation_id
        agent.operations[key] = Operation(operation_id, framework.framework_id, agent.agent_id)
        return [{"framework_id": {"value": framework.framework_id}, "operation_id": {"value": operation_id}}]

    def applied(self, agent: Agent, operations: list[Json]) -> None:
        """Report operations as finished: the agent has the new resources on disk."""
        for item in operations:
            key = item["framework_id"]["value"], item["operation_id"]["value"]
            operation = agent.operations.get(key)
            if operation is not None and operation.uuid is None:
                operation.state = "OPERATION_FINISHED"
                operation.uuid = base64.b64encode(uuid.uuid4().bytes).decode()
                self._offer_status(agent, operation, _RETRY_SECONDS)

    def _offer_status(self, agent: Agent, operation: Operation, delay: float) -> None:
        key = operation.framework_id, operation.operation_id
        framework = self._cluster.frameworks.get(operation.framework_id)
        if framework is None or agent.operations.get(key) is not operation:
            self._retries.pop(key, None)
            return
        status = operation_status(operation.operation_id, operation.state, operation.agent_id)
        status["uuid"] = {"value": operation.uuid}
        self._send(framework, status)
        longer = min(delay * 2, _RETRY_MAX_SECONDS)
        loop = asyncio.get_running_loop()
        self._retries[key] = loop.call_later(delay, self._offer_status, agent, operation, longer)

    def acknowledge(self, framework: Framework, acknowledge: Json) -> None:
        """Forget the operation whose status the framework has; any other acknowledgement is ignored."""
        key = framework.framework_id, acknowledge["operation_id"]["value"]
        for agent in self._cluster.agents.values():
            operation = agent.operations.get(key)
            if operation is not None and operation.uuid == acknowledge["uuid"]:
                del agent.operations[key]
                timer = self._retries.pop(key, None)
                if timer is not None:
                    timer.cancel()

    def reconcile(self, framework: Framework, reconcile: Json) -> None:
        """Report the state of each named operation; of all if none is named."""
        asked = reconcile.get("operations", [])
        if not asked:
            mine = (o for a in self._cluster.agents.values() for o in a.operations.values())
            asked = [
                {"operation_id": {"value": o.operation_id}} for o in mine if o.framework_id == framework.framework_id
            ]
        for item in asked:
            operation_id, agent_id = item["operation_id"]["value"], item.get("agent_id", {}).get("value")
            self._send(framework, self._reconciled(framework.framework_id, operation_id, agent_id))

    def _reconciled(self, framework_id: str, operation_id: str, agent_id: str | None) -> Json:
        for agent in self._cluster.agents.values():
            operation = agent.operations.get((framework_id, operation_id))
            if operation is not None:
                return operation_status(operation_id, operation.state, operation.agent_id)
        state, words = self._unknown(agent_id)
        return operation_status(operation_id, state, agent_id, f"Reconciliation: {words}")

    def _unknown(self, agent_id: str | None) -> tuple[str, str]:
        if agent_id is None:
            return "OPERATION_UNKNOWN", "Operation is unknown and no 'agent_id' was provided"
        if agent_id in self._cluster.agents:
            return "OPERATION_UNKNOWN", "Operation is unknown"
        if agent_id in self._cluster.recovered_agents:
            return "OPERATION_RECOVERING", "Agent is recovered but has not re-registered"
        if agent_id in self._cluster.unreachable:
            return "OPERATION_UNREACHABLE", "Agent is unreachable"
        if agent_id in self._cluster.gone:
            return "OPERATION_GONE_BY_OPERATOR", "Agent marked gone by operator"
        return "OPERATION_UNKNOWN", "Both operation and agent are unknown"

    def _send(self, framework: Framework, status: Json) -> None:
        framework.send("UPDATE_OPERATION_STATUS", {"status": status})

    def close(self) -> None:
        """End the retries."""
        for timer in self._retries.values():
            timer.cancel()
