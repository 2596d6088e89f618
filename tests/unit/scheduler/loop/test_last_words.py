"""Where an executor's last words are looked for, and what is said where they are not to be had."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from scheduler.core.mesos.updates import ExecutorWords, TaskUpdate
from scheduler.core.state.node import TaskState
from scheduler.loop.last_words import LINES, TAIL_BYTES, LastWords, read, sandbox_of
from scheduler.loop.sandbox import Sandbox
from tests.http_servers import HttpServer, QuietHandler
from tests.unit.scheduler.core.samples import node, state

FILE = "/frameworks/f-1/executors/node-0_executor__a/runs/latest/stderr"


class FilesOfAnAgent:
    """Answers /files/read as an agent does; with another status if told to."""

    def __init__(self) -> None:
        self.text = ""
        self.status = 200
        self.paths: list[str] = []
        self._server = HttpServer(_handler(self))

    @property
    def url(self) -> str:
        return self._server.url

    def answer(self, query: dict[str, list[str]]) -> dict[str, Any]:
        self.paths += query["path"]
        offset = int(query["offset"][0])
        if offset < 0:
            return {"data": "", "offset": len(self.text)}
        return {"data": self.text[offset : offset + int(query["length"][0])], "offset": offset}

    def close(self) -> None:
        self._server.close()


def _handler(files: FilesOfAnAgent) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            body = json.dumps(files.answer(parse_qs(urlsplit(self.path).query))).encode()
            self.reply(files.status, body)

    return Handler


@pytest.fixture
def files() -> Iterator[FilesOfAnAgent]:
    found = FilesOfAnAgent()
    yield found
    found.close()


def sandbox(url: str) -> Sandbox:
    return Sandbox("node-0__a", "f-1", "node-0_executor__a", "host-1", url)


def test_the_last_lines_are_told(files: FilesOfAnAgent) -> None:
    files.text = "x" * TAIL_BYTES + "\n" + "".join(f"line {number}\n\n" for number in range(9))
    assert read(sandbox(files.url)) == "its last words: " + " | ".join(f"line {n}" for n in range(9 - LINES, 9))
    assert set(files.paths) == {FILE}


def test_the_refusal_of_a_bundle_is_told_alone(files: FilesOfAnAgent) -> None:
    refusal = "The bundle executor.tar.gz is refused: its SHA-256 is a, but b is expected."
    files.text = f"Fetched 'http://a/executor.tar.gz' to 'executor.tar.gz'\n{refusal}\n"
    assert read(sandbox(files.url)) == f"its last words: {refusal}"


def test_an_empty_file_is_told(files: FilesOfAnAgent) -> None:
    where = "stderr in the sandbox of executor node-0_executor__a on host-1"
    assert read(sandbox(files.url)) == f"it wrote nothing to {where}"


def test_where_to_look_is_told_if_it_cannot_be_read(files: FilesOfAnAgent) -> None:
    where = "look at stderr in the sandbox of executor node-0_executor__a on host-1"
    files.status = 401
    assert read(sandbox(files.url)) == f"its last words could not be read: the agent answers 401 Unauthorized; {where}"
    silent = "the agent host-1 at 127.0.0.1:1 does not answer: connection refused"
    assert read(sandbox("http://127.0.0.1:1")) == f"its last words could not be read: {silent}; {where}"
    assert read(sandbox("")) == "its last words are in stderr in the sandbox of executor node-0_executor__a on host-1"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param((302, b"", {"Location": "http://127.0.0.1:1/"}), "the agent answers 302 Found", id="a redirect"),
        pytest.param((200, b"[" * 100_000, {}), "its last words could not be read: ", id="nested too deep"),
        pytest.param((200, b"[" * 1024 + b"]" * 10, {}), "its last words could not be read: ", id="nested, and cut"),
        pytest.param((200, b"5", {}), "could not be read: the agent's answer is none about a file", id="a number"),
        pytest.param((200, b"{}", {}), "could not be read: the agent's answer is none about a file", id="no offset"),
    ],
)
def test_an_agent_with_another_answer_ends_nothing(answer: tuple[int, bytes, dict[str, str]], words: str) -> None:
    class Agent(QuietHandler):
        def do_GET(self) -> None:
            status, body, headers = answer
            self.reply(status, body, **headers)

    with HttpServer(Agent) as server:
        assert words in read(sandbox(server.url))


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n"])
def test_an_agent_that_answers_bit_by_bit_is_not_waited_for(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Agent(QuietHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                self.wfile.write(head)
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.01)  # less than the scheduler waits for a byte

    monkeypatch.setattr("scheduler.loop.sandbox.ALL_SECONDS", 0.3)
    with HttpServer(Agent) as server:
        assert "does not answer: no whole answer came within 0 s" in read(sandbox(server.url))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1:1", "gopher", "http://:5051"])
def test_what_is_no_address_of_an_agent_is_not_asked(url: str) -> None:
    assert "is not the address of an agent" in read(sandbox(url))


def test_they_come_from_a_thread_of_its_own(files: FilesOfAnAgent) -> None:
    files.text = "no python3.11\n"
    found: SimpleQueue[ExecutorWords] = SimpleQueue()
    words = LastWords(found.put)
    for _ in range(2):
        words.ask(sandbox(files.url))
        assert found.get(timeout=10) == ExecutorWords("node-0__a", "its last words: no python3.11")


ENDED = TaskUpdate(
    "node-0__a", TaskState.FAILED, "S0", reason="REASON_EXECUTOR_TERMINATED", source="SOURCE_AGENT", message="ended"
)


@pytest.mark.parametrize(
    ("update", "looked"),
    [
        (ENDED, True),
        (replace(ENDED, reason="REASON_CONTAINER_LAUNCH_FAILED"), True),
        (replace(ENDED, reason="", source="SOURCE_EXECUTOR"), False),
        (replace(ENDED, task_id="node-0__older"), False),
        (replace(ENDED, task_id="backup-node-0__a"), False),
        (replace(ENDED, state=TaskState.LOST), False),
    ],
)
def test_which_ends_are_looked_into(update: TaskUpdate, looked: bool) -> None:
    record = node(0)
    assert record.agent is not None
    found = replace(state(replace(record, agent=replace(record.agent, url="http://h:1"))), framework_id="f-1")
    expected = Sandbox("node-0__a", "f-1", "node-0_executor__a", record.agent.hostname, "http://h:1")
    assert sandbox_of(found, update) == (expected if looked else None)
