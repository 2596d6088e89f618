"""Tasks that are not launched, with Mesos' messages."""

from typing import Any

import pytest

from localmesos.master.task_validation import (
    Place,
    TaskError,
    allocate_executor,
    allocate_task,
    check_group,
    check_task,
)
from localmesos.resources.arithmetic import Resources

Json = dict[str, Any]


def scalar(name: str, value: float, **more: Any) -> Json:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


RESOURCES = [scalar("cpus", 0.1), scalar("mem", 32)]
COMMAND: Json = {"value": "true"}
EXECUTOR: Json = {
    "type": "CUSTOM",
    "executor_id": {"value": "e"},
    "framework_id": {"value": "f"},
    "command": COMMAND,
    "resources": [scalar("cpus", 0.1)],
}
POOL = Resources.parse([scalar("cpus", 4), scalar("mem", 4096)]).allocated("r")
PLACE = Place("f", "a", "r", frozenset({"there"}), {"e": allocate_executor(EXECUTOR, "r")})


def task(**change: Any) -> Json:
    base = {"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": "a"}, "resources": RESOURCES}
    found: Json = {**base, "command": COMMAND, **change}
    return {name: value for name, value in found.items() if value is not None}


def check(info: Json, place: Place = PLACE) -> Resources:
    return check_task(allocate_task(info, "r"), place, POOL)


VOLUME = {"persistence": {"id": "v"}, "volume": {"mode": "RW", "container_path": "d"}}


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (task(resources=[]), "Task uses no resources"),
        (task(task_id={"value": "there"}), "Task has duplicate ID: there"),
        (task(task_id={"value": ""}), "ID must not be empty"),
        (task(task_id={"value": "a/b"}), "'a/b' contains invalid characters"),
        (task(task_id={"value": ".."}), "'..' is disallowed"),
        (task(agent_id={"value": "no"}), "Task uses invalid agent no while agent a is expected"),
        (task(kill_policy={"grace_period": {"nanoseconds": -1}}), "Task's 'kill_policy.grace_period' must be non-neg"),
        (task(health_check={}), "Task uses invalid health check: HealthCheck must specify 'type'"),
        (task(command=None), "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"),
        (
            task(executor=EXECUTOR),
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
        ),
        (task(resources=[scalar("cpus", -1)]), "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"),
        (
            task(resources=[scalar("cpus", 1, allocation_info={"role": "z"})]),
            "Invalid task resources: The resources have multiple allocation roles ('r' and 'z') but only one",
        ),
        (
            task(resources=[*RESOURCES, scalar("disk", 1, disk=VOLUME)]),
            "Task uses invalid resources: Invalid DiskInfo: Persistent volumes cannot be created from unreserved",
        ),
        (
            task(resources=[scalar("cpus", 100)]),
            "Total resources cpus(allocated: r):100 required by task and its executor is more than available"
            " cpus(allocated: r):4; mem(allocated: r):4096",
        ),
        (
            task(command=None, executor={**EXECUTOR, "framework_id": {"value": "z"}}),
            "ExecutorInfo has an invalid FrameworkID (Actual: z vs Expected: f)",
        ),
        (
            task(command=None, executor={k: v for k, v in EXECUTOR.items() if k != "command"}),
            "'ExecutorInfo.command' must be set for 'CUSTOM' executor",
        ),
        (
            task(command=None, executor={**EXECUTOR, "command": {"value": "false"}}),
            "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.",
        ),
    ],
)
def test_refused(info: Json, words: str) -> None:
    with pytest.raises(TaskError) as raised:
        check(info)
    assert str(raised.value).startswith(words)


@pytest.mark.parametrize(
    ("info", "cpus"),
    [
        (task(), 0.1),
        (task(task_id={"value": "a b"}), 0.1),
        (task(resources=[scalar("cpus", 0), scalar("mem", 32)]), 0.0),
        (task(resources=[scalar("cpus", 0.1), scalar("cpus", 0.1)]), 0.2),
        # The executor runs already: only a new one counts.
        (task(command=None, executor=EXECUTOR), 0.1),
        (task(command=None, executor={**EXECUTOR, "executor_id": {"value": "new"}}), 0.2),
    ],
)
def test_taken(info: Json, cpus: float) -> None:
    found = sum(piece.value for piece in check(info) if piece.name == "cpus" and isinstance(piece.value, int))
    assert found == round(cpus * 1000)


def test_a_group_is_refused_as_a_whole() -> None:
    executor = allocate_executor({**EXECUTOR, "type": "DEFAULT", "executor_id": {"value": "g"}}, "r")
    del executor["command"]
    tasks = [allocate_task(task(), "r"), allocate_task(task(resources=[scalar("cpus", 500)]), "r")]
    with pytest.raises(TaskError, match="required by task group and its executor are more than available"):
        check_group(tasks, executor, PLACE, POOL)
    assert check_group(tasks[:1], executor, PLACE, POOL)
