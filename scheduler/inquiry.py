"""A question that any node may answer: one node after another is asked until one has. Or one that each is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from executor.protocol import Answer, Question
from scheduler.loop.messages import Event, QuestionAsked
from scheduler.loop.snapshot import QuestionRefused, Unavailable

ALL_SECONDS = 20.0
# After this time without a word the next node is asked too; the first one may still be the one that answers.
NODE_SECONDS = 6.0
# Trying settings starts a JVM on the node, which takes that much longer on a busy machine.
_SLOWER = {"settings": 3.0}
# A message to an executor may be lost.
ROUNDS = 2
_FINAL = ("unknown", "invalid")


class Inquiry:
    """Asks through the loop, on the thread of who wants to know. For one question."""

    def __init__(self, send: Callable[[Event], object], new_id: Callable[[], str]) -> None:
        self._send = send
        self._new_id = new_id
        self._pending: dict[Future[Answer], str] = {}  # the nodes that were asked
        self._failed: dict[str, str] = {}  # what those that failed said

    def ask(self, nodes: Sequence[str], subject: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """The first answer. Raises QuestionRefused, or Unavailable with the words of the last node that failed."""
        try:
            answer = self._ask(nodes, subject, content)
        finally:
            for future in self._pending:
                future.cancel()
        if answer is None:
            raise Unavailable(self._words(nodes, _SLOWER.get(subject, 1.0) * ALL_SECONDS))
        return answer.content

    def ask_each(self, subject: str, contents: Mapping[str, Mapping[str, Any]], seconds: float) -> Mapping[str, Answer]:
        """The answers of those nodes that have one within this time, each to its own content; see `failed`."""
        answers: dict[str, Answer] = {}
        begin = time.monotonic()
        try:
            for part in range(1, ROUNDS + 1):
                for node in contents.keys() - answers.keys() - self._failed.keys():
                    asked = QuestionAsked(node, Question(self._new_id(), subject, contents[node]))
                    self._send(asked)
                    self._pending[asked.answer] = node
                self._collect(begin + seconds * part / ROUNDS, answers, len(contents))
        finally:
            for future in self._pending:
                future.cancel()
        silent = contents.keys() - answers.keys() - self._failed.keys()
        self._failed |= dict.fromkeys(silent, f"no answer within {seconds:.0f} s")
        return answers

    def failed(self) -> Mapping[str, str]:
        """Why nodes have not answered."""
        return dict(self._failed)

    def _collect(self, until: float, answers: dict[str, Answer], wanted: int) -> None:
        while len(answers) + len(self._failed) < wanted and (left := until - time.monotonic()) > 0:
            for future in wait(self._pending, left, FIRST_COMPLETED).done:
                node = self._pending.pop(future)
                try:
                    answer = future.result()
                except Unavailable as error:
                    self._failed[node] = str(error)
                    continue
                if answer.problem:
                    self._failed[node] = answer.problem
                else:
                    answers[node] = answer

    def _ask(self, nodes: Sequence[str], subject: str, content: Mapping[str, Any]) -> Answer | None:
        slower = _SLOWER.get(subject, 1.0)
        deadline = time.monotonic() + slower * ALL_SECONDS
        for node in [*nodes] * ROUNDS:
            if node in self._failed:
                continue
            if time.monotonic() >= deadline:
                return None
            asked = QuestionAsked(node, Question(self._new_id(), subject, content))
            self._send(asked)
            self._pending[asked.answer] = node
            answer = self._wait(min(deadline, time.monotonic() + slower * NODE_SECONDS), asked.answer)
            if answer is not None:
                return answer
        return self._wait(deadline, None)

    def _wait(self, until: float, newest: Future[Answer] | None) -> Answer | None:
        """The next good answer, or None: the time is over, all have failed, or the newest that was asked has."""
        while self._pending and (left := until - time.monotonic()) > 0:
            done = wait(self._pending, left, FIRST_COMPLETED).done
            for future in done:
                answer = self._read(future, self._pending.pop(future))
                if answer is not None:
                    return answer
            if newest in done:
                return None
        return None

    def _read(self, future: Future[Answer], node: str) -> Answer | None:
        try:
            answer = future.result()
        except Unavailable as error:
            self._failed[node] = str(error)
            return None
        if answer.kind in _FINAL:
            raise QuestionRefused(answer.kind, answer.problem)
        if answer.problem:
            self._failed[node] = f"{node} has no answer: {answer.problem}"
            return None
        return answer

    def _words(self, nodes: Sequence[str], seconds: float) -> str:
        if self._failed:
            return list(self._failed.values())[-1]
        asked = nodes[0] if len(nodes) == 1 else f"any of {len(nodes)} nodes"
        return f"no answer from {asked} within {seconds:.0f} s"
