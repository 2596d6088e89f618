"""Answers that go on without a thread: what the server offers to an application that streams."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

# The key of a request's environment under which the server puts an Outlet; it is missing under other servers.
ENVIRON = "cassandra-mesos.outlet"


@runtime_checkable
class Outlet(Protocol):
    """The rest of one answer, after its application has returned. Any thread can use it."""

    @property
    def busy(self) -> bool:
        """Whether the client has not taken yet what was pushed."""

    def detach(self) -> None:
        """Keep the answer open when its thread is done; to be called by that thread, after the first bytes."""

    def push(self, data: bytes) -> bool:
        """Send bytes without waiting; return False if the client is gone."""

    def end(self) -> None:
        """End the answer and its connection."""
