"""Live questions to executors: asked by an API thread, sent by the loop, answered by a framework message."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TypeVar

from executor.protocol import NodeStatus, StatusQuery, StatusReply, encode_message
from scheduler.core.decision import Ask
from scheduler.core.lifecycle import is_running
from scheduler.core.state import ClusterState
from scheduler.errors import NotConnectedError
from scheduler.events import StatusAsked
from scheduler.sending import Sender
from scheduler.snapshot import Unavailable

Value = TypeVar("Value")


class Questions:
    """Those that wait for an answer. Who asked may have gone meanwhile."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._waiting: dict[str, Future[NodeStatus]] = {}

    def ask(self, asked: StatusAsked, state: ClusterState) -> None:
        """Send the question, or say at once why it has no answer."""
        self._waiting = {name: future for name, future in self._waiting.items() if not future.cancelled()}
        node = state.nodes.get(asked.node)
        if node is None or node.task is None or node.agent is None or not is_running(node):
            refuse(asked.answer, f"{asked.node} does not run")
            return
        ask = Ask(node.name, node.task.executor_id, node.agent.id, node.task.id)
        try:
            self._sender.message(ask, encode_message(StatusQuery(asked.id)))
        except NotConnectedError as error:
            refuse(asked.answer, str(error))
        else:
            self._waiting[asked.id] = asked.answer

    def answer(self, reply: StatusReply) -> None:
        """Pass the executor's words on to who asked for them, if anyone did."""
        waiting = self._waiting.pop(reply.id, None)
        if waiting is not None:
            fulfil(waiting, reply.status)


def fulfil(future: Future[Value], value: Value) -> None:
    """Answer, unless nobody waits any more."""
    with suppress(InvalidStateError):
        future.set_result(value)


def refuse(future: Future[Value], words: str) -> None:
    """Say that there is no answer now, unless nobody waits any more."""
    with suppress(InvalidStateError):
        future.set_exception(Unavailable(words))
