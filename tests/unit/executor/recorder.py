"""A stand-in for the agent for jobs: it keeps what they send, and acknowledges nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from executor.jmx.jolokia import Jolokia
from executor.jobs.context import NodeFacts
from executor.protocol import JobLaunch, JobResult, Message, encode_result, parse_message, parse_result
from tests.waiting import patient

M = TypeVar("M")


@dataclass
class Updates:
    """All status updates in their order: task id, state, message, data."""

    updates: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def update(self, task_id: str, state: str, message: str | None = None, data: str | None = None) -> None:
        with self.changed:
            self.updates.append((task_id, state, message, data))
            self.changed.notify_all()

    def states(self, task_id: str) -> list[str]:
        """Return the task's states in their order."""
        return [state for task, state, *_ in self.updates if task == task_id]


@dataclass
class Sent(Updates):
    """All updates and messages in the order in which they were sent."""

    messages: list[Message] = field(default_factory=list)

    def send(self, data: str) -> None:
        with self.changed:
            self.messages.append(parse_message(data))
            self.changed.notify_all()

    def until(self, what: str, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait until what was sent fulfils the condition."""
        with self.changed:
            assert self.changed.wait_for(condition, patient(seconds)), f"{what}: {self.updates} {self.messages}"

    def of(self, kind: type[M]) -> list[M]:
        """Return the messages of a kind."""
        return [message for message in self.messages if isinstance(message, kind)]

    def end(self, task_id: str) -> tuple[str, JobResult]:
        """Return the last status of a job, with its result."""
        ends = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"}
        self.until(f"the end of {task_id}", lambda: bool(ends & set(self.states(task_id))))
        found = [(state, text, data) for task, state, text, data in self.updates if task == task_id and state in ends]
        assert len(found) == 1, found
        state, text, data = found[0]
        assert data is not None
        result = parse_result(data)
        assert (text or "") == result.error
        assert parse_result(encode_result(result)) == result
        return state, result


def no_thread(_thread: threading.Thread) -> None:
    """Fail as `Thread.start` does once the container has all threads that it may have."""
    raise RuntimeError("can't start new thread")


def node_facts(volume: Path, jolokia: Jolokia | None = None) -> NodeFacts:
    """Return a node, whose Cassandra does not answer if no Jolokia is given."""
    return NodeFacts(
        name="node-0",
        address="127.0.2.9",
        native_port=9042,
        jolokia=jolokia or Jolokia("127.0.2.9", 1, "u", "p"),
        data_directories=(volume / "data",),
        scratch=volume / "maintenance",
    )


def job_launch(job: str, secret: bool = False, tuning: Mapping[str, Any] | None = None, **parameters: Any) -> JobLaunch:
    """Return a job of operation o1 for the node of task t1."""
    return JobLaunch(job, "o1", "node-0", "t1", parameters=parameters, tuning=tuning or {}, secret=secret)
