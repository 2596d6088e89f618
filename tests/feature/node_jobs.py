"""Jobs of one node under a real agent, whose master the test plays: their updates, reports and ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from executor.jmx.jolokia import Jolokia
from executor.protocol import (
    Answer,
    JobLaunch,
    JobReport,
    JobResult,
    Message,
    Question,
    encode_job,
    encode_message,
    parse_message,
    parse_result,
)
from scheduler.core.mesos.executor_command import DEFAULT_COMMAND
from tests.feature.executor_agent import IDS, Node
from tests.feature.localmesos_agent.agent_process import FRAMEWORK
from tests.waiting import patient

ENDS = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"}


@dataclass
class NodeJobs:
    """All updates (task, state, message, data) and messages of a node's executor from now on, in their order."""

    node: Node
    updates: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    count: int = 0

    def start(self, job: str, operation: str = "", node_task_id: str = "t1", **parameters: Any) -> str:
        """Launch a job on the node's executor; its task id. Without an operation given it is one of its own."""
        self.count += 1
        task_id = f"j{self.count}"
        launch = JobLaunch(job, operation or f"o{self.count}", "node-0", node_task_id, parameters)
        info = {**IDS, "type": "CUSTOM", "command": {"value": DEFAULT_COMMAND}}
        task = {
            "name": job,
            "task_id": {"value": task_id},
            "agent_id": {"value": "agent-S0"},
            "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}],
            "executor": info,
            "data": encode_job(launch),
        }
        body = {"framework": FRAMEWORK, "task": task, "executor_info": info, "launch_executor": False}
        self.node.master.send("RUN_TASK", body)
        return task_id

    def run(self, job: str, **parameters: Any) -> tuple[str, JobResult]:
        """Launch a job and wait for its end."""
        return self.end(self.start(job, **parameters))

    def end(self, task_id: str, seconds: float = 60.0) -> tuple[str, JobResult]:
        """Return the last state of a job and its result."""
        self.until_ended(task_id, seconds)
        state, data = next((state, data) for task, state, _, data in self.updates if task == task_id and state in ENDS)
        assert data is not None, self.updates
        return state, parse_result(data)

    def until_ended(self, task_id: str, seconds: float = 90.0) -> None:
        """Wait for the last status of any task, the node's too."""
        self._until(lambda: bool(ENDS & set(self.states(task_id))), f"the end of {task_id}", seconds)

    def states(self, task_id: str) -> list[str]:
        """Return its states so far."""
        return [state for task, state, *_ in self.updates if task == task_id]

    def reports(self, task_id: str) -> list[JobReport]:
        """Return the job's reports so far."""
        return [item for item in self.messages if isinstance(item, JobReport) and item.task_id == task_id]

    def until_percent(self, task_id: str, percent: float, seconds: float = 60.0) -> None:
        """Wait until the job has told of that much."""

        def told() -> bool:
            assert not ENDS & set(self.states(task_id)), self.updates[-1]
            return any((item.progress.percent or 0) > percent for item in self.reports(task_id))

        self._until(told, f"{task_id} at {percent} %", seconds)

    def ask(self, subject: str, **content: Any) -> Answer:
        """Return the answer to a query."""
        self.count += 1
        question = Question(f"q{self.count}", subject, content)
        self.node.master.send("FRAMEWORK_MESSAGE", {**IDS, "data": encode_message(question)})

        def found() -> list[Answer]:
            return [item for item in self.messages if isinstance(item, Answer) and item.id == question.id]

        self._until(lambda: bool(found()), "the answer", 30.0)
        return found()[0]

    def jolokia(self) -> Jolokia:
        """Return a client of the running Cassandra."""
        return self.node.jolokia()

    def data_files(self, key_space: str, table: str) -> list[Path]:
        """Return the data components of a table's live SSTables."""
        return sorted(self.node.agent.sandbox().glob(f"volume/data/{key_space}/{table}-*/*-Data.db"))

    def _until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        deadline = time.monotonic() + patient(seconds)
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"{what}: not within {seconds:.0f} s; {self.updates[-5:]} {self.messages[-3:]}"
            self._receive(left)

    def _receive(self, seconds: float) -> None:
        try:
            call = self.node.master.calls.get(timeout=seconds)
        except Empty:
            return
        if call["type"] == "STATUS_UPDATE":
            status = call["status_update"]["status"]
            entry = (status["task_id"]["value"], status["state"], status.get("message", ""), status.get("data"))
            if not self.updates or self.updates[-1] != entry:  # an agent repeats what is not acknowledged in time
                self.updates.append(entry)
        elif call["type"] == "EXECUTOR_MESSAGE":
            self.messages.append(parse_message(call["executor_message"]["data"]))
