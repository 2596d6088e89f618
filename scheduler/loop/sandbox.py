"""Files of an executor's sandbox, read from its agent's endpoint.

The framework's secret for the master is never sent to agents. An agent that demands authentication refuses then.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote, urlsplit

from executor.untrusted import clean_text
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import NodeRecord
from scheduler.security.tls import openssl_words

MakeContext = Callable[[], ssl.SSLContext]
"""Returns the context for agents with TLS. Raises OSError."""

SECONDS = 3.0  # without a byte
ALL_SECONDS = 6.0
# JSON can write a byte in six.
_ESCAPED = 6
_ENVELOPE = 1024


class UnreadableError(Exception):
    """A file that cannot be read; the text gives the reason."""


class SilentAgentError(UnreadableError):
    """An agent that does not answer; `why` is the cause alone, and the text names the agent too."""

    def __init__(self, sandbox: Sandbox, why: str) -> None:
        super().__init__(f"the agent {sandbox.hostname} at {sandbox.address} does not answer: {why}")
        self.why = why


@dataclass(frozen=True)
class Sandbox:
    """An executor's sandbox; `url` is its agent's, empty if an earlier version of the scheduler launched it."""

    task_id: str
    framework_id: str
    executor_id: str
    hostname: str
    url: str

    @property
    def address(self) -> str:
        """The agent's address for a sentence, such as `10.0.0.1:5051`."""
        return urlsplit(self.url).netloc

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
        SilentAgentError: The agent does not answer.
        UnreadableError: It refuses, or has no such file.
    """
    context = None if tls is None else _context(tls)
    try:
        with _deadline(ALL_SECONDS) as deadline:
            end = int(str(_get(sandbox, name, (-1, 0), context, deadline)["offset"]))
            return clean_text(str(_get(sandbox, name, (max(0, end - size), size), context, deadline)["data"]))
    except RecursionError:
        raise UnreadableError("the agent's answer is nested too deep") from None
    except ssl.SSLError as error:
        where = f"the agent {sandbox.hostname} at {sandbox.address}"
        raise UnreadableError(f"TLS with {where} fails: {openssl_words(error)}") from error
    except OSError as error:
        raise SilentAgentError(sandbox, _words(error)) from error
    except (HTTPException, ValueError, KeyError, TypeError) as error:
        raise UnreadableError("the agent's answer is none about a file") from error


def _words(error: OSError) -> str:
    """Return the cause without its number, such as `connection refused`."""
    text = openssl_words(error)
    return text[:1].lower() + text[1:]


def _context(tls: MakeContext) -> ssl.SSLContext:
    try:
        context = tls()
    except OSError as error:
        raise UnreadableError(f"the files of TLS for Mesos cannot be used: {openssl_words(error)}") from error
    # An agent's certificate often has only one of its names, nothing secret is sent, and the text is only shown.
    context.check_hostname = False
    return context


class _Deadline:
    """The end of all requests for one file, however slowly an agent answers: its connections are shut down then."""

    def __init__(self) -> None:
        self.passed = False
        self._open: list[socket.socket] = []

    def watch(self, connection: HTTPConnection) -> None:
        """Shut this connection down at the deadline. The copy of its descriptor is one without TLS."""
        self._open.append(socket.socket(fileno=os.dup(connection.sock.fileno())))

    def end(self) -> None:
        """Shut all connections down."""
        self.passed = True
        for copy in self._open:
            with suppress(OSError):
                copy.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the copies."""
        for copy in self._open:
            copy.close()


@contextmanager
def _deadline(seconds: float) -> Iterator[_Deadline]:
    deadline = _Deadline()
    timer = threading.Timer(seconds, deadline.end)
    timer.start()
    try:
        yield deadline
    except (OSError, HTTPException, ValueError) as error:  # ValueError: an answer that was cut off
        if deadline.passed:
            raise TimeoutError(f"no whole answer came within {seconds:.0f} s") from error
        raise
    finally:
        timer.cancel()
        timer.join()
        deadline.close()


def _get(
    sandbox: Sandbox, name: str, part: tuple[int, int], context: ssl.SSLContext | None, deadline: _Deadline
) -> dict[str, object]:
    """Return the agent's answer about a part of a file: offset and length. No redirect is followed."""
    offset, length = part
    connection = _connection(sandbox.url, context)
    query = f"&offset={offset}" + (f"&length={length}" if length else "")
    try:
        connection.connect()
        deadline.watch(connection)
        connection.request("GET", f"/files/read?path={quote(sandbox.path(name), safe='')}{query}")
        response = connection.getresponse()
        if response.status != HTTPStatus.OK:
            raise UnreadableError(f"the agent answers {response.status} {response.reason}")
        found: dict[str, object] = json.loads(response.read(_ESCAPED * length + _ENVELOPE))
        return found
    finally:
        connection.close()


def _connection(url: str, context: ssl.SSLContext | None) -> HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UnreadableError(f"{url!r:.100} is not the address of an agent")
    # A master can name the scheme http for an agent that only speaks TLS.
    if context is None and parts.scheme == "http":
        return HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)
    return HTTPSConnection(parts.hostname, parts.port, timeout=SECONDS, context=context)
