"""The repairs that this node's Cassandra coordinates: started, followed by their notifications, ended one by one.

Jolokia keeps the notifications of a registered client until they are fetched. Over JMX they are the only way to the id
of a full repair. The outcome of a repair comes from `getParentRepairStatus` alone: it is available while Cassandra
lives.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from executor.jmx import java_agent
from executor.jmx.jolokia import STORAGE_SERVICE, Jolokia, JolokiaError

REPAIR_SERVICE = "org.apache.cassandra.db:type=RepairService"
_TIMEOUT = 60.0
_STARTING = re.compile(r"Starting repair command #(\d+) \(([0-9a-f-]{36})\)")
_SOURCE = re.compile(r"repair:(\d+)")


class Sessions:
    """A client of Cassandra's repairs, for use in a `with` statement. All methods raise JolokiaError."""

    def __init__(self, jolokia: Jolokia) -> None:
        self._jolokia = jolokia
        self._client = self._store = self._handle = ""
        self._ids: dict[int, str] = {}
        self._notifications: Counter[int] = Counter()

    def __enter__(self) -> Self:
        registered = self._jolokia.notifications("register", _TIMEOUT)
        self._client, self._store = registered["id"], registered["backend"]["pull"]["store"]
        self._handle = self._jolokia.notifications(
            "add", _TIMEOUT, client=self._client, mode="pull", mbean=STORAGE_SERVICE
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._jolokia.notifications("unregister", _TIMEOUT, client=self._client)
        except JolokiaError:
            # Cassandra has ended, and with it the registration; the job's own outcome counts.
            return

    def start(self, key_space: str, options: Mapping[str, str]) -> int:
        """Start a repair; return its number, or 0 if Cassandra finds nothing to do.

        Args:
            key_space: The keyspace.
            options: The options of `repairAsync`.
        """
        self._listen()
        return int(self._jolokia.execute(STORAGE_SERVICE, "repairAsync", [key_space, dict(options)], _TIMEOUT))

    def status(self, number: int) -> tuple[str, ...]:
        """Return IN_PROGRESS, COMPLETED or FAILED, and Cassandra's words; empty if it has no such repair (any more)."""
        answer = self._jolokia.execute(STORAGE_SERVICE, "getParentRepairStatus", [number], _TIMEOUT)
        return tuple(str(item) for item in answer or ())

    def notification_count(self, number: int) -> int:
        """Return the number of notifications about a repair up to now."""
        self._listen()
        return self._notifications[number]

    def repair_id(self, number: int) -> str | None:
        """Return a repair's own id, once a notification has reported it."""
        return self._ids.get(number)

    def state(self, number: int) -> str:
        """Return Cassandra's state of an incremental repair; empty for others."""
        repair = self._ids.get(number)
        found = self._jolokia.execute(REPAIR_SERVICE, "getSessions", [False, ""], _TIMEOUT)
        ours = [session for session in found if session.get("SESSION_ID") == repair]
        return "".join(f"{session.get('STATE')} {session.get('LAST_UPDATE')}" for session in ours)

    def fail(self, number: int) -> bool:
        """End this repair alone; return False while its id is unknown, or it has not come far enough."""
        self._listen()
        repair = self._ids.get(number)
        if repair is None:
            return False
        ours = java_agent.attach(self._jolokia, "RepairSessions")
        return int(self._jolokia.execute(ours, "fail", [repair], _TIMEOUT)) > 0

    def _listen(self) -> None:
        answer = self._jolokia.execute(self._store, "pull", [self._client, self._handle], _TIMEOUT)
        for item in (answer or {}).get("notifications", ()):
            self._hear(item)

    def _hear(self, item: Mapping[str, Any]) -> None:
        if source := _SOURCE.fullmatch(str(item.get("source"))):
            self._notifications[int(source[1])] += 1
        if started := _STARTING.match(str(item.get("message"))):
            self._ids[int(started[1])] = started[2]
