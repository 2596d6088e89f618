"""The API's port to the loop: last snapshot, commands, live questions. Used by many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

from executor.protocol import NodeStatus
from scheduler.core.commands.command import Command, Refusal
from scheduler.core.ring.missing import sentence
from scheduler.core.ring.seeds import by_index
from scheduler.core.state.lifecycle import is_up
from scheduler.inquiry import Inquiry
from scheduler.loop.messages import Asked, Event, StatusAsked
from scheduler.loop.snapshot import Snapshot, Unavailable

COMMAND_SECONDS = 10.0
STATUS_SECONDS = 5.0
STATUS_TRIES = 3


class LoopGateway:
    """A Gateway. Until `open` and the first snapshot it says, with `explain`'s words, why there is no answer yet."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._put: Callable[[Event], object] | None = None
        self._snapshot: Snapshot | None = None
        self._reason = "the scheduler starts"
        self._published = threading.Condition()
        self._ending = False

    def explain(self, reason: str) -> None:
        """Say from now on, while there is no snapshot, why."""
        self._reason = reason

    def open(self, put: Callable[[Event], object]) -> None:
        """Pass commands to the loop from now on."""
        self._put = put

    def shut(self, reason: str) -> None:
        """Pass no command to the loop any more; what was published is still served."""
        self._put, self._reason = None, reason

    def publish(self, snapshot: Snapshot) -> None:
        """Serve this snapshot from now on."""
        with self._published:
            self._snapshot = snapshot
            self._published.notify_all()

    def end(self) -> None:
        """Let nobody wait any more. May be called by a signal's handler."""
        self._ending = True

    @property
    def ending(self) -> bool:
        """Whether `end` was called."""
        return self._ending

    def newer(self, than: Snapshot | None, seconds: float) -> Snapshot:
        """The published snapshot as soon as it is another one, at the latest after so long; raises Unavailable."""
        with self._published:
            self._published.wait_for(lambda: self._snapshot is not None and self._snapshot is not than, seconds)
        return self.snapshot()

    def snapshot(self) -> Snapshot:
        """The last published snapshot; raises Unavailable before the first."""
        if self._snapshot is None:
            raise Unavailable(f"the state is not readable yet: {self._reason}")
        return self._snapshot

    def submit(self, command: Command, principal: str) -> Refusal | None:
        """Have the loop carry it out; returns once that is stored."""
        asked = Asked(command, principal)
        self._send(asked)
        try:
            return asked.answer.result(COMMAND_SECONDS)
        except (FutureTimeoutError, CancelledError) as error:
            if asked.answer.cancel():
                raise Unavailable(f"the scheduler was busy for {COMMAND_SECONDS:.0f} s: nothing was done") from error
            raise Unavailable(
                f"the command was not confirmed within {COMMAND_SECONDS:.0f} s; read the plan to see whether it holds"
            ) from error

    def ask(self, node: str) -> NodeStatus:
        """The node's status, live from its executor."""
        if node not in self.snapshot().state.nodes:
            raise KeyError(node)
        asked = StatusAsked(node, self._new_id())
        for _ in range(STATUS_TRIES):
            self._send(asked)
            try:
                return asked.answer.result(STATUS_SECONDS / STATUS_TRIES)
            except (FutureTimeoutError, CancelledError):
                continue  # the question may have been lost on its way, when an agent restarts for example
        asked.answer.cancel()
        words = f"the executor of {node} did not answer within {STATUS_SECONDS:.0f} s"
        record = self.snapshot().state.nodes.get(node)
        if record is not None and record.missing is not None:
            words = f"{words}: {sentence(record)}"
        raise Unavailable(words)

    def question(self, subject: str, content: Mapping[str, Any], first: str = "") -> Mapping[str, Any]:
        """What any node that is up finds out; the node `first` is asked first, if it is."""
        nodes = [node.name for node in by_index(self.snapshot().state.nodes.values()) if is_up(node)]
        nodes.sort(key=lambda name: name != first)
        if not nodes:
            raise Unavailable("no node is NORMAL, and only such a node can be asked")
        return Inquiry(self._send, self._new_id).ask(nodes, subject, content)

    def question_each(
        self, subject: str, contents: Mapping[str, Mapping[str, Any]], seconds: float
    ) -> Mapping[str, Mapping[str, Any] | Unavailable]:
        """What each of these nodes finds out, or why it does not."""
        inquiry = Inquiry(self._send, self._new_id)
        found = inquiry.ask_each(subject, contents, seconds)
        answers: dict[str, Mapping[str, Any] | Unavailable] = {node: answer.content for node, answer in found.items()}
        return {**answers, **{node: Unavailable(why) for node, why in inquiry.failed().items() if node not in answers}}

    def _send(self, event: Event) -> None:
        put = self._put
        if put is None:
            raise Unavailable(f"no command can be taken: {self._reason}")
        put(event)
