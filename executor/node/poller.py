"""A thread that polls Cassandra's status: an answer can take seconds."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue

from executor.cassandra.process import Cassandra
from executor.jmx.status import ISOLATED, UNKNOWN, without_sizes
from executor.node.events import Event, Polled
from executor.protocol import NodeStatus

# While a node starts, the pause delays the next node's start. A node that only waits, as for the streams of its join,
# is polled less often.
STARTING_SECONDS = 0.1
# While a node or its peers change, the scheduler and the next node wait for each change.
CHANGING_SECONDS = 0.3
STEADY_SECONDS = 1.5
# Without a change for this time, a node that serves, or that waits for a restart, is steady.
SETTLED_SECONDS = 10.0
TIMEOUT_SECONDS = 5.0
_STOP_SECONDS = 2.0


class Poller:
    """A thread that puts a Polled event on the queue for each answer; a query is answered at once."""

    def __init__(self, cassandra: Cassandra, events: SimpleQueue[Event]) -> None:
        self._cassandra = cassandra
        self._events = events
        self._condition = threading.Condition()
        self._queries: list[str] = []
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="status poller", daemon=True)
        self._thread.start()

    def ask(self, query: str) -> None:
        """Poll now; the event carries this query's id."""
        with self._condition:
            self._queries.append(query)
            self._condition.notify()

    def stop(self) -> None:
        """End the thread, after the poll that runs; one that takes long, as on a disk that hangs, is left alone."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        last, changed = None, 0.0
        while True:
            with self._condition:
                if self._stopped:
                    return
                queries, self._queries = tuple(self._queries), []
            status = self._cassandra.status(TIMEOUT_SECONDS)
            figures = self._cassandra.figures() if queries and status.mode != UNKNOWN else None
            self._events.put(Polled(status, queries, figures))
            if without_sizes(status) != last:
                last, changed = without_sizes(status), time.monotonic()
            with self._condition:
                if not self._queries and not self._stopped:
                    self._condition.wait(pause(status, time.monotonic() - changed))


def pause(status: NodeStatus, unchanged: float) -> float:
    """Return the seconds until the next poll.

    Args:
        status: The newest status.
        unchanged: Seconds for which it has been the same.
    """
    lasts = status.mode == ISOLATED or (status.mode == "NORMAL" and status.native_transport_running)
    if unchanged >= SETTLED_SECONDS:
        return STEADY_SECONDS if lasts else CHANGING_SECONDS
    return CHANGING_SECONDS if lasts else STARTING_SECONDS
