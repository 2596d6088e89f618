"""Files of an executor's sandbox, read from its agent's endpoint.

The framework's secret for the master is never sent to agents. An agent that demands authentication refuses then.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, build_opener

from executor.untrusted import clean_text
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import NodeRecord

MakeContext = Callable[[], ssl.SSLContext]
"""Returns the context for agents with TLS. Raises OSError."""

SECONDS = 3.0  # for each of two requests
# JSON can write a byte in six.
_ESCAPED = 6
_ENVELOPE = 1024


class UnreadableError(Exception):
    """A file that cannot be read; the text gives the reason."""


@dataclass(frozen=True)
class Sandbox:
    """An executor's sandbox; `url` is its agent's, empty if an earlier version of the scheduler launched it."""

    task_id: str
    framework_id: str
    executor_id: str
    hostname: str
    url: str

    def path(self, name: str) -> str:
        """Return the virtual path of a file, which does not depend on the agent's work directory."""
        return f"/frameworks/{self.framework_id}/executors/{self.executor_id}/runs/latest/{name}"


def sandbox_of_node(state: ClusterState, node: NodeRecord | None) -> Sandbox | None:
    """Return the sandbox of a node's newest task; None for a node that was never launched."""
    if node is None or node.task is None or node.agent is None or state.framework_id is None:
        return None
    return Sandbox(node.task.id, state.framework_id, node.task.executor_id, node.agent.hostname, node.agent.url)


def read_tail(sandbox: Sandbox, name: str, size: int, tls: MakeContext | None = None) -> str:
    """Return the last bytes of a file as text.

    Args:
        sandbox: The sandbox, whose agent's address is known.
        name: The file's path in it.
        size: The largest number of bytes.
        tls: For agents with TLS.

    Raises:
        UnreadableError: The agent does not answer, refuses, or has no such file.
    """
    try:
        opener = _opener(tls)
        # A master can name the scheme http for an agent that only speaks TLS.
        url = sandbox.url if tls is None else f"https://{sandbox.url.partition('://')[2]}"
        file = f"{url}/files/read?path={quote(sandbox.path(name), safe='')}"
        end = int(str(_get(opener, file, -1, 0)["offset"]))
        return clean_text(str(_get(opener, file, max(0, end - size), size)["data"]))
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise UnreadableError(_problem(error)) from error


def _opener(tls: MakeContext | None) -> OpenerDirector:
    if tls is None:
        return build_opener(ProxyHandler({}))
    context = tls()
    # An agent's certificate often has only one of its names, nothing secret is sent, and the text is only shown.
    context.check_hostname = False
    return build_opener(ProxyHandler({}), HTTPSHandler(context=context))


def _get(opener: OpenerDirector, file: str, offset: int, length: int) -> dict[str, object]:
    query = f"&offset={offset}" + (f"&length={length}" if length else "")
    with opener.open(file + query, timeout=SECONDS) as response:
        found: dict[str, object] = json.loads(response.read(_ESCAPED * length + _ENVELOPE))
        return found


def _problem(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"the agent answers {error.code} {error.reason}"
    return str(error.reason if isinstance(error, URLError) else error)
