"""The API under gunicorn, as in production, over a loop that keeps cycling a large cluster: for bench.api_reads.

The state is in memory, Mesos is a sender that takes everything; the API, the loop and the core are the real ones, in
one process, so that reads and cycles compete as they do in production.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterable

from bench import large
from executor.protocol import encode_status
from scheduler.core.cycle.decision import Accept, Ask, Decline, Kill, Reconcile
from scheduler.core.mesos.updates import Registered, TaskUpdate
from scheduler.core.state.node import TaskState
from scheduler.loop.messages import Json, Update
from scheduler.loop.run import Loop, Sources
from scheduler.settings import parse
from service.http.worker import Worker
from service.server import Server, share_the_interpreter
from tests.memory_store import MemoryStore

CYCLES_A_SECOND = 5


class Nowhere:
    """A sender that drops every call."""

    connected = True

    def accept(self, accept: Accept) -> None:
        """Drop the call."""

    def decline(self, declines: Iterable[Decline]) -> None:
        """Drop the call."""

    def kill(self, kill: Kill) -> None:
        """Drop the call."""

    def reconcile(self, reconcile: Reconcile) -> None:
        """Drop the call."""

    def message(self, ask: Ask, data: str) -> None:
        """Drop the call."""

    def suppress(self) -> None:
        """Drop the call."""

    def revive(self) -> None:
        """Drop the call."""

    def acknowledge(self, acknowledgement: Json) -> None:
        """Drop the call."""

    def acknowledge_operation(self, acknowledgement: Json) -> None:
        """Drop the call."""

    def teardown(self) -> None:
        """Drop the call."""


class Measured(Server):
    """The server over a loop of its own."""

    def _begin(self, worker: Worker) -> None:
        self._speak_tls(worker)
        share_the_interpreter()
        nodes = self._settings.nodes
        store = MemoryStore()
        store.load()
        sources = Sources(now=time.time, new_id=lambda: str(uuid.uuid4()))
        loop = Loop(store, Nowhere(), large.deployed(nodes), sources, self._gateway.publish)
        self._gateway.open(loop.put)
        loop.cycle([Registered("framework-0001")])
        threading.Thread(target=keep_busy, args=(loop, nodes), daemon=True).start()


def keep_busy(loop: Loop, nodes: int) -> None:
    """Cycle without end, each time with the updates of some nodes, so that every snapshot is a new one."""
    live = tuple(large.address(index) for index in range(nodes))
    number = 0
    while True:
        updates = []
        for _ in range(10):
            number += 1
            task = large.running(number % nodes).task
            assert task is not None
            status = encode_status(large.sighting(number % nodes, live).status)
            updates.append(Update(TaskUpdate(task.id, TaskState.RUNNING, data=status), None))
        loop.cycle(updates)
        time.sleep(1 / CYCLES_A_SECOND)


def main() -> None:
    """Serve on API_HOST and API_PORT until the process is ended."""
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR)
    Measured(parse(os.environ)).run()


if __name__ == "__main__":
    main()
