"""The calls to Mesos as methods, each with the fields that Mesos reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scheduler.core.cycle.decision import Accept, Ask, Decline, Kill, Reconcile
from scheduler.driver.mesos_json import accept_body, decline_bodies, kill_body, message_body, reconcile_body
from scheduler.loop.messages import Json


class Calls:
    """The calls of a scheduler. Each raises NotConnectedError if it did not surely arrive."""

    def accept(self, accept: Accept) -> None:
        """Accept offers with offer operations: ACCEPT."""
        self._call("ACCEPT", accept=accept_body(accept))

    def decline(self, declines: Iterable[Decline]) -> None:
        """Decline offers: DECLINE."""
        for body in decline_bodies(declines):
            self._call("DECLINE", decline=body)

    def kill(self, kill: Kill) -> None:
        """Kill a task: KILL."""
        self._call("KILL", kill=kill_body(kill))

    def reconcile(self, reconcile: Reconcile) -> None:
        """Have Mesos report the state of tasks: RECONCILE."""
        self._call("RECONCILE", reconcile=reconcile_body(reconcile))

    def message(self, ask: Ask, data: str) -> None:
        """Send base64 `data` to a node's executor: MESSAGE."""
        self._call("MESSAGE", message=message_body(ask, data))

    def suppress(self) -> None:
        """Stop offers until `revive`: SUPPRESS."""
        self._call("SUPPRESS")

    def revive(self) -> None:
        """Request offers again, also of declined agents: REVIVE."""
        self._call("REVIVE")

    def acknowledge(self, acknowledgement: Json) -> None:
        """Acknowledge a task's status: ACKNOWLEDGE."""
        self._call("ACKNOWLEDGE", acknowledge=acknowledgement)

    def acknowledge_operation(self, acknowledgement: Json) -> None:
        """Acknowledge an offer operation's status: ACKNOWLEDGE_OPERATION_STATUS."""
        self._call("ACKNOWLEDGE_OPERATION_STATUS", acknowledge_operation_status=acknowledgement)

    def teardown(self) -> None:
        """Remove the framework with all of its tasks from Mesos: TEARDOWN. Only an uninstall may."""
        self._call("TEARDOWN")

    def _call(self, kind: str, **body: Any) -> None:
        raise NotImplementedError
