"""The calls of a subscribed scheduler: acceptance, kill, acknowledgement, reconciliation, messages and the rest."""

import logging
from collections.abc import Callable
from typing import Any

from localmesos.master.accept import Accepts
from localmesos.master.operation_feedback import Feedback
from localmesos.master.state import statuses
from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Framework, Task
from localmesos.master.subscriptions import Subscriptions

Json = dict[str, Any]

_LOG = logging.getLogger(__name__)


class SchedulerCalls:
    """All calls but SUBSCRIBE and UPDATE_FRAMEWORK; each is valid and belongs to a connected framework."""

    def __init__(self, cluster: Cluster, accepts: Accepts, subscriptions: Subscriptions, feedback: Feedback) -> None:
        self._cluster = cluster
        self._accepts = accepts
        self._subscriptions = subscriptions
        self._feedback = feedback
        self._handlers: dict[str, Callable[[Framework, Json], None]] = {
            "ACCEPT": accepts.accept,
            "DECLINE": accepts.decline,
            "TEARDOWN": lambda framework, _: subscriptions.remove(framework),
            "REVIVE": self._revive,
            "SUPPRESS": self._suppress,
            "KILL": self._kill,
            "SHUTDOWN": self._shutdown,
            "ACKNOWLEDGE": self._acknowledge,
            "ACKNOWLEDGE_OPERATION_STATUS": feedback.acknowledge,
            "RECONCILE": self._reconcile,
            "RECONCILE_OPERATIONS": feedback.reconcile,
            "MESSAGE": self._message,
        }

    def handle(self, framework: Framework, call: Json) -> None:
        """Perform a call; calls that Mesos accepts without effect here have none."""
        kind = call["type"]
        self._cluster.counters[f"calls/{kind.lower()}"] += 1
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(framework, call.get(kind.lower(), {}))

    def _roles(self, framework: Framework, body: Json) -> set[str]:
        """Return the roles of REVIVE or SUPPRESS: all by default; others than the framework's are ignored."""
        return set(framework.roles) & set(body.get("roles") or framework.roles)

    def _revive(self, framework: Framework, revive: Json) -> None:
        roles = self._roles(framework, revive)
        framework.suppressed -= roles
        framework.drop_filters(roles)
        self._cluster.allocate_soon()

    def _suppress(self, framework: Framework, suppress: Json) -> None:
        framework.suppressed |= self._roles(framework, suppress)

    def _kill(self, framework: Framework, kill: Json) -> None:
        task = framework.tasks.get(kill["task_id"]["value"])
        if task is None:
            self._reconcile_one(framework, kill)
            return
        order: Json = {"framework_id": framework.info["id"], "task_id": kill["task_id"]}
        if "kill_policy" in kill:
            order["kill_policy"] = kill["kill_policy"]
        agent = self._cluster.agents.get(task.agent_id)
        if agent is not None:
            agent.send("KILL_TASK", order)

    def _shutdown(self, framework: Framework, shutdown: Json) -> None:
        agent = self._cluster.agents.get(shutdown["agent_id"]["value"])
        if agent is not None:
            ids = {"framework_id": framework.info["id"], "executor_id": shutdown["executor_id"]}
            agent.send("SHUTDOWN_EXECUTOR", ids)

    def _message(self, framework: Framework, message: Json) -> None:
        agent = self._cluster.agents.get(message["agent_id"]["value"])
        known = agent is not None and agent.connected
        self._cluster.counters[f"{'' if known else 'in'}valid_framework_to_executor_messages"] += 1
        if agent is not None:
            ids = {"framework_id": framework.info["id"], "executor_id": message["executor_id"]}
            agent.send("FRAMEWORK_MESSAGE", {**ids, "data": message["data"]})

    def _acknowledge(self, framework: Framework, acknowledge: Json) -> None:
        agent = self._cluster.agents.get(acknowledge["agent_id"]["value"])
        if agent is None or not agent.connected:
            _LOG.info("acknowledgement of task %s dropped: its agent is not here", acknowledge["task_id"]["value"])
            return
        uuid, task_id = acknowledge["uuid"], acknowledge["task_id"]
        agent.send("ACKNOWLEDGE", {"framework_id": framework.info["id"], "task_id": task_id, "uuid": uuid})
        task = framework.tasks.get(task_id["value"])
        if task is not None and task.terminal and _is_last(task, uuid):
            self._cluster.remove_task(task)

    def _reconcile(self, framework: Framework, reconcile: Json) -> None:
        asked = reconcile.get("tasks", [])
        for item in asked:
            self._reconcile_one(framework, item)
        if not asked:
            for task in framework.tasks.values():
                self._tell_latest(framework, task)

    def _tell_latest(self, framework: Framework, task: Task) -> None:
        state = task.status_update_state or task.state
        status = statuses.latest_status(task, state, statuses.LATEST, self._cluster.clock())
        self._cluster.send_update(framework, status)

    def _reconcile_one(self, framework: Framework, item: Json) -> None:
        """Report one task, by id and agent if named; nothing while an agent can return after the master's restart."""
        task_id, agent_id = item["task_id"]["value"], item.get("agent_id", {}).get("value")
        task, now = framework.tasks.get(task_id), self._cluster.clock()
        if task is not None:
            self._tell_latest(framework, task)
            return
        state, cause = "TASK_UNKNOWN", statuses.UNKNOWN
        if agent_id in self._cluster.agents:
            state, cause = "TASK_GONE", statuses.UNKNOWN_TO_AGENT
        elif agent_id in self._cluster.unreachable:
            state, cause = "TASK_UNREACHABLE", statuses.UNREACHABLE
        elif agent_id in self._cluster.gone:
            state, cause = "TASK_GONE_BY_OPERATOR", statuses.GONE
        elif self._cluster.transitioning(agent_id):
            return
        status = statuses.task_status(task_id, state, cause, now, agent_id)
        if state == "TASK_UNREACHABLE":
            status = statuses.with_unreachable_time(status, self._cluster.unreachable[str(agent_id)])
        self._cluster.send_update(framework, status)


def _is_last(task: Task, uuid: str) -> bool:
    """Return whether the uuid is that of the task's terminal status, not of an earlier one that waits before it."""
    return task.status_update_uuid == uuid and task.status_update_state == task.state
