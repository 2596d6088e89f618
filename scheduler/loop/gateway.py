"""The API's port to the loop: last snapshot, commands, questions. Many threads use it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

from executor.protocol import Answer, NodeStatus, Question
from scheduler.core.commands.command import Command, Refusal
from scheduler.core.ring.missing import describe_missing
from scheduler.core.state.event import EntryKind
from scheduler.core.state.lifecycle import by_index, is_up
from scheduler.loop.messages import Asked, Event, Noted, QuestionAsked, StatusAsked
from scheduler.loop.snapshot import QuestionRefused, Snapshot, Unavailable

COMMAND_SECONDS = 10.0
STATUS_SECONDS = 5.0
STATUS_TRIES = 3

ALL_SECONDS = 20.0
# After this time without an answer the next node is asked too; the first one can still answer.
NODE_SECONDS = 6.0
# On a busy machine these take so much longer: a config check starts a JVM on the node, and the first question about a
# store has its executor unpack and load the client.
_SLOWER = {"settings": 3.0, "backups": 2.0, "backup": 2.0}
# A message to an executor can be lost.
ROUNDS = 2
_FINAL = ("unknown", "invalid")


class LoopGateway:
    """A Gateway. Until `open` and the first snapshot, it refuses with the reason that `explain` set."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._put: Callable[[Event], object] | None = None
        self._snapshot: Snapshot | None = None
        self._published_at = time.monotonic()
        self._reason = "the scheduler is starting"
        self._published = threading.Condition()
        self._ending = False

    def explain(self, reason: str) -> None:
        """Set the reason why there is no snapshot."""
        self._reason = reason

    def open(self, put: Callable[[Event], object]) -> None:
        """Pass commands to the loop from now on."""
        self._put = put

    def shut(self, reason: str) -> None:
        """Pass no command to the loop from now on; the last snapshot is still served."""
        self._put, self._reason = None, reason

    def publish(self, snapshot: Snapshot) -> None:
        """Serve this snapshot from now on."""
        with self._published:
            self._snapshot, self._published_at = snapshot, time.monotonic()
            self._published.notify_all()

    def silent_seconds(self) -> float:
        """Return the seconds since the loop published last, by a clock that is never set."""
        return time.monotonic() - self._published_at

    def end(self) -> None:
        """Have streams end. A signal handler can call it."""
        self._ending = True

    @property
    def ending(self) -> bool:
        """Whether `end` was called."""
        return self._ending

    def newer(self, than: Snapshot | None, seconds: float) -> Snapshot:
        """Wait up to `seconds` for a snapshot other than `than`, and return the published one; raises Unavailable."""
        with self._published:
            self._published.wait_for(lambda: self._snapshot is not None and self._snapshot is not than, seconds)
        return self.snapshot()

    def snapshot(self) -> Snapshot:
        """Return the last published snapshot; raises Unavailable before the first."""
        if self._snapshot is None:
            raise Unavailable(f"the state is not readable yet: {self._reason}")
        return self._snapshot

    def submit(self, command: Command, principal: str, reason: str = "") -> Refusal | None:
        """Have the loop carry out a command; returns once its outcome is stored."""
        asked = Asked(command, principal, reason)
        self._send(asked)
        try:
            return asked.answer.result(COMMAND_SECONDS)
        except (FutureTimeoutError, CancelledError) as error:
            if asked.answer.cancel():
                raise Unavailable(
                    f"the command was dropped: the scheduler was busy for {COMMAND_SECONDS:.0f} s; send it again"
                ) from error
            raise Unavailable(
                f"the command was not confirmed within {COMMAND_SECONDS:.0f} s; read the plan to see if it holds"
            ) from error

    def note(self, sentence: str) -> None:
        """Have the loop keep an event of the kind ACCESS; it is dropped while no loop runs."""
        if (put := self._put) is not None:
            put(Noted(sentence))

    def note_certificate(self, sentence: str) -> bool:
        """Have the loop keep an event of the kind CERTIFICATE; return whether a loop runs that can."""
        put = self._put
        if put is not None:
            put(Noted(sentence, EntryKind.CERTIFICATE))
        return put is not None

    def ask(self, node: str) -> NodeStatus:
        """Query a node's status from its executor."""
        if node not in self.snapshot().state.nodes:
            raise KeyError(node)
        asked = StatusAsked(node, self._new_id())
        for _ in range(STATUS_TRIES):
            self._send(asked)
            try:
                return asked.answer.result(STATUS_SECONDS / STATUS_TRIES)
            except (FutureTimeoutError, CancelledError):
                continue  # the query can be lost, for example while an agent restarts
        asked.answer.cancel()
        words = f"the executor of {node} did not answer within {STATUS_SECONDS:.0f} s"
        record = self.snapshot().state.nodes.get(node)
        if record is not None and record.missing is not None:
            words = f"{words}: {describe_missing(record)}"
        raise Unavailable(words)

    def question(self, subject: str, content: Mapping[str, Any], first: str = "") -> Mapping[str, Any]:
        """Return the answer of any node that is up; the node `first` is asked first, if it is up."""
        nodes = [node.name for node in by_index(self.snapshot().state.nodes.values()) if is_up(node)]
        nodes.sort(key=lambda name: name != first)
        if not nodes:
            raise Unavailable("no node can answer: no node is NORMAL")
        return Inquiry(self._send, self._new_id).ask(nodes, subject, content)

    def question_each(
        self, subject: str, contents: Mapping[str, Mapping[str, Any]], seconds: float
    ) -> Mapping[str, Mapping[str, Any] | Unavailable]:
        """Return each node's answer to its own content, or why there is none."""
        inquiry = Inquiry(self._send, self._new_id)
        found = inquiry.ask_each(subject, contents, seconds)
        answers: dict[str, Mapping[str, Any] | Unavailable] = {node: answer.content for node, answer in found.items()}
        return {**answers, **{node: Unavailable(why) for node, why in inquiry.failed().items() if node not in answers}}

    def _send(self, event: Event) -> None:
        put = self._put
        if put is None:
            raise Unavailable(f"the command was not accepted: {self._reason}")
        put(event)


class Inquiry:
    """One question, asked through the loop on the caller's thread."""

    def __init__(self, send: Callable[[Event], object], new_id: Callable[[], str]) -> None:
        self._send = send
        self._new_id = new_id
        self._pending: dict[Future[Answer], str] = {}  # the nodes that were asked
        self._failed: dict[str, str] = {}  # the reasons of those that failed

    def ask(self, nodes: Sequence[str], subject: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the first answer.

        Raises:
            QuestionRefused: The node refused the question.
            Unavailable: No node answered; the text is the last failure's.
        """
        try:
            answer = self._ask(nodes, subject, content)
        finally:
            for future in self._pending:
                future.cancel()
        if answer is None:
            raise Unavailable(self._words(nodes, _SLOWER.get(subject, 1.0) * ALL_SECONDS))
        return answer.content

    def ask_each(self, subject: str, contents: Mapping[str, Mapping[str, Any]], seconds: float) -> Mapping[str, Answer]:
        """Return the answers that arrive within `seconds`, each to its own content; see `failed`."""
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
        """Return the reason of each node that did not answer."""
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
        """Return the next good answer; None if the time is over, all failed, or the newest one asked failed."""
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
            self._failed[node] = f"{node} could not answer: {answer.problem}"
            return None
        return answer

    def _words(self, nodes: Sequence[str], seconds: float) -> str:
        if self._failed:
            return list(self._failed.values())[-1]
        asked = nodes[0] if len(nodes) == 1 else f"any of {len(nodes)} nodes"
        return f"no answer from {asked} within {seconds:.0f} s"
