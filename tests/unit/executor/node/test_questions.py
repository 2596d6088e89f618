"""Questions on their threads, against a Jolokia that is not there or answers as the test says."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from executor.jmx.jolokia import JolokiaError
from executor.node.questions import QUESTIONS, Questions
from executor.protocol import Answer, Question
from tests.unit.executor.jolokia_server import Answer as JolokiaAnswer
from tests.unit.executor.jolokia_server import Server
from tests.unit.executor.recorder import Sent, no_thread, node_facts
from tests.waiting import wait_for

SECRET = "wJalrXUtnFEMI"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def _ask(question: Question, volume: Path, server: Server | None = None) -> Answer:
    sent = Sent()
    Questions(sent).ask(question, "t1", node_facts(volume, None if server is None else server.client()))
    sent.until("the answer", lambda: bool(sent.of(Answer)))
    (answer,) = sent.of(Answer)
    assert (answer.id, answer.node, answer.task_id) == (question.id, "node-0", "t1")
    return answer


def _reply(value: Mapping[str, Any]) -> JolokiaAnswer:
    """Attributes by their names, the tables of a key space by its name."""

    def answer(body: Any) -> tuple[int, bytes]:
        if isinstance(body, list):
            return 200, json.dumps([{"status": 200, "value": value[item["attribute"]]} for item in body]).encode()
        return 200, json.dumps({"status": 200, "value": value[body["arguments"][0]]}).encode()

    return answer


def test_the_schema(tmp_path: Path, server: Server) -> None:
    server.answer = _reply(
        {
            "Keyspaces": ["user", "users", "system"],
            "NonLocalStrategyKeyspaces": ["users", "user"],
            "user": ["b", "a"],
            "users": [],
            "system": ["local"],
        }
    )
    answer = _ask(Question("q", "schema"), tmp_path, server)
    assert (answer.kind, answer.problem) == ("", "")
    assert answer.content["key_spaces"] == {
        "system": {"local": True, "tables": ["local"]},
        "user": {"local": False, "tables": ["a", "b"]},
        "users": {"local": False, "tables": []},
    }


def test_a_cassandra_that_does_not_answer_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answer = _ask(Question("q", "schema"), tmp_path)
    assert answer.kind == "failed"
    assert answer.problem == "Cassandra starts or ends: nothing listens on 127.0.2.9:1"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("content", [{}, {"secrets": {"s3_secret_key": SECRET}}, {"secrets": SECRET}])
def test_an_unknown_question(tmp_path: Path, content: Mapping[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = _ask(Question("q", "weather", content), tmp_path)
    assert (answer.kind, answer.problem) == ("failed", "this executor does not know the question weather")
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(TypeError(f"{SECRET} is not iterable"), "TypeError: … is not iterable", id="another form"),
        pytest.param(JolokiaError(f"no table {SECRET}"), "no table …", id="refused"),
    ],
)
def test_a_question_that_breaks_is_answered_without_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, words: str
) -> None:
    def breaks(*_arguments: object) -> Mapping[str, Any]:
        raise error

    monkeypatch.setitem(QUESTIONS, "breaks", breaks)
    question = Question("q", "breaks", {"secrets": {"s3_secret_key": SECRET, "region": ""}})
    answer = _ask(question, tmp_path)
    assert (answer.kind, answer.problem) == ("failed", words)
    assert ("question breaks failed: " in caplog.text) is isinstance(error, TypeError)
    assert SECRET not in caplog.text


def held_question(monkeypatch: pytest.MonkeyPatch, subject: str) -> threading.Event:
    """Have questions about a subject wait for the event that is returned."""
    held = threading.Event()

    def wait(*_arguments: object) -> Mapping[str, Any]:
        held.wait(10.0)
        return {}

    monkeypatch.setitem(QUESTIONS, subject, wait)
    return held


def test_few_questions_are_answered_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those to a store that never answers would take all memory."""
    held = held_question(monkeypatch, "slow")
    sent = Sent()
    questions = Questions(sent)
    for number in range(16):
        questions.ask(Question(str(number), "slow"), "t1", node_facts(tmp_path, None))
    refused = [answer for answer in sent.of(Answer) if "answers 4 questions already" in answer.problem]
    assert {(answer.kind, answer.node) for answer in refused} == {("failed", "node-0")}
    assert len(refused) == 12
    held.set()
    sent.until("the others", lambda: len(sent.of(Answer)) == 16)
    questions.ask(Question("again", "slow"), "t1", node_facts(tmp_path, None))
    sent.until("one more", lambda: len(sent.of(Answer)) == 17)
    assert sent.of(Answer)[-1].problem == ""


def test_a_question_without_a_thread_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent()
    questions = Questions(sent)
    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", no_thread)
        for _ in range(9):
            questions.ask(Question("q", "unheard of"), "t1", node_facts(tmp_path))
    questions.ask(Question("q", "unheard of"), "t1", node_facts(tmp_path))
    sent.until("ten answers", lambda: len(sent.of(Answer)) == 10)
    words = [answer.problem for answer in sent.of(Answer)]
    assert words[:9] == ["the executor cannot start a thread: can't start new thread"] * 9
    assert "does not know the question" in words[9]


def test_a_slow_store_keeps_no_other_question_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers a byte at a time keeps its places: the schema, and the check of settings, need one too."""
    held = held_question(monkeypatch, "backups")
    monkeypatch.setitem(QUESTIONS, "quick", lambda *_arguments: {})
    sent = Sent()
    questions = Questions(sent)
    try:
        for number in range(8):
            questions.ask(Question(str(number), "backups"), "t1", node_facts(tmp_path, None))
        words = "the executor answers 3 questions about backups already; ask again later"
        assert [answer.problem for answer in sent.of(Answer)] == [words] * 5
        questions.ask(Question("other", "quick"), "t1", node_facts(tmp_path, None))
        wait_for("the other answer", lambda: any(answer.id == "other" for answer in sent.of(Answer)))
        assert sent.of(Answer)[-1].problem == ""
    finally:
        held.set()
    wait_for("all answers", lambda: len(sent.of(Answer)) == 9)

    def is_answered() -> bool:  # a place is free a moment after its answer
        questions.ask(Question("again", "backups"), "t1", node_facts(tmp_path, None))
        return any(answer.id == "again" and not answer.problem for answer in sent.of(Answer))

    wait_for("an answer to another one", is_answered)
