"""The last words of an executor: the end of its stderr, read from its sandbox.

An executor that its agent refuses has no other way to report its reason. A thread of its own reads the file from the
agent's endpoint, within seconds. If the agent does not answer or demands authentication, the result names the file. The
framework's secret for the master is never sent to agents.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from scheduler.core.mesos.executor_command import REFUSAL
from scheduler.core.mesos.task_info import node_of_task
from scheduler.core.mesos.updates import ExecutorWords, TaskUpdate
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import TaskState
from scheduler.loop.sandbox import MakeContext, Sandbox, UnreadableError, read_tail, sandbox_of_node

logger = logging.getLogger(__name__)

TAIL_BYTES = 4096
LINES = 6
WAITING = 50
# Ends that the executor itself has not reported.
_UNTOLD = frozenset(
    {
        "REASON_EXECUTOR_TERMINATED",
        "REASON_CONTAINER_LAUNCH_FAILED",
        "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
        "REASON_CONTAINER_LIMITATION",
    }
)


def sandbox_of(state: ClusterState, update: TaskUpdate) -> Sandbox | None:
    """Return the sandbox of a node's newest task that ended without a report; None for any other update."""
    node = state.nodes.get(node_of_task(update.task_id))
    if update.state is not TaskState.FAILED or update.reason not in _UNTOLD or update.source != "SOURCE_AGENT":
        return None
    found = sandbox_of_node(state, node)
    return found if found is not None and found.task_id == update.task_id else None


class LastWords:
    """Reads one sandbox after another and passes the result to `put`. Any thread can call `ask`."""

    def __init__(self, put: Callable[[ExecutorWords], object], tls: MakeContext | None = None) -> None:
        self._put = put
        self._tls = tls
        self._waiting: deque[Sandbox] = deque(maxlen=WAITING)
        self._lock = threading.Lock()
        self._works = False

    def ask(self, sandbox: Sandbox) -> None:
        """Queue a sandbox to be read."""
        with self._lock:
            self._waiting.append(sandbox)
            if self._works:
                return
            self._works = True
        threading.Thread(target=self._work, name="last words", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._works = False
                    return
                sandbox = self._waiting.popleft()
            words = read(sandbox, self._tls)
            logger.warning("task %s ended: %s", sandbox.task_id, words)
            self._put(ExecutorWords(sandbox.task_id, words))


def read(sandbox: Sandbox, tls: MakeContext | None = None) -> str:
    """Return the last lines of stderr, or where they are; `tls` is for agents with TLS. Never raises."""
    where = f"stderr in the sandbox of executor {sandbox.executor_id} on {sandbox.hostname}"
    if not sandbox.url:
        return f"its last words are in {where}"
    try:
        text = read_tail(sandbox, "stderr", TAIL_BYTES, tls)
    except UnreadableError as error:
        return f"its last words could not be read: {error}; look at {where}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # The fetcher's lines before a refusal say nothing more.
    lines = [line for line in lines if line.startswith(REFUSAL)] or lines[-LINES:]
    return f"its last words: {' | '.join(lines)}" if lines else f"it wrote nothing to {where}"
