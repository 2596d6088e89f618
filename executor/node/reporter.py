"""What a node needs of its connection to the agent."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """The connection to the agent, as `executor.agent.connection.Agent` implements it."""

    @property
    def subscribed(self) -> bool:
        """Return whether the agent has accepted this executor and is still connected."""

    def update(self, task_id: str, state: str, message: str | None = None, data: str | None = None) -> None:
        """Queue a status update, which is sent until the agent has acknowledged it."""

    def send(self, data: str) -> None:
        """Queue a framework message (base64), which can get lost."""

    def is_settled(self) -> bool:
        """Return whether no wait is left: the agent has acknowledged every update, or no more attempts are made."""
