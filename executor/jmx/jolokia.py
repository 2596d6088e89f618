"""A client of the Jolokia agent in a Cassandra process: JMX over HTTP with JSON."""

from __future__ import annotations

import base64
import http.client
import json
import math
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from executor.number_text import LARGEST

STORAGE_SERVICE = "org.apache.cassandra.db:type=StorageService"
ENDPOINT_SNITCH = "org.apache.cassandra.db:type=EndpointSnitchInfo"
FAILURE_DETECTOR = "org.apache.cassandra.net:type=FailureDetector"

# Answers are far smaller; a longer one is cut and then not valid JSON.
_MAXIMUM_ANSWER = 64 * 1024 * 1024
# For a failed call, Jolokia reports only the outermost exception; the stack trace has its causes.
_WITH_CAUSES = {"includeStackTrace": "true"}
_CAUSED_BY = "Caused by: "
# The name of an exception before its message.
EXCEPTION = re.compile(r"(?<![\w$.])(?:[a-z_][\w$]*\.)+[A-Z][\w$]* ?: +")


class JolokiaError(Exception):
    """Jolokia did not answer, or the call failed in Cassandra; the text gives the cause."""


class NotReachableError(JolokiaError):
    """No answer: Cassandra has not started yet, is stuck or has ended."""


@dataclass(frozen=True)
class Attribute:
    """One attribute of one MBean."""

    mbean: str
    name: str


@dataclass(frozen=True)
class Jolokia:
    """The agent's address and login. Each call has its own connection: calls are rare and can run in parallel."""

    address: str
    port: int
    user: str
    password: str

    def read(self, wanted: Sequence[Attribute], timeout: float) -> dict[Attribute, Any]:
        """Read attributes; one that cannot be read has no entry.

        They are read in one request. But while a node joins, one attribute that fails makes Jolokia answer the whole
        request with its error. Then each attribute is read on its own.

        Raises:
            NotReachableError: There is no answer.
            JolokiaError: The answer is not valid.
        """
        requests = [{"type": "read", "mbean": item.mbean, "attribute": item.name} for item in wanted]
        answers = self._call(requests, timeout)
        if not isinstance(answers, list):
            answers = [self._call(request, timeout) for request in requests]
        if len(answers) != len(requests):
            raise JolokiaError(f"{len(answers)} answers to {len(requests)} requests")
        return {item: answer["value"] for item, answer in zip(wanted, answers, strict=True) if _succeeded(answer)}

    def execute(self, mbean: str, operation: str, arguments: Sequence[Any], timeout: float) -> Any:
        """Call an operation, with its signature in brackets if it is overloaded, and return its result.

        Example: `decommission(boolean)`. Raises NotReachableError, JolokiaError; `timeout` is in seconds.
        """
        body = {**_call_of(mbean, operation), "arguments": list(arguments)}
        return _value(self._call(body, timeout))

    def execute_each(self, mbean: str, operation: str, arguments: Sequence[Any], timeout: float) -> list[Any]:
        """Call an operation once for each argument, in one request, and return the results in their order.

        Raises NotReachableError, JolokiaError; `timeout` is in seconds.
        """
        if not arguments:
            return []
        call = _call_of(mbean, operation)
        answers = self._call([{**call, "arguments": [argument]} for argument in arguments], timeout)
        if not isinstance(answers, list):  # the whole request has failed
            raise JolokiaError(str(_value(answers)))
        return [_value(answer) for answer in answers]

    def search(self, pattern: str, timeout: float) -> list[str]:
        """Return the names of the registered MBeans that match a pattern. Raises JolokiaError."""
        return list(_value(self._call({"type": "search", "mbean": pattern}, timeout)))

    def notifications(self, command: str, timeout: float, **details: str) -> Any:
        """Send one of Jolokia's commands about notifications (register, add, unregister, …) and return its result."""
        return _value(self._call({"type": "notification", "command": command, **details}, timeout))

    def _call(self, body: Any, timeout: float) -> Any:
        connection = _Connection(self.address, self.port, timeout=timeout)
        try:
            connection.request("POST", "/jolokia/", json.dumps(body), self._headers())
            response = connection.getresponse()
            text = response.read(_MAXIMUM_ANSWER)
        except ConnectionRefusedError as error:
            raise NotReachableError(
                f"Cassandra starts or ends: nothing listens on {self.address}:{self.port}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise NotReachableError(f"Jolokia on {self.address}:{self.port}: {type(error).__name__} {error}") from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise JolokiaError(f"Jolokia on {self.address}:{self.port} answers {response.status} {response.reason}")
        try:
            return json.loads(text, parse_constant=str, parse_float=_decimal, parse_int=_whole)
        except (RecursionError, ValueError) as error:
            raise JolokiaError(f"Jolokia on {self.address}:{self.port} answers no JSON: {error}") from error

    def _headers(self) -> dict[str, str]:
        credential = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {credential}", "Content-Type": "application/json"}


class _Connection(http.client.HTTPConnection):
    """A connection whose timeout is that of the whole answer, and not of each of its pieces."""

    def connect(self) -> None:
        super().connect()
        assert isinstance(self.sock, socket.socket)
        assert self.timeout is not None
        timed = _Socket(fileno=self.sock.detach())
        timed.deadline = time.monotonic() + self.timeout
        timed.settimeout(self.timeout)
        self.sock = timed


class _Socket(socket.socket):
    deadline = math.inf

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)
        return super().recv_into(*arguments, **named)


def _decimal(text: str) -> float | str:
    """Return a number; one that no other program takes stays a text, as Jolokia itself sends NaN and infinity."""
    return value if math.isfinite(value := float(text)) else text


def _whole(text: str) -> int | str:
    return value if len(text) <= 20 and abs(value := int(text)) <= LARGEST else text


def _call_of(mbean: str, operation: str) -> dict[str, Any]:
    return {"type": "exec", "mbean": mbean, "operation": operation, "config": _WITH_CAUSES}


def _value(answer: Any) -> Any:
    if not isinstance(answer, dict):
        raise JolokiaError("the answer is not a JSON object")
    if not _succeeded(answer):
        error = str(answer.get("error", f"status {answer.get('status')}"))
        raise JolokiaError(with_causes(error, str(answer.get("stacktrace") or "")))
    return answer.get("value")


def with_causes(error: str, stack_trace: str) -> str:
    """Return an exception's message followed by those of its causes down to the root, each once, without classes."""
    words, _, rest = error.partition("\n")
    for line in stack_trace.splitlines():
        if line.startswith(_CAUSED_BY):
            cause = EXCEPTION.sub("", line.removeprefix(_CAUSED_BY)).strip()
            if cause not in words:
                words = f"{words}: {cause}"
    return f"{words}\n{rest}" if rest else words


def _succeeded(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.get("status") == http.HTTPStatus.OK and "value" in answer
