"""Mesos' checks of tasks to launch, with its messages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localmesos.protocol.identifiers import IdentifierError, check_identifier
from localmesos.resources.arithmetic import Resource, ResourceError, Resources, parse
from localmesos.resources.operations import disk_problem

Json = dict[str, Any]

_HEALTH_CHECKS = ("command", "http", "tcp")


class TaskError(ValueError):
    """A refusal of a task; the text is Mesos' message."""


@dataclass(frozen=True)
class Place:
    """The place of a new task: the framework's tasks, the agent, its executors of that framework by id."""

    framework_id: str
    agent_id: str
    role: str
    task_ids: frozenset[str] = frozenset()
    executors: Mapping[str, Json] = field(default_factory=dict)


def allocate_task(task: Json, role: str) -> Json:
    """Return the task with its and its executor's resources parsed and allocated to `role`.

    Raises:
        TaskError: a resource is not valid.
    """
    found = {**task, "resources": _allocated(task.get("resources", []), role, "task")}
    if "executor" in task:
        found["executor"] = allocate_executor(task["executor"], role)
    return found


def allocate_executor(executor: Json, role: str) -> Json:
    """Return the executor with its resources parsed and allocated to `role`.

    Raises:
        TaskError: a resource is not valid.
    """
    return {**executor, "resources": _allocated(executor.get("resources", []), role, "executor")}


def _allocated(data: list[Json], role: str, what: str) -> list[Json]:
    found = []
    for piece in _read(data):
        if piece.role is not None and piece.role != role:
            raise TaskError(
                f"Invalid {what} resources: The resources have multiple allocation roles"
                f" ('{role}' and '{piece.role}') but only one allocation role is allowed"
            )
        found.append(piece.allocated(role).to_json())
    return found


def _read(data: list[Json]) -> list[Resource]:
    try:
        pieces = [parse(item) for item in data]
    except ResourceError as error:
        raise TaskError(str(error)) from error
    for piece in pieces:
        if isinstance(piece.value, int) and piece.value < 0:
            raise TaskError(f"Resource '{piece}' is invalid: Invalid scalar resource: value <= 0")
    return pieces


def check_task(task: Json, place: Place, pool: Resources) -> Resources:
    """Return the resources that an allocated task takes from `pool`, with those of its executor if that is new.

    Raises:
        TaskError: the task is not valid.
    """
    _check_fields(task, place)
    if ("executor" in task) == ("command" in task):
        raise TaskError("Task should have at least one (but not both) of CommandInfo or ExecutorInfo present")
    total = Resources.parse(task["resources"])
    if "executor" in task:
        executor = task["executor"]
        _check_custom_executor(executor, place)
        if executor["executor_id"]["value"] not in place.executors:
            total += Resources.parse(executor["resources"])
    if not pool.contains(total):
        raise TaskError(f"Total resources {total} required by task and its executor is more than available {pool}")
    return total


def check_group(tasks: list[Json], executor: Json, place: Place, pool: Resources) -> Resources:
    """Return the resources of a group of tasks that share an executor, as `check_task` does for one task.

    Raises:
        TaskError: a task or the executor is not valid.
    """
    for task in tasks:
        try:
            _check_fields(task, place)
        except TaskError as error:
            raise TaskError(f"Task '{task['task_id']['value']}' is invalid: {error}") from error
    if "type" not in executor:
        raise TaskError("'ExecutorInfo.type' must be set")
    _check_executor(executor, place)
    total = Resources(piece for task in tasks for piece in Resources.parse(task["resources"]))
    if executor["executor_id"]["value"] not in place.executors:
        total += Resources.parse(executor["resources"])
    if not pool.contains(total):
        raise TaskError(
            f"Total resources {total} required by task group and its executor are more than available {pool}"
        )
    return total


def _check_fields(task: Json, place: Place) -> None:
    """Check the fields of a task in Mesos' order, which decides the message for a task with two faults."""
    task_id = task["task_id"]["value"]
    try:
        check_identifier(task_id)
    except IdentifierError as error:
        raise TaskError(str(error)) from error
    if task_id in place.task_ids:
        raise TaskError(f"Task has duplicate ID: {task_id}")
    if (agent_id := task["agent_id"]["value"]) != place.agent_id:
        raise TaskError(f"Task uses invalid agent {agent_id} while agent {place.agent_id} is expected")
    if task.get("kill_policy", {}).get("grace_period", {}).get("nanoseconds", 0) < 0:
        raise TaskError("Task's 'kill_policy.grace_period' must be non-negative")
    if task.get("max_completion_time", {}).get("nanoseconds", 0) < 0:
        raise TaskError("Task's 'max_completion_time' must be non-negative")
    if "health_check" in task:
        _check_health_check(task["health_check"])
    if not task["resources"]:
        raise TaskError("Task uses no resources")
    _check_disks(Resources.parse(task["resources"]), "Task")


def _check_health_check(check: Json) -> None:
    kind = check.get("type")
    if kind is None:
        raise TaskError("Task uses invalid health check: HealthCheck must specify 'type'")
    name = kind.lower()
    if name in _HEALTH_CHECKS and name not in check:
        raise TaskError(f"Task uses invalid health check: Expecting '{name}' to be set for {kind} health check")


def _check_disks(resources: Resources, who: str) -> None:
    for piece in resources:
        if (words := disk_problem(piece)) is not None:
            raise TaskError(f"{who} uses invalid resources: Invalid DiskInfo: {words}")
    ids = [piece.persistence_id for piece in resources if piece.persistence_id is not None]
    for persistence_id in ids:
        if ids.count(persistence_id) > 1:
            raise TaskError(f"{who} uses duplicate persistence ID: Persistence ID '{persistence_id}' is not unique")


def _check_executor(executor: Json, place: Place) -> None:
    kind = executor.get("type")
    if kind == "CUSTOM" and "command" not in executor:
        raise TaskError("'ExecutorInfo.command' must be set for 'CUSTOM' executor")
    if kind == "DEFAULT" and "command" in executor:
        raise TaskError("'ExecutorInfo.command' must not be set for 'DEFAULT' executor")
    executor_id = executor["executor_id"]["value"]
    try:
        check_identifier(executor_id)
    except IdentifierError as error:
        raise TaskError(str(error)) from error
    actual = executor.get("framework_id", {}).get("value")
    if actual != place.framework_id:
        raise TaskError(f"ExecutorInfo has an invalid FrameworkID (Actual: {actual} vs Expected: {place.framework_id})")
    if executor.get("shutdown_grace_period", {}).get("nanoseconds", 0) < 0:
        raise TaskError("ExecutorInfo's 'shutdown_grace_period' must be non-negative")
    _check_disks(Resources.parse(executor["resources"]), "Executor")
    _check_compatible(executor, place.executors.get(executor_id))


def _check_compatible(executor: Json, existing: Json | None) -> None:
    if existing is None or _comparable(existing) == _comparable(executor):
        return
    line = "-" * 60
    raise TaskError(
        "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n"
        f"{line}\nExisting ExecutorInfo:\n{_text(existing)}\n{line}\nExecutorInfo:\n{_text(executor)}\n{line}\n"
    )


def _comparable(executor: Json) -> Json:
    return {**executor, "resources": Resources.parse(executor.get("resources", []))}


def _text(message: Json, indent: str = "") -> str:
    """Return a message as protobuf prints it, fields in the order of their arrival."""
    lines = []
    for name, value in message.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                lines.append(f"{indent}{name} {{\n{_text(item, indent + '  ')}{indent}}}\n")
            else:
                shown = f'"{item}"' if isinstance(item, str) and not item.isupper() else str(item)
                lines.append(f"{indent}{name}: {shown}\n")
    return "".join(lines)


def _check_custom_executor(executor: Json, place: Place) -> None:
    _check_executor(executor, place)
    if executor.get("type", "CUSTOM") != "CUSTOM":
        raise TaskError("'ExecutorInfo.type' must be 'CUSTOM'")
    if "command" not in executor:
        raise TaskError("'ExecutorInfo.command' must be set")
