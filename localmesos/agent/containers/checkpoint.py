"""The agent's memory on disk, ``<work dir>/meta``: what an agent needs to know after it was killed.

    meta/resources.json                                   dynamic reservations and persistent volumes
    meta/slaves/latest -> <agent id>
    meta/slaves/<agent id>/agent.json                     AgentInfo
    .../frameworks/<id>/framework.json                    FrameworkInfo
    .../frameworks/<id>/executors/<id>/executor.json      ExecutorRecord
    .../executors/<id>/tasks/<id>/task.json               TaskInfo
    .../executors/<id>/tasks/<id>/updates                 one JSON line for each update and acknowledgement

Reservations outlive the agent id, as in Mesos: they belong to the machine.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from localmesos.agent.containers.processes import Identity

Json = dict[str, Any]


class CheckpointError(Exception):
    """A file of the agent's state that cannot be used; the text names it."""


@dataclass(frozen=True)
class ExecutorRecord:
    """One run of an executor. ``process`` is None until its start; ``generated``: made for a command task."""

    info: Json
    container_id: str
    directory: str
    generated: bool
    process: Identity | None = None


@contextmanager
def work_dir_lock(work_dir: Path) -> Iterator[None]:
    """Hold the work directory for one agent.

    Raises:
        CheckpointError: another agent runs in it.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    with (work_dir / "agent.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CheckpointError(f"another agent runs in {work_dir}") from error
        yield


def safe_component(name: str) -> str:
    """Return `name` as a directory name.

    Raises:
        ValueError: the name would leave its directory.
    """
    if not name or name in (".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} cannot name a directory")
    return name


def write_json(path: Path, value: Any, *, durable: bool = False) -> None:
    """Replace `path` in one step; `durable` also survives a loss of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".tmp")
    with scratch.open("w") as stream:
        json.dump(value, stream)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    scratch.replace(path)


def read_json(path: Path) -> Any:
    """Return the content of `path`.

    Raises:
        CheckpointError: the file cannot be read, which is never treated as absent.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from error


class MetaStore:
    """The files below ``<work dir>/meta``."""

    def __init__(self, work_dir: Path) -> None:
        self._meta = work_dir / "meta"
        self._slaves = self._meta / "slaves"
        self._agent_id: str | None = None

    def load_resources(self) -> list[Json]:
        """Return the checkpointed reservations and volumes, in the format after RESERVATION_REFINEMENT."""
        path = self._meta / "resources.json"
        if not path.exists():
            return []
        resources: list[Json] = read_json(path)
        return resources

    def save_resources(self, resources: list[Json]) -> None:
        """Store the reservations and volumes."""
        write_json(self._meta / "resources.json", resources, durable=True)

    def load_agent(self) -> Json | None:
        """Return the AgentInfo of the last run, None on a machine without one."""
        link = self._slaves / "latest"
        if not link.is_symlink():
            return None
        info: Json = read_json(link / "agent.json")
        self._agent_id = info["id"]["value"]
        return info

    def save_agent(self, info: Json) -> None:
        """Store the agent's identity; info must have an id."""
        agent_id = safe_component(info["id"]["value"])
        write_json(self._slaves / agent_id / "agent.json", info, durable=True)
        link = self._slaves / "latest.tmp"
        link.unlink(missing_ok=True)
        link.symlink_to(agent_id)
        link.replace(self._slaves / "latest")
        self._agent_id = agent_id

    def _frameworks(self) -> Path:
        if self._agent_id is None:
            raise CheckpointError("the agent has no id yet")
        return self._slaves / self._agent_id / "frameworks"

    def _framework(self, framework_id: str) -> Path:
        return self._frameworks() / safe_component(framework_id)

    def _executor(self, framework_id: str, executor_id: str) -> Path:
        return self._framework(framework_id) / "executors" / safe_component(executor_id)

    def _task(self, framework_id: str, executor_id: str, task_id: str) -> Path:
        return self._executor(framework_id, executor_id) / "tasks" / safe_component(task_id)

    def save_framework(self, framework_id: str, info: Json) -> None:
        """Store the FrameworkInfo."""
        write_json(self._framework(framework_id) / "framework.json", info)

    def remove_framework(self, framework_id: str) -> None:
        """Remove a framework with its executors and tasks."""
        shutil.rmtree(self._framework(framework_id), ignore_errors=True)

    def load_frameworks(self) -> Iterator[Json]:
        """Return the FrameworkInfo of every framework that has executors on this agent."""
        yield from (read_json(path) for path in sorted(self._frameworks().glob("*/framework.json")))

    def save_executor(self, framework_id: str, executor_id: str, record: ExecutorRecord) -> None:
        """Store one run of an executor."""
        write_json(self._executor(framework_id, executor_id) / "executor.json", asdict(record))

    def remove_executor(self, framework_id: str, executor_id: str) -> None:
        """Remove an executor with its tasks."""
        shutil.rmtree(self._executor(framework_id, executor_id), ignore_errors=True)

    def load_executors(self, framework_id: str) -> Iterator[ExecutorRecord]:
        """Yield the executors of a framework."""
        for path in sorted((self._framework(framework_id) / "executors").glob("*/executor.json")):
            value = read_json(path)
            process = value.pop("process")
            yield ExecutorRecord(process=Identity(**process) if process else None, **value)

    def save_task(self, framework_id: str, executor_id: str, task: Json) -> None:
        """Store a TaskInfo."""
        write_json(self._task(framework_id, executor_id, task["task_id"]["value"]) / "task.json", task)

    def remove_task(self, framework_id: str, executor_id: str, task_id: str) -> None:
        """Remove a task with its updates."""
        shutil.rmtree(self._task(framework_id, executor_id, task_id), ignore_errors=True)

    def load_tasks(self, framework_id: str, executor_id: str) -> Iterator[Json]:
        """Return the TaskInfo of every task whose end is not acknowledged."""
        tasks = self._executor(framework_id, executor_id) / "tasks"
        yield from (read_json(path) for path in sorted(tasks.glob("*/task.json")))

    def updates_path(self, framework_id: str, executor_id: str, task_id: str) -> Path:
        """Return the file in which the update manager keeps this task's updates."""
        return self._task(framework_id, executor_id, task_id) / "updates"
