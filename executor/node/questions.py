"""Answers to the scheduler's questions, each on a thread of its own: an answer can take as long as S3 does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from executor.jmx.jolokia import JolokiaError
from executor.jobs.config_check import check_settings
from executor.jobs.context import NodeFacts, QuestionError
from executor.jobs.runner import Reporter
from executor.jobs.schema import read_schema
from executor.protocol import Answer, Question, encode_message
from executor.redaction import redact, traceback_of

_LOG = logging.getLogger(__name__)


# One about a store takes a client of more than ten megabytes, and a store that never answers keeps it for a minute.
_AT_ONCE = 4
# One place is for other questions: a store that answers a byte at a time can keep its own for as long as it likes.
_ABOUT_STORES, _OF_STORES_AT_ONCE = frozenset({"backups", "backup", "restore-plan"}), 3

QuestionAnswer = Callable[[NodeFacts, Mapping[str, Any]], Mapping[str, Any]]


def _when_asked(module: str, name: str) -> QuestionAnswer:
    """Return a function of a module about backups that is imported when first called: boto3 takes tens of megabytes."""

    def answer(node: NodeFacts, content: Mapping[str, Any]) -> Mapping[str, Any]:
        found: QuestionAnswer = getattr(import_module(module), name)
        return found(node, content)

    return answer


QUESTIONS: dict[str, QuestionAnswer] = {
    "schema": read_schema,
    "settings": check_settings,
    "backups": _when_asked("executor.backup.jobs.questions", "list_backups"),
    "backup": _when_asked("executor.backup.jobs.questions", "describe_backup"),
    "restore-plan": _when_asked("executor.restore.jobs.questions", "plan_restore"),
}


class Questions:
    """The answering threads. A question's content can hold secrets and is never logged."""

    def __init__(self, agent: Reporter) -> None:
        self._agent = agent
        self._free = threading.Semaphore(_AT_ONCE)
        self._free_of_stores = threading.Semaphore(_OF_STORES_AT_ONCE)

    def ask(self, question: Question, task_id: str, node: NodeFacts | None) -> None:
        """Answer on a thread, or refuse at once if too many questions are being answered.

        Args:
            question: The scheduler's question.
            task_id: The task of this node's Cassandra; empty if there is none.
            node: None while Cassandra does not run.
        """
        if (problem := self._enter(question)) is not None:
            self._send(question, task_id, node, "failed", problem)
            return
        arguments = (question, task_id, node)
        try:
            threading.Thread(target=self._run, args=arguments, name=f"question {question.subject}", daemon=True).start()
        except RuntimeError as error:  # the container has all threads that it may have; Cassandra must not end with it
            self._leave(question)
            self._send(question, task_id, node, "failed", f"the executor cannot start a thread: {error}")

    def _enter(self, question: Question) -> str | None:
        """Take a place, and return None; or return why there is none."""
        about_stores = question.subject in _ABOUT_STORES
        if about_stores and not self._free_of_stores.acquire(blocking=False):
            return f"the executor answers {_OF_STORES_AT_ONCE} questions about backups already; ask again later"
        if self._free.acquire(blocking=False):
            return None
        if about_stores:
            self._free_of_stores.release()
        return f"the executor answers {_AT_ONCE} questions already; ask again later"

    def _leave(self, question: Question) -> None:
        self._free.release()
        if question.subject in _ABOUT_STORES:
            self._free_of_stores.release()

    def _run(self, question: Question, task_id: str, node: NodeFacts | None) -> None:
        try:
            self._answer(question, task_id, node)
        finally:
            self._leave(question)

    def _answer(self, question: Question, task_id: str, node: NodeFacts | None) -> None:
        kind, problem, content = "", "", dict[str, Any]()
        try:
            content = dict(_answer(question, node))
        except QuestionError as error:
            kind, problem = error.kind, str(error)
        except JolokiaError as error:
            kind, problem = "failed", redact(_secrets(question), str(error))
        except Exception as error:  # noqa: BLE001 the border of a question: the API reports every failure
            secrets = _secrets(question)
            _LOG.error("question %s failed: %s", question.subject, redact(secrets, traceback_of(error)))
            kind, problem = "failed", redact(secrets, f"{type(error).__name__}: {error}")
        self._send(question, task_id, node, kind, problem, content)

    def _send(
        self,
        question: Question,
        task_id: str,
        node: NodeFacts | None,
        kind: str,
        problem: str,
        content: Mapping[str, Any] | None = None,
    ) -> None:
        name = "" if node is None else node.name
        self._agent.send(encode_message(Answer(question.id, name, task_id, content or {}, kind, problem)))


def _answer(question: Question, node: NodeFacts | None) -> Mapping[str, Any]:
    if node is None:
        raise QuestionError("failed", "Cassandra does not run")
    answer = QUESTIONS.get(question.subject)
    if answer is None:
        raise QuestionError("failed", f"this executor does not know the question {question.subject}")
    return answer(node, question.content)


def _secrets(question: Question) -> Mapping[str, str]:
    given = question.content.get("secrets")
    return {str(name): str(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
