"""A loop on its thread behind a gateway, with executors that answer what they are asked: the shell as it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bench import large
from executor.protocol import (
    Answer,
    JobLaunch,
    Message,
    Question,
    SecretReply,
    encode_message,
    parse_message,
    parse_task,
)
from scheduler.core.cycle.decision import Accept, Ask
from scheduler.core.mesos.updates import Registered, TaskUpdate
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import TaskState
from scheduler.loop.gateway import LoopGateway
from scheduler.loop.messages import Json, Offers
from scheduler.loop.messages import Message as MessageEvent
from scheduler.loop.run import Loop, Sources
from scheduler.security.backup_keys import NO_KEYS, BackupKeys
from scheduler.security.sealing import Sealer
from scheduler.security.secrets import Secrets
from tests.memory_store import Memory, MemoryStore
from tests.unit.scheduler.loop.test_run import Recorder

Answers = Callable[[Question], Answer | None]


def spare_offer(index: int) -> dict[str, Any]:
    """Return an agent's offer of the share kept for jobs beside a node, with the node's executor on it."""
    reservation, task = large.running(index).reservation, large.running(index).task
    assert reservation is not None
    assert task is not None
    labels = {"labels": [{"key": "resource_id", "value": reservation.id}]}
    held = [{"type": "DYNAMIC", "role": large.ROLE, "principal": large.PRINCIPAL, "labels": labels}]
    document = large.offer(index)
    owned = {"type": "SCALAR", "reservations": held, "allocation_info": {"role": large.ROLE}}
    amounts = {"cpus": 0.1, "mem": 32.0}
    document["resources"] = [{"name": name, "scalar": {"value": value}, **owned} for name, value in amounts.items()]
    document["executor_ids"] = [{"value": task.executor_id}]
    return document


def heard(*indices: int) -> list[TaskUpdate]:
    """Mesos' word, asked for or not, that these nodes run."""
    tasks = [large.running(index).task for index in indices]
    return [TaskUpdate(task.id, TaskState.RUNNING) for task in tasks if task is not None]


@dataclass
class Executors(Recorder):
    """A sender whose messages reach executors that answer; `received` are the messages by node."""

    answers: Answers = lambda _: None
    received: list[tuple[str, Message]] = field(default_factory=list)
    put: Callable[[MessageEvent], object] = lambda _: None

    def message(self, ask: Ask, data: str) -> None:
        super().message(ask, data)
        message = parse_message(data)
        self.received.append((ask.node, message))
        if isinstance(message, Question) and (answer := self.answers(message)) is not None:
            self.put(MessageEvent(encode_message(answer)))

    def replies(self) -> list[tuple[str, SecretReply]]:
        return [(node, message) for node, message in self.received if isinstance(message, SecretReply)]

    def launched(self) -> list[tuple[Accept, Json, JobLaunch]]:
        """Return every job's accept, its TaskInfo and the executor's view of it."""
        found = []
        for accept in self.all("accept"):
            task = accept.operations[-1]["launch"]["task_infos"][0]
            launch = parse_task(task["data"])
            assert isinstance(launch, JobLaunch)
            found.append((accept, task, launch))
        return found


@dataclass
class Cluster:
    """A cluster's loop, store and gateway, for tests to read while the loop runs."""

    memory: Memory
    executors: Executors
    loop: Loop
    gateway: LoopGateway

    @property
    def state(self) -> ClusterState:
        return self.gateway.snapshot().state

    def stored(self) -> str:
        """Return the whole content of the store as text."""
        return "\n".join(f"{path} {content.decode()}" for path, (_, content) in self.memory.records.items())

    def offer(self, *indices: int) -> None:
        """Mesos offers the spare shares of these nodes."""
        self.loop.put(Offers(tuple(spare_offer(index) for index in indices)))


@contextmanager
def running(
    answers: Answers, sealer: Sealer | None, state: ClusterState | None = None, keys: BackupKeys = NO_KEYS
) -> Iterator[Cluster]:
    """Run a cluster of three nodes at rest."""
    memory, numbers = Memory(), count()
    executors = Executors(memory, answers=answers)
    gateway = LoopGateway(lambda: f"question-{next(numbers)}")
    store = MemoryStore(memory)
    store.load()
    ids = count()
    sources = Sources(now=lambda: large.NOW + 1, new_id=lambda: f"id-{next(ids)}")
    loop = Loop(store, executors, state or large.deployed(3), sources, gateway.publish, Secrets(sealer, keys))
    executors.put = loop.put
    gateway.open(loop.put)
    loop.cycle([Registered("framework-0001"), *heard(0, 1, 2)])
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield Cluster(memory, executors, loop, gateway)
    finally:
        loop.stop()
        thread.join(10)


def answering(content: Mapping[str, Mapping[str, Any]]) -> Answers:
    """Executors that know these answers by subject; a missing one is unknown."""

    def answer(question: Question) -> Answer:
        if question.subject in content:
            return Answer(question.id, "node-0", "task", content[question.subject])
        return Answer(question.id, "node-0", "task", kind="unknown", problem="there is none")

    return answer
