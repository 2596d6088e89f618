"""The tasks and status updates that the agent has not acknowledged: kept until it does, across its restarts."""

from __future__ import annotations

import threading
from typing import Any

Json = dict[str, Any]


class Outbox:
    """Unacknowledged tasks and updates; thread-safe.

    Each subscription carries an update once, either inside SUBSCRIBE itself or later on its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: dict[str, Json] = {}
        self._updates: dict[str, Json] = {}  # by uuid as base64, oldest first
        self._unsent: list[str] = []

    def add_task(self, task_id: str, task: Json) -> bool:
        """Note a task; return False if it is known already."""
        with self._lock:
            if task_id in self._tasks:
                return False
            self._tasks[task_id] = task
            return True

    def add_update(self, update: Json) -> None:
        """Note an update, the content of an UPDATE call."""
        with self._lock:
            uuid = update["status"]["uuid"]
            self._updates[uuid] = update
            self._unsent.append(uuid)

    def subscribe(self) -> Json:
        """Return the `subscribe` part of a SUBSCRIBE call, with everything that is not acknowledged."""
        with self._lock:
            self._unsent.clear()
            return {
                "unacknowledged_tasks": list(self._tasks.values()),
                "unacknowledged_updates": list(self._updates.values()),
            }

    def next_unsent(self) -> Json | None:
        """Return the oldest update that this subscription has not carried; None if there is none."""
        with self._lock:
            return self._updates[self._unsent[0]] if self._unsent else None

    def mark_sent(self, update: Json) -> None:
        """Note that the agent has received this update; its acknowledgement follows."""
        with self._lock:
            uuid = update["status"]["uuid"]
            if uuid in self._unsent:
                self._unsent.remove(uuid)

    def acknowledge(self, task_id: str, uuid: str) -> None:
        """Remove an update that the agent has stored, and its task, which is stored with the first update.

        Args:
            task_id: The update's task.
            uuid: The update's UUID, base64.
        """
        with self._lock:
            self._tasks.pop(task_id, None)
            if self._updates.pop(uuid, None) is not None and uuid in self._unsent:
                self._unsent.remove(uuid)

    def is_empty(self) -> bool:
        """Return whether all updates are acknowledged."""
        with self._lock:
            return not self._updates
