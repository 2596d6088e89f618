"""The repairs that this node's Cassandra coordinates: started, followed by their notifications, ended one by one.

Jolokia keeps the notifications of a client that has registered until they are fetched. They are the only way over JMX
to the id of a full repair. How a repair ended is taken from `getParentRepairStatus` alone: it does not get lost while
Cassandra lives.
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
    """To be used in a `with` statement. All methods raise JolokiaError."""

    def __init__(self, jolokia: Jolokia) -> None:
        self._jolokia = jolokia
        self._client = self._store = self._handle = ""
        self._ids: dict[int, str] = {}
        self._heard: Counter[int] = Counter()

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
            # Cassandra has gone, and the registration with it; the job's own outcome is what counts.
            return

    def start(self, key_space: str, options: Mapping[str, str]) -> int:
        """Start a repair; its number, or 0 if Cassandra finds nothing to do."""
        self._listen()
        return int(self._jolokia.execute(STORAGE_SERVICE, "repairAsync", [key_space, dict(options)], _TIMEOUT))

    def status(self, number: int) -> tuple[str, ...]:
        """IN_PROGRESS, COMPLETED or FAILED and Cassandra's words; empty if it does not know the repair (any more)."""
        answer = self._jolokia.execute(STORAGE_SERVICE, "getParentRepairStatus", [number], _TIMEOUT)
        return tuple(str(item) for item in answer or ())

    def heard(self, number: int) -> int:
        """How many notifications there were about a repair up to now."""
        self._listen()
        return self._heard[number]

    def repair_id(self, number: int) -> str | None:
        """A repair's own id, if a notification has told it."""
        return self._ids.get(number)

    def state(self, number: int) -> str:
        """What Cassandra tells of an incremental repair's own state; empty for others."""
        repair = self._ids.get(number)
        found = self._jolokia.execute(REPAIR_SERVICE, "getSessions", [False, ""], _TIMEOUT)
        ours = [session for session in found if session.get("SESSION_ID") == repair]
        return "".join(f"{session.get('STATE')} {session.get('LAST_UPDATE')}" for session in ours)

    def fail(self, number: int) -> bool:
        """End a repair and no other one; False if it cannot be told yet which it is, or has not come far enough."""
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
            self._heard[int(source[1])] += 1
        if started := _STARTING.match(str(item.get("message"))):
            self._ids[int(started[1])] = started[2]
