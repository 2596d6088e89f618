"""The status update manager: every update reaches the framework in order, at least once, until it is acknowledged.

The oldest unacknowledged update of a task is sent, and again after 10 s, 20 s, … up to 10 min; later ones wait behind.
Updates are on disk before they are sent, so that a killed agent goes on where it stopped.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Json = dict[str, Any]
StreamKey = tuple[str, str]
"""Framework id and task id."""


class Timer(Protocol):
    """A pending action that can be cancelled."""

    def cancel(self) -> None:
        """Cancel the action."""


Later = Callable[[float, Callable[[], None]], Timer]

RETRY_SECONDS = 10.0
RETRY_MAX_SECONDS = 600.0
TERMINAL_STATES = frozenset(
    f"TASK_{end}" for end in ("FINISHED", "FAILED", "KILLED", "ERROR", "LOST", "DROPPED", "GONE", "GONE_BY_OPERATOR")
)

_LOG = logging.getLogger(__name__)


def is_terminal(state: str) -> bool:
    """Return whether a task in this state is over."""
    return state in TERMINAL_STATES


def _loop_later(seconds: float, action: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(seconds, action)


@dataclass
class Stream:
    """Updates of one task: those taken, those acknowledged, and the queue between (oldest first)."""

    path: Path | None
    received: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    pending: deque[Json] = field(default_factory=deque)
    timer: Timer | None = None

    def write(self, line: Json) -> None:
        """Append a line to the file."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as stream:
                stream.write(json.dumps(line) + "\n")

    def replay(self) -> list[Json]:
        """Rebuild from disk and return all statuses in their order; an incomplete last line is removed."""
        statuses: list[Json] = []
        if self.path is None or not self.path.exists():
            return statuses
        text = self.path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            _LOG.warning("%s: incomplete last line dropped", self.path)
            with self.path.open("r+b") as stream:
                stream.truncate(len(whole))
        for line in whole.splitlines():
            entry = json.loads(line)
            if "status" in entry:
                statuses.append(entry["status"])
                self.received.add(entry["status"]["uuid"])
                self.pending.append(entry)
            else:
                self.acknowledged.add(entry["acknowledged"])
                self.pending.popleft()
        return statuses


class UpdateManager:
    """The sender of updates through `forward`.

    `on_done(framework id, task id)` is called when a terminal update is acknowledged.

    An update is ``{framework_id, executor_id?, status}`` with a ``uuid`` in its status. `later(seconds, action)` is by
    default the running loop's ``call_later``.
    """

    def __init__(
        self,
        forward: Callable[[Json], None],
        on_done: Callable[[str, str], None],
        retry_seconds: float = RETRY_SECONDS,
        later: Later | None = None,
    ) -> None:
        self._forward = forward
        self._on_done = on_done
        self._retry_seconds = retry_seconds
        self._later = later or _loop_later
        self._streams: dict[StreamKey, Stream] = {}
        self._paused = True

    def update(self, update: Json, path: Path | None) -> bool:
        """Take an update (kept in `path` unless None); return False for a repetition."""
        key = (update["framework_id"]["value"], update["status"]["task_id"]["value"])
        stream = self._streams.setdefault(key, Stream(path))
        uuid = update["status"]["uuid"]
        if uuid in stream.received:
            return False
        stream.write(update)
        stream.received.add(uuid)
        stream.pending.append(update)
        if len(stream.pending) == 1:
            self._send(key, self._retry_seconds)
        return True

    def is_known(self, framework_id: str, task_id: str, uuid: str) -> bool:
        """Return whether this update was taken before."""
        stream = self._streams.get((framework_id, task_id))
        return stream is not None and uuid in stream.received

    def acknowledge(self, framework_id: str, task_id: str, uuid: str) -> bool:
        """Acknowledge the update sent last; return False for any other."""
        key = (framework_id, task_id)
        stream = self._streams.get(key)
        if stream is None or not stream.pending or stream.pending[0]["status"]["uuid"] != uuid:
            return False
        update = stream.pending[0]
        stream.write({"acknowledged": uuid})
        stream.pending.popleft()
        stream.acknowledged.add(uuid)
        self._stop_timer(stream)
        if is_terminal(update["status"]["state"]):
            del self._streams[key]
            self._on_done(framework_id, task_id)
        elif stream.pending:
            self._send(key, self._retry_seconds)
        return True

    def recover(self, framework_id: str, task_id: str, path: Path) -> tuple[list[Json], bool]:
        """Load a task's updates from disk; return all statuses, and whether a terminal one is acknowledged."""
        stream = Stream(path)
        statuses = stream.replay()
        done = any(s["uuid"] in stream.acknowledged and is_terminal(s["state"]) for s in statuses)
        if not done:
            self._streams[framework_id, task_id] = stream
        return statuses, done

    def forwarded(self, framework_id: str, task_id: str) -> Json | None:
        """Return the oldest unacknowledged status, which the framework gets now."""
        stream = self._streams.get((framework_id, task_id))
        if stream is None or not stream.pending:
            return None
        status: Json = stream.pending[0]["status"]
        return status

    def pause(self) -> None:
        """Keep everything and send nothing: there is no master."""
        self._paused = True
        for stream in self._streams.values():
            self._stop_timer(stream)

    def resume(self) -> None:
        """Send the oldest update of every task at once: a master is connected."""
        self._paused = False
        for framework_id in {key[0] for key in self._streams}:
            self.resend(framework_id)

    def resend(self, framework_id: str) -> None:
        """Send the oldest update of every task of a framework now, and begin again with the short delay."""
        for key, stream in list(self._streams.items()):
            if key[0] == framework_id:
                self._stop_timer(stream)
                self._send(key, self._retry_seconds)

    def forget(self, framework_id: str) -> None:
        """Remove the updates of a framework that is gone for good."""
        for key in [key for key in self._streams if key[0] == framework_id]:
            self._stop_timer(self._streams.pop(key))

    def _send(self, key: StreamKey, delay: float) -> None:
        stream = self._streams[key]
        if self._paused or not stream.pending:
            return
        self._forward(stream.pending[0])
        retry = min(delay * 2, RETRY_MAX_SECONDS)
        stream.timer = self._later(delay, lambda: self._send(key, retry))

    @staticmethod
    def _stop_timer(stream: Stream) -> None:
        if stream.timer is not None:
            stream.timer.cancel()
            stream.timer = None
