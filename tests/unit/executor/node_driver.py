"""A node on a thread, with somebody in place of the agent, and its Java stood in for."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field
from queue import SimpleQueue

from executor.cassandra.install import Surroundings
from executor.cassandra.volume import lock
from executor.node.events import Event, Launch
from executor.node.lifecycle import Node
from executor.protocol import NodeLaunch, StatusReply, encode_launch, parse_message, parse_status
from tests.unit.executor.recorder import Updates
from tests.waiting import patient

TERMINAL = {"TASK_KILLED", "TASK_FAILED", "TASK_FINISHED", "TASK_ERROR", "TASK_LOST"}


@dataclass
class Recorder(Updates):
    """A stand-in for the agent that acknowledges everything at once."""

    messages: list[str] = field(default_factory=list)
    acknowledges: bool = True
    subscribed: bool = True

    def send(self, data: str) -> None:
        with self.changed:
            self.messages.append(data)
            self.changed.notify_all()

    def is_settled(self) -> bool:
        return self.acknowledges

    def wait_for_mode(self, mode: str) -> None:
        def reported() -> bool:
            return any(data is not None and parse_status(data).mode == mode for *_, data in self.updates)

        with self.changed:
            assert self.changed.wait_for(reported, patient(10)), self.updates

    def until_ended(self, task_id: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: TERMINAL & set(self.states(task_id)), patient(10)), self.updates

    def reply(self) -> StatusReply:
        with self.changed:
            assert self.changed.wait_for(lambda: self.messages, patient(10))
            found = parse_message(self.messages.pop(0))
        assert isinstance(found, StatusReply)
        return found

    def reply_to(self, query: str) -> StatusReply:
        """Return the answer to a status query, and skip other messages."""

        def found() -> list[StatusReply]:
            parsed = (parse_message(data) for data in self.messages)
            return [item for item in parsed if isinstance(item, StatusReply) and item.id == query]

        with self.changed:
            assert self.changed.wait_for(found, patient(10))
            return found()[0]

    def end(self) -> tuple[str, str]:
        """State and message of the one terminal status."""
        found = [(state, message) for _, state, message, _ in self.updates if state in TERMINAL]
        assert len(found) == 1, self.updates
        assert found[0][1] is not None
        return found[0][0], found[0][1]


class Driver:
    """A node on a thread, as on the executor's main thread."""

    def __init__(self, where: Surroundings) -> None:
        self.recorder = Recorder()
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.where = where
        node = Node(self.recorder, where, self.events)
        self.thread = threading.Thread(target=node.run, args=(0.5,), name="node")
        self.thread.start()

    def launch(self, launch: NodeLaunch, task_id: str = "t1") -> None:
        self.events.put(Launch(task_id, encode_launch(launch)))

    def kill_cassandra(self) -> None:
        """Send SIGKILL to the process that the executor reported last."""
        told = [data for task, _, _, data in self.recorder.updates if task == "t1" and data is not None]
        pid = parse_status(told[-1]).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def join(self, seconds: float = 15.0) -> None:
        self.thread.join(patient(seconds))
        assert not self.thread.is_alive()

    def end(self) -> tuple[str, str]:
        self.join()
        lock(self.where.sandbox / "volume", patient(2), lambda _text: None).close()  # Cassandra is really gone
        return self.recorder.end()
