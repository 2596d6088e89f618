"""Task and operation statuses that a master makes itself. Pure."""

from dataclasses import dataclass
from typing import Any

from localmesos.master.state.records import Task

Json = dict[str, Any]


@dataclass(frozen=True)
class Word:
    """Why a master sends an update: Mesos' reason and message."""

    reason: str
    message: str


LATEST = Word("REASON_RECONCILIATION", "Reconciliation: Latest task state")
UNKNOWN = Word("REASON_RECONCILIATION", "Reconciliation: Task is unknown")
UNKNOWN_TO_AGENT = Word("REASON_RECONCILIATION", "Reconciliation: Task is unknown to the agent")
UNREACHABLE = Word("REASON_RECONCILIATION", "Reconciliation: Task is unreachable")
GONE = Word("REASON_RECONCILIATION", "Reconciliation: Task is gone")
AGENT_LOST = Word("REASON_AGENT_REMOVED", "health check timed out")
MARKED_GONE = Word("REASON_AGENT_REMOVED_BY_OPERATOR", "Agent has been marked gone")
UNREACHABLE_AGENT_BACK = Word("REASON_AGENT_REREGISTERED", "Unreachable agent re-reregistered")
UNKNOWN_AGENT_BACK = Word("REASON_AGENT_REREGISTERED", "Unknown agent reregistered")


def disconnected(hostname: str) -> Word:
    return Word("REASON_AGENT_DISCONNECTED", f"Agent {hostname} disconnected")


def removed(hostname: str, cause: str) -> Word:
    return Word("REASON_AGENT_REMOVED", f"Agent {hostname} removed: {cause}")


def task_status(task_id: str, state: str, word: Word, now: float, agent_id: str | None = None) -> Json:
    """A status of a task of which the master may know nothing but the id."""
    status: Json = {
        "task_id": {"value": task_id},
        "state": state,
        "message": word.message,
        "source": "SOURCE_MASTER",
        "reason": word.reason,
        "timestamp": now,
    }
    if agent_id is not None:
        status["agent_id"] = {"value": agent_id}
    return status


def known_status(task: Task, state: str, word: Word, now: float) -> Json:
    """A status of a task that the master knows."""
    status = task_status(task.task_id, state, word, now, task.agent_id)
    if task.executor_id is not None:
        status["executor_id"] = {"value": task.executor_id}
    return status


def latest_status(task: Task, state: str, word: Word, now: float) -> Json:
    """As `known_status`, with what the task's last update said of its health and container."""
    status = known_status(task, state, word, now)
    for name in ("healthy", "check_status", "container_status"):
        if task.statuses and name in task.statuses[-1]:
            status[name] = task.statuses[-1][name]
    return status


def with_unreachable_time(status: Json, nanoseconds: int) -> Json:
    return {**status, "unreachable_time": {"nanoseconds": nanoseconds}}


def operation_status(operation_id: str, state: str, agent_id: str | None, message: str | None = None) -> Json:
    status: Json = {"operation_id": {"value": operation_id}, "state": state}
    if message is not None:
        status["message"] = message
    if agent_id is not None:
        status["agent_id"] = {"value": agent_id}
    return status
