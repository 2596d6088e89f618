"""HTTP requests to the scheduler's REST API. Every error becomes one sentence and an exit code."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from cli.errors import ExitCode, Failure, code_of_status
from cli.tls import explain, make_context
from cli.units import WHOLE
from cli.wording import as_options

# A node has 40 s to list backups.
READ_SECONDS = 60.0
# A restore's preview takes up to a minute, and a config check starts a JVM.
COMMAND_SECONDS = 150.0
STREAM_SECONDS = 60.0
CONNECTIONS = 8
# The statuses of a thousand nodes, which name one another, have some 20 MB. An event has a few kB.
LARGEST_BYTES, LARGEST_EVENT_BYTES = 128 * 1024**2, 1024**2
_LONGEST_MESSAGE = 10_000
_DISCONNECTED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True)
class Target:
    """The address of the API and what is needed to talk to it. The token is never shown."""

    url: str
    token: str = field(default="", repr=False)
    ca: str = ""
    cert: str = ""
    key: str = ""
    # The operator's reason for commands.
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """The answer to a request; `content` is decoded JSON, or the text of any other format."""

    status: int
    content: Any
    is_page: bool = False


class Client:
    """A client of one API, for any number of threads; each thread keeps a connection for its reads."""

    def __init__(self, target: Target) -> None:
        parts = parse_url(target.url)
        self.base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._parts, self._target = parts, target
        self._tls = make_context(target.ca, target.cert, target.key) if parts.scheme == "https" else None
        self._local = threading.local()
        self._kept: list[http.client.HTTPConnection] = []
        if not (target.token.isascii() and target.token.isprintable()):
            raise Failure("The token must be printable ASCII characters.", ExitCode.USAGE)
        self.requests: list[tuple[str, str]] = []
        # The age of the oldest answer, in seconds, if the API answered from an old state.
        self.age_seconds = 0

    def close(self) -> None:
        """Close the kept connections; no thread may be reading."""
        for connection in self._kept:
            connection.close()
        self._kept.clear()

    def get(self, path: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """Return the content of the answer to a GET.

        Raises:
            Failure: The API refused the request or is not reachable.
        """
        with _options_for_fields():
            return self._document(self.ask("GET", path, query, headers=headers), f"GET {path}")

    def get_all(self, paths: Sequence[str]) -> list[Any]:
        """Return the contents of several GETs in their order; a failed one is its Failure. Some run at once."""
        from concurrent.futures import ThreadPoolExecutor

        def get(path: str) -> Any:
            try:
                return self.get(path)
            except Failure as failure:
                return failure

        with ThreadPoolExecutor(max(1, min(CONNECTIONS, len(paths)))) as pool:
            return list(pool.map(get, paths))

    def send(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """Return the content of the answer to a PUT or POST.

        Raises:
            Failure: The API refused the request or is not reachable.
        """
        with _options_for_fields():
            return self._document(self.ask(method, path, query, body), f"{method} {path}")

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return its answer. A refusal has the API's own words.

        Raises:
            Failure: The API refused the request or is not reachable.
        """
        data = None if body is None else json.dumps(body).encode()
        response, content = self._exchange(method, self._address(path, query), data, headers or {})
        answer = Answer(response.status, _decode(response, content), _type(response) == "text/html")
        age = response.getheader("X-State-Age", "")
        self.age_seconds = max(self.age_seconds, int(age) if WHOLE.fullmatch(age) else 0)
        if not 200 <= response.status < 300:
            raise self._refusal(answer, f"{method} {path}")
        return answer

    def stream(self, path: str, query: Mapping[str, str], last_id: str = "") -> Iterator[str]:
        """Yield the lines of a stream of server-sent events until it ends.

        Raises:
            Failure: The API refused the request, or the connection was lost.
        """
        connection = self._connect(STREAM_SECONDS)
        headers = {**self._headers(), **({"Last-Event-ID": last_id} if last_id else {})}
        try:
            self.requests.append(("GET", path))
            connection.request("GET", self._address(path, query), headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                answer = Answer(response.status, _decode(response, _whole(response)))
                raise Failure(_sentence(answer, f"GET {path}"), code_of_status(response.status))
            yield from _lines(response)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _exchange(
        self, method: str, address: str, data: bytes | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self.requests.append((method, address.removeprefix(self._parts.path.rstrip("/")).partition("?")[0]))
        try:
            if method != "GET":
                # A command must be sent once, so it never uses a connection that the server may have closed.
                return _one(self._connect(COMMAND_SECONDS), method, address, data, self._command_headers(data))
            return self._read(address, {**self._headers(), **headers})
        except http.client.InvalidURL as error:
            raise Failure(f"The request {method} {address} cannot be sent: {error}.", ExitCode.USAGE) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        except ValueError as error:
            # A header's value cannot be sent; the message would quote it, and it can be a secret.
            raise Failure(
                f"The request {method} {address} has a header that cannot be sent.", ExitCode.USAGE
            ) from error

    def _read(self, address: str, headers: Mapping[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
        kept: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if kept is not None:
            with suppress(*_DISCONNECTED):
                return _keep(kept, address, headers)
        self._local.connection = self._connect(READ_SECONDS)
        self._kept.append(self._local.connection)
        return _keep(self._local.connection, address, headers)

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port
        if self._tls is not None:
            return http.client.HTTPSConnection(host, port, timeout=seconds, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=seconds)

    def _headers(self, data: bytes | None = None) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "cassandra-mesos"}
        if self._target.token:
            headers["Authorization"] = f"token={self._target.token}"
        if data is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def _command_headers(self, data: bytes | None) -> dict[str, str]:
        # http.client encodes headers as Latin-1; the API reads UTF-8.
        reason = self._target.reason.encode().decode("latin-1")
        return {**self._headers(data), **({"X-Reason": reason} if reason else {})}

    def _address(self, path: str, query: Mapping[str, str] | None) -> str:
        words = urlencode({name: value for name, value in (query or {}).items() if value != ""})
        return f"{self._parts.path.rstrip('/')}{path}{'?' if words else ''}{words}"

    def _document(self, answer: Answer, request: str) -> Any:
        """Return the content of an answer, which no page is: routers and log-ins answer with pages, and with 200."""
        if answer.is_page:
            cause = f"{request} brought a page in HTML, as of a router: check the URL, or log in there"
            raise Failure(f"The API at {self.base} cannot be reached: {cause}.", ExitCode.NOT_REACHABLE)
        return answer.content

    def _refusal(self, answer: Answer, request: str) -> Failure:
        code = code_of_status(answer.status)
        said = _message(answer)
        if answer.status == 401 and said.startswith("A token is needed") and not self._target.token:
            how = "give --token-file, set CASSANDRA_MESOS_TOKEN_FILE, or choose a context with one"
            how += "; or give --cert" if "client certificate" in said else ""
            return Failure(f"The API at {self.base} wants a token: {how}.", code, answer.content)
        if code is ExitCode.NOT_FOUND and not said:  # the API says what it does not have
            cause = f"{request} failed with {answer.status}, as of another server: check the URL"
            return Failure(f"The API at {self.base} cannot be reached: {cause}.", ExitCode.NOT_REACHABLE)
        return Failure(_sentence(answer, request), code, answer.content)

    def _unreachable(self, error: Exception) -> Failure:
        if isinstance(error, ssl.SSLError):
            cause = explain(error)
        elif isinstance(error, TimeoutError):
            cause = "it does not answer in time"
        else:
            cause = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        return Failure(f"The API at {self.base} cannot be reached: {cause}.", ExitCode.NOT_REACHABLE)


def parse_url(url: str) -> SplitResult:
    """Return the parts of an API's address. Raises Failure."""
    parts = _split(url)
    if parts.username or parts.password:
        raise Failure("The URL must not contain credentials; give a token file.", ExitCode.USAGE)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure(f"The URL {url} must be http://host[:port][/path] or https://….", ExitCode.USAGE)
    return parts


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        _ = parts.port  # checked when it is read
    except ValueError as error:
        # What comes before an @ can be a password.
        raise Failure(f"The URL {url.rpartition('@')[2]} is not valid: {error}.", ExitCode.USAGE) from error
    return parts


def segment(text: str) -> str:
    """Return a text as one part of a path."""
    return quote(text, safe="")


def _one(
    connection: http.client.HTTPConnection, method: str, address: str, data: bytes | None, headers: Mapping[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    try:
        return _exchange(connection, method, address, data, headers)
    finally:
        connection.close()


def _keep(
    connection: http.client.HTTPConnection, address: str, headers: Mapping[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    try:
        return _exchange(connection, "GET", address, None, headers)
    except (OSError, http.client.HTTPException):
        connection.close()  # else it waits for the rest of this answer, and refuses each later request
        raise


def _exchange(
    connection: http.client.HTTPConnection, method: str, address: str, data: bytes | None, headers: Mapping[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, address, body=data, headers=dict(headers))
    response = connection.getresponse()
    return response, _whole(response)


class _TooLargeError(http.client.HTTPException):
    """An answer that is longer than any of the API: without a limit it would take all memory."""


def _whole(response: http.client.HTTPResponse) -> bytes:
    content = response.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise _TooLargeError(f"its answer has more than {LARGEST_BYTES} bytes")
    return content


def _lines(response: http.client.HTTPResponse) -> Iterator[str]:
    size = 0
    while line := response.readline(LARGEST_EVENT_BYTES + 1):
        size = size + len(line) if line.strip() else 0
        if size > LARGEST_EVENT_BYTES:
            raise _TooLargeError(f"one of its events has more than {LARGEST_EVENT_BYTES} bytes")
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _decode(response: http.client.HTTPResponse, content: bytes) -> Any:
    text = content.decode("utf-8", "replace")
    if _type(response) != "application/json":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Failure(f"The answer of {response.status} is not JSON: {error}.") from error


def _type(response: http.client.HTTPResponse) -> str:
    return response.getheader("Content-Type", "").partition(";")[0].strip().lower()


@contextmanager
def _options_for_fields() -> Iterator[None]:
    """Raise a refusal of the API again, in the words of this program."""
    try:
        yield
    except Failure as failure:
        if failure.document is None:
            raise
        raise Failure(as_options(str(failure)), failure.code, failure.document) from failure


def _sentence(answer: Answer, request: str) -> str:
    """Return the API's own sentence, or one about an answer that came from another server, such as a router."""
    if message := _message(answer):
        return message
    if 300 <= answer.status < 400:
        return f"{request} was redirected ({answer.status}): give the URL of the API itself."
    return f"{request} failed with {answer.status}."


def _message(answer: Answer) -> str:
    found = answer.content.get("message") if isinstance(answer.content, dict) else None
    return found[:_LONGEST_MESSAGE] if isinstance(found, str) else ""
