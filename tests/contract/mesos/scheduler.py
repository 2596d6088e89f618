"""One scheduler of a recording: its subscription, and what has come of it."""

from dataclasses import dataclass, field
from typing import Any

from tests.contract.mesos.client import Answer, Subscription
from tests.contract.mesos.recordings import Line

Json = dict[str, Any]


@dataclass
class Scheduler:
    """One label of a recording: its subscription, what came and what has been compared."""

    subscription: Subscription | None = None
    stream_id: str = ""
    framework_id: str = ""
    events: list[Json] = field(default_factory=list)
    answers: list[Answer | Line] = field(default_factory=list)
    """Of requests that wait for their recorded answers; a request itself when it is to be sent only then."""
    offers: dict[str, Json] = field(default_factory=dict)
    ended: bool = False
    processes: dict[str, int] = field(default_factory=dict)
    """Pid of the executor by task id, as its last update told."""

    def pump(self) -> None:
        """Sort what has arrived."""
        while self.subscription is not None and not self.subscription.events.empty():
            event = self.subscription.events.get()
            if event is None:
                self.ended = True
                self.offers.clear()
            elif event["type"] == "OFFERS":
                self.offers.update({offer["id"]["value"]: offer for offer in event["offers"]["offers"]})
            elif event["type"] == "RESCIND":
                self.offers.pop(event["rescind"]["offer_id"]["value"], None)
                self.events.append(event)
            elif event["type"] != "HEARTBEAT":
                self.events.append(event)
                self._note_process(event)

    def _note_process(self, event: Json) -> None:
        status = event.get("update", {}).get("status", {})
        if "executor_pid" in status.get("container_status", {}):
            self.processes[status["task_id"]["value"]] = status["container_status"]["executor_pid"]

    def drop_updates_of(self, task_id: str) -> None:
        """Drop the updates of a task that the test does not compare."""
        self.pump()
        self.events = [event for event in self.events if task_id not in key(event)]

    def hang_up(self) -> None:
        if self.subscription is not None:
            self.subscription.close()
            self.pump()
        self.offers.clear()
        self.subscription = None


def key(event: Json) -> tuple[str, ...]:
    """Return the subject of an event."""
    content = event.get(event["type"].lower(), {})
    status = content.get("status", {}) if isinstance(content.get("status"), dict) else {}
    ids = (status.get("task_id", status.get("operation_id", {})), content.get("executor_id", {}))
    return (event["type"], status.get("state", ""), status.get("reason", ""), *(item.get("value", "") for item in ids))


def uuid(event: Json) -> str:
    """Return the uuid of an update that must be acknowledged; empty for any other event."""
    return str(event.get("update", {}).get("status", {}).get("uuid", ""))
