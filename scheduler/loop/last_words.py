"""The last words of an executor: the end of its stderr, read from its sandbox.

An executor that its agent refuses has no other way to report its reason. A thread of its own reads the file from the
agent's endpoint, within seconds. If the agent does not answer or demands authentication, the result names the file. The
framework's secret for the master is never sent to agents.
"""

from __future__ import annotations

import json
import logging
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, build_opener

from scheduler.core.mesos.executor_command import REFUSAL
from scheduler.core.mesos.task_info import node_of_task
from scheduler.core.mesos.updates import ExecutorWords, TaskUpdate
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import TaskState

logger = logging.getLogger(__name__)

MakeContext = Callable[[], ssl.SSLContext]
"""Returns the context for agents with TLS. Raises OSError."""

SECONDS = 3.0  # for each of two requests
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


@dataclass(frozen=True)
class Sandbox:
    """An executor's sandbox; `url` is its agent's, empty if an earlier version of the scheduler launched it."""

    task_id: str
    framework_id: str
    executor_id: str
    hostname: str
    url: str

    @property
    def file(self) -> str:
        """The virtual path of stderr, which does not depend on the agent's work directory."""
        return f"/frameworks/{self.framework_id}/executors/{self.executor_id}/runs/latest/stderr"


def sandbox_of(state: ClusterState, update: TaskUpdate) -> Sandbox | None:
    """Return the sandbox of a node's newest task that ended without a report; None for any other update."""
    node = state.nodes.get(node_of_task(update.task_id))
    if update.state is not TaskState.FAILED or update.reason not in _UNTOLD or update.source != "SOURCE_AGENT":
        return None
    if node is None or node.task is None or node.agent is None or node.task.id != update.task_id:
        return None
    if state.framework_id is None:
        return None
    return Sandbox(update.task_id, state.framework_id, node.task.executor_id, node.agent.hostname, node.agent.url)


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
        lines = _tail(sandbox, tls)
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        return f"its last words could not be read: {_problem(error)}; look at {where}"
    return f"its last words: {' | '.join(lines)}" if lines else f"it wrote nothing to {where}"


def _tail(sandbox: Sandbox, tls: MakeContext | None) -> list[str]:
    opener = build_opener(ProxyHandler({}))
    if tls is not None:
        context = tls()
        # An agent's certificate often has only one of its names, nothing secret is sent, and the text is only shown.
        context.check_hostname = False
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    # A master can name the scheme http for an agent that only speaks TLS.
    url = sandbox.url if tls is None else f"https://{sandbox.url.partition('://')[2]}"
    size = int(str(_get(opener, url, sandbox.file, -1, 0)["offset"]))
    text = str(_get(opener, url, sandbox.file, max(0, size - TAIL_BYTES), TAIL_BYTES)["data"])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # The fetcher's lines before it say nothing more.
    return [line for line in lines if line.startswith(REFUSAL)] or lines[-LINES:]


def _get(opener: OpenerDirector, url: str, file: str, offset: int, length: int) -> dict[str, object]:
    query = f"path={quote(file, safe='')}&offset={offset}" + (f"&length={length}" if length else "")
    with opener.open(f"{url}/files/read?{query}", timeout=SECONDS) as response:
        found: dict[str, object] = json.loads(response.read(4 * TAIL_BYTES))
        return found


def _problem(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"the agent answers {error.code} {error.reason}"
    return str(error.reason if isinstance(error, URLError) else error)
