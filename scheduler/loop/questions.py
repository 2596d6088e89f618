"""Questions to executors: an API thread asks, the loop sends, a framework message answers."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from executor.protocol import Answer, NodeStatus, Question, StatusQuery, StatusReply, encode_message
from scheduler.core.cycle.decision import Ask
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import is_running
from scheduler.errors import NotConnectedError
from scheduler.loop.dispatch import Sender
from scheduler.loop.logins import completed
from scheduler.loop.messages import QuestionAsked, StatusAsked
from scheduler.loop.snapshot import Unavailable
from scheduler.security.sealing import Sealer, SealError

Value = TypeVar("Value")


class Questions:
    """The pending questions. Their callers can have stopped waiting."""

    def __init__(self, sender: Sender, sealer: Sealer | None = None) -> None:
        self._sender = sender
        self._sealer = sealer
        self._statuses: dict[str, Future[NodeStatus]] = {}
        self._answers: dict[str, Future[Answer]] = {}

    def ask(self, asked: StatusAsked | QuestionAsked, state: ClusterState) -> None:
        """Send the question, or refuse it at once with the reason."""
        self._statuses = {name: future for name, future in self._statuses.items() if not future.cancelled()}
        self._answers = {name: future for name, future in self._answers.items() if not future.cancelled()}
        node = state.nodes.get(asked.node)
        if node is None or node.task is None or node.agent is None or not is_running(node):
            refuse(asked.answer, f"{asked.node} does not run")
            return
        ask = Ask(node.name, node.task.executor_id, node.agent.id, node.task.id)
        try:
            question = StatusQuery(asked.id) if isinstance(asked, StatusAsked) else self._complete(asked, state)
            self._sender.message(ask, encode_message(question))
        except (NotConnectedError, SealError) as error:
            refuse(asked.answer, str(error))
            return
        if isinstance(asked, StatusAsked):
            self._statuses[asked.id] = asked.answer
        else:
            self._answers[asked.question.id] = asked.answer

    def _complete(self, asked: QuestionAsked, state: ClusterState) -> Question:
        """Return the question with the service's login where it has secrets. Raises SealError."""
        content = asked.question.content
        if state.logins is None or "secrets" not in content:
            return asked.question
        return replace(
            asked.question, content={**content, "secrets": completed(content["secrets"], state, self._sealer)}
        )

    def answer(self, reply: StatusReply | Answer) -> None:
        """Pass the executor's reply to its caller, if one waits."""
        if isinstance(reply, StatusReply):
            if (status := self._statuses.pop(reply.id, None)) is not None:
                fulfil(status, reply.status)
        elif (answer := self._answers.pop(reply.id, None)) is not None:
            fulfil(answer, reply)


def fulfil(future: Future[Value], value: Value) -> None:
    """Set the result, unless the caller stopped waiting."""
    with suppress(InvalidStateError):
        future.set_result(value)


def refuse(future: Future[Any], words: str) -> None:
    """Set Unavailable with this reason, unless the caller stopped waiting."""
    with suppress(InvalidStateError):
        future.set_exception(Unavailable(words))
