"""An agent's reaction to an executor's subscription, state by state; without any process."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localmesos.agent.agent import Agent
from localmesos.agent.config import AgentConfig
from localmesos.agent.containers.executors import EventStream, Executor, ExecutorState, Framework, TaskRecord
from localmesos.agent.containers.processes import Identity

Json = dict[str, Any]

RUNNING, REGISTERING = ExecutorState.RUNNING, ExecutorState.REGISTERING
TERMINATING, TERMINATED = ExecutorState.TERMINATING, ExecutorState.TERMINATED


class Bench:
    """An agent with one executor and one task, and what it sends to the master."""

    def __init__(self, work_dir: Path) -> None:
        self.calls: list[tuple[str, Json]] = []
        config = AgentConfig("127.0.0.1", 1, "h", "127.0.0.1:1", work_dir, [], [], work_dir / "fetch")
        self.agent = Agent(config, lambda kind, body: self.calls.append((kind, body)))
        self.agent.handle({"type": "REGISTERED", "registered": {"agent_id": {"value": "S0"}}})
        self.framework = Framework({"id": {"value": "f"}, "checkpoint": True})
        self.agent.frameworks["f"] = self.framework
        # No process has this boot id, so that nothing can be signalled.
        identity = Identity(1, 1, "no boot")
        self.executor = Executor("f", {"executor_id": {"value": "e"}}, "c", work_dir, False, process=identity)
        self.framework.executors["e"] = self.executor


async def _types(stream: EventStream) -> list[str]:
    return [event["type"] async for event in stream]


def run(work_dir: Path, prepare: Callable[[Bench], None], subscribe: Json) -> tuple[Bench, list[str]]:
    """Subscribe an executor that `prepare` has brought into a state; the events it is sent."""

    async def act() -> tuple[Bench, list[str]]:
        bench = Bench(work_dir)
        prepare(bench)
        stream = bench.agent.subscribe(bench.framework, bench.executor, subscribe)
        stream.close()
        types = await _types(stream)
        await bench.agent.close()
        return bench, types

    return asyncio.run(act())


def task(delivered: bool = False, state: str = "TASK_STAGING") -> TaskRecord:
    return TaskRecord({"task_id": {"value": "t"}}, state, delivered=delivered)


@pytest.mark.parametrize(
    ("state", "recovered", "generated", "record", "expected"),
    [
        (REGISTERING, False, False, task(), ["SUBSCRIBED", "LAUNCH"]),
        (RUNNING, False, False, task(True, "TASK_RUNNING"), ["SUBSCRIBED"]),
        (RUNNING, False, False, task(), ["SUBSCRIBED", "LAUNCH"]),
        (REGISTERING, False, False, None, ["SUBSCRIBED", "SHUTDOWN"]),
        (REGISTERING, False, False, task(False, "TASK_KILLED"), ["SUBSCRIBED", "SHUTDOWN"]),
        (REGISTERING, True, False, None, ["SUBSCRIBED"]),
        (REGISTERING, True, True, task(True), ["SUBSCRIBED", "SHUTDOWN"]),
        (REGISTERING, True, True, task(True, "TASK_RUNNING"), ["SUBSCRIBED"]),
        (TERMINATING, False, False, task(True, "TASK_RUNNING"), ["SHUTDOWN"]),
        (TERMINATED, False, False, task(True, "TASK_RUNNING"), ["SHUTDOWN"]),
    ],
)
def test_first_events_of_a_subscription(
    tmp_path: Path,
    state: ExecutorState,
    recovered: bool,
    generated: bool,
    record: TaskRecord | None,
    expected: list[str],
) -> None:
    def prepare(bench: Bench) -> None:
        executor = bench.executor
        executor.state, executor.recovered, executor.generated = state, recovered, generated
        executor.tasks = {} if record is None else {"t": record}

    assert run(tmp_path, prepare, {})[1] == expected


@pytest.mark.parametrize(
    ("subscribe", "states"),
    [
        ({}, ["TASK_LOST"]),
        ({"unacknowledged_tasks": [{"task_id": {"value": "t"}}]}, []),
        (
            {
                "unacknowledged_updates": [
                    {
                        "status": {
                            "task_id": {"value": "t"},
                            "state": "TASK_RUNNING",
                            "source": "SOURCE_EXECUTOR",
                            "uuid": "viWmPa6yRgCQsH5bZli5wQ==",
                        }
                    }
                ]
            },
            ["TASK_RUNNING"],
        ),
    ],
)
def test_task_is_lost_only_if_the_executor_does_not_know_it(tmp_path: Path, subscribe: Json, states: list[str]) -> None:
    def prepare(bench: Bench) -> None:
        bench.executor.recovered = True
        bench.executor.tasks = {"t": task(True)}

    bench, _ = run(tmp_path, prepare, subscribe)
    assert [body["status"]["state"] for kind, body in bench.calls if kind == "STATUS_UPDATE"] == states


def test_new_subscription_closes_the_old_one(tmp_path: Path) -> None:
    old: list[EventStream] = []

    def prepare(bench: Bench) -> None:
        bench.executor.tasks = {"t": task()}
        old.append(bench.agent.subscribe(bench.framework, bench.executor, {}))

    async def drain() -> list[str]:
        return await _types(old[0])

    run(tmp_path, prepare, {})
    assert asyncio.run(drain()) == ["SUBSCRIBED", "LAUNCH"]
