"""Statuses of tasks and operations that a master generates. Pure."""

from dataclasses import dataclass
from typing import Any

from localmesos.master.state.records import Task

Json = dict[str, Any]


@dataclass(frozen=True)
class Cause:
    """The cause of an update: Mesos' reason and message."""

    reason: str
    message: str


LATEST = Cause("REASON_RECONCILIATION", "Reconciliation: Latest task state")
UNKNOWN = Cause("REASON_RECONCILIATION", "Reconciliation: Task is unknown")
UNKNOWN_TO_AGENT = Cause("REASON_RECONCILIATION", "Reconciliation: Task is unknown to the agent")
UNREACHABLE = Cause("REASON_RECONCILIATION", "Reconciliation: Task is unreachable")
GONE = Cause("REASON_RECONCILIATION", "Reconciliation: Task is gone")
AGENT_LOST = Cause("REASON_AGENT_REMOVED", "health check timed out")
MARKED_GONE = Cause("REASON_AGENT_REMOVED_BY_OPERATOR", "Agent has been marked gone")
UNREACHABLE_AGENT_BACK = Cause("REASON_AGENT_REREGISTERED", "Unreachable agent re-reregistered")
UNKNOWN_AGENT_BACK = Cause("REASON_AGENT_REREGISTERED", "Unknown agent reregistered")


def disconnected(hostname: str) -> Cause:
    """Return the cause for an agent without connection."""
    return Cause("REASON_AGENT_DISCONNECTED", f"Agent {hostname} disconnected")


def removed(hostname: str, cause: str) -> Cause:
    """Return the cause for a removed agent; `cause` completes Mesos' sentence."""
    return Cause("REASON_AGENT_REMOVED", f"Agent {hostname} removed: {cause}")


def task_status(task_id: str, state: str, cause: Cause, now: float, agent_id: str | None = None) -> Json:
    """Return the status of a task of which the master can know only the id."""
    status: Json = {
        "task_id": {"value": task_id},
        "state": state,
        "message": cause.message,
        "source": "SOURCE_MASTER",
        "reason": cause.reason,
        "timestamp": now,
    }
    if agent_id is not None:
        status["agent_id"] = {"value": agent_id}
    return status


def known_status(task: Task, state: str, cause: Cause, now: float) -> Json:
    """Return the status of a task that the master knows."""
    status = task_status(task.task_id, state, cause, now, task.agent_id)
    if task.executor_id is not None:
        status["executor_id"] = {"value": task.executor_id}
    return status


def latest_status(task: Task, state: str, cause: Cause, now: float) -> Json:
    """Return `known_status` with health and container of the task's last update."""
    status = known_status(task, state, cause, now)
    for name in ("healthy", "check_status", "container_status"):
        if task.statuses and name in task.statuses[-1]:
            status[name] = task.statuses[-1][name]
    return status


def with_unreachable_time(status: Json, nanoseconds: int) -> Json:
    """Return the status with the time at which the agent became unreachable."""
    return {**status, "unreachable_time": {"nanoseconds": nanoseconds}}


def operation_status(operation_id: str, state: str, agent_id: str | None, message: str | None = None) -> Json:
    """Return the status of an operation."""
    status: Json = {"operation_id": {"value": operation_id}, "state": state}
    if message is not None:
        status["message"] = message
    if agent_id is not None:
        status["agent_id"] = {"value": agent_id}
    return status
