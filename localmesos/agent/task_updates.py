"""The entry of status updates, from executors and from the agent, into the task's record and the update manager."""

import base64
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from localmesos.agent.config import AgentConfig
from localmesos.agent.containers.checkpoint import MetaStore
from localmesos.agent.containers.executors import Executor, Framework, TaskRecord
from localmesos.agent.update_manager import UpdateManager

Json = dict[str, Any]

_LOG = logging.getLogger(__name__)


def new_uuid() -> str:
    """Return a random UUID's 16 bytes in base64, the format of update ids: ``3q2+7wAAQACAAAAAAAAAAQ==``."""
    return base64.b64encode(uuid.uuid4().bytes).decode()


def container_status(config: AgentConfig, executor: Executor) -> Json:
    """Return ContainerStatus of an executor's container: its id, address and process."""
    status: Json = {
        "container_id": {"value": executor.container_id},
        "network_infos": [{"ip_addresses": [{"protocol": "IPv4", "ip_address": config.ip}]}],
    }
    if executor.process is not None:
        status["executor_pid"] = executor.process.pid
    return status


class TaskUpdates:
    """A path for statuses that completes, stores and sends them; ``agent_id`` returns the id that the master gave."""

    def __init__(
        self, config: AgentConfig, store: MetaStore, manager: UpdateManager, agent_id: Callable[[], str]
    ) -> None:
        self._config = config
        self._store = store
        self._manager = manager
        self._agent_id = agent_id

    def from_executor(self, framework: Framework, executor: Executor, status: Json) -> None:
        """Take an executor's UPDATE; it is acknowledged once it is on disk, if the task is (still) known."""
        if framework.terminating:
            _LOG.info("update of terminating framework %s ignored", framework.framework_id)
            return
        full = {
            **status,
            "agent_id": {"value": self._agent_id()},
            "container_status": status.get("container_status", container_status(self._config, executor)),
        }
        full.setdefault("timestamp", time.time())
        task_id = status["task_id"]["value"]
        owner = framework.executor_of(task_id)
        self._take(framework, owner, executor.executor_id, full)
        if owner is not None:
            acknowledged = {"task_id": status["task_id"], "uuid": status["uuid"]}
            owner.send({"type": "ACKNOWLEDGED", "acknowledged": acknowledged})

    def from_agent(
        self, framework: Framework, executor_id: str, task_id: str, state: str, reason: str, message: str
    ) -> None:
        """Take the agent's own status of a task."""
        status = {
            "task_id": {"value": task_id},
            "state": state,
            "message": message,
            "source": "SOURCE_AGENT",
            "reason": reason,
            "agent_id": {"value": self._agent_id()},
            "executor_id": {"value": executor_id},
            "timestamp": time.time(),
            "uuid": new_uuid(),
        }
        self._take(framework, framework.executor_of(task_id), executor_id, status)

    def _take(self, framework: Framework, owner: Executor | None, executor_id: str, status: Json) -> None:
        task_id, framework_id = status["task_id"]["value"], framework.framework_id
        if self._manager.is_known(framework_id, task_id, status["uuid"]):
            return
        path = None
        if owner is not None:
            owner.tasks[task_id].add_status(status)
            path = self._store.updates_path(framework_id, owner.executor_id, task_id)
        update = {
            "framework_id": {"value": framework_id},
            "executor_id": {"value": executor_id},
            "status": status,
        }
        self._manager.update(update, path)


def task_json(framework_id: str, executor: Executor, record: TaskRecord, forwarded: Json | None) -> Json:
    """Return a Task as an agent reports it to a master; `forwarded`: the status that waits for acknowledgement."""
    info = record.info
    task: Json = {k: info[k] for k in ("name", "task_id", "agent_id", "resources", "labels", "discovery") if k in info}
    task["framework_id"] = {"value": framework_id}
    task["state"] = record.state
    task["statuses"] = record.statuses
    if not executor.generated:
        task["executor_id"] = {"value": executor.executor_id}
    shown = forwarded or (record.statuses[-1] if record.statuses else None)
    if shown is not None:
        task["status_update_state"] = shown["state"]
        task["status_update_uuid"] = shown["uuid"]
    return task
