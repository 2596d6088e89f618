"""Asks Cassandra for its status again and again, on a thread of its own: an answer may take seconds."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue

from executor.cassandra.process import Cassandra
from executor.jmx.status import ISOLATED, without_sizes
from executor.node.events import Event, Polled
from executor.protocol import NodeStatus

# While a node starts, each pause is added to its start: the next node waits for the news. One that only waits, as for
# the streams of its join, is asked less often.
STARTING_SECONDS = 0.1
# While a node or its peers change, the scheduler and the next node wait for each news.
CHANGING_SECONDS = 0.3
STEADY_SECONDS = 1.5
# Without a change for so long, a node that serves, or waits to be restarted, is steady.
SETTLED_SECONDS = 10.0
TIMEOUT_SECONDS = 5.0


class Poller:
    """Puts a Polled event on the queue for each answer, at once when somebody asks."""

    def __init__(self, cassandra: Cassandra, events: SimpleQueue[Event]) -> None:
        self._cassandra = cassandra
        self._events = events
        self._condition = threading.Condition()
        self._queries: list[str] = []
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="status poller", daemon=True)
        self._thread.start()

    def ask(self, query: str) -> None:
        """Poll now; the answer carries this query's id."""
        with self._condition:
            self._queries.append(query)
            self._condition.notify()

    def stop(self) -> None:
        """End the thread; a poll that is under way is waited for."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        last, changed = None, 0.0
        while True:
            with self._condition:
                if self._stopped:
                    return
                queries, self._queries = tuple(self._queries), []
            status = self._cassandra.status(TIMEOUT_SECONDS)
            self._events.put(Polled(status, queries))
            if without_sizes(status) != last:
                last, changed = without_sizes(status), time.monotonic()
            with self._condition:
                if not self._queries and not self._stopped:
                    self._condition.wait(pause(status, time.monotonic() - changed))


def pause(status: NodeStatus, unchanged: float) -> float:
    """Seconds until the next poll, when the status has been the same for `unchanged` seconds."""
    lasts = status.mode == ISOLATED or (status.mode == "NORMAL" and status.native_transport_running)
    if unchanged >= SETTLED_SECONDS:
        return STEADY_SECONDS if lasts else CHANGING_SECONDS
    return CHANGING_SECONDS if lasts else STARTING_SECONDS
