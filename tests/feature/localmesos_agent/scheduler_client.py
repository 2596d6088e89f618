"""A scheduler for tests: the v1 scheduler API over plain HTTP, events in a queue, updates acknowledged at once."""

import json
import queue
import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from tests.waiting import patient

Json = dict[str, Any]

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class SchedulerClient:
    """One subscription; ``subscribe`` again after the master has gone."""

    def __init__(self, address: str, info: Json) -> None:
        self._address = address
        self.info = info
        self.events: queue.Queue[Json] = queue.Queue()
        self._offers: queue.Queue[list[Json]] = queue.Queue()
        self._stream_id = ""
        self._response: HTTPResponse | None = None
        self._connection: HTTPConnection | None = None
        self._thread: threading.Thread | None = None

    def subscribe(self) -> None:
        """Subscribe, again with the same framework id if there is one. OSError when the master is not there."""
        connection = HTTPConnection(self._address, timeout=patient(60))
        call: Json = {"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info}}
        if "id" in self.info:
            call["framework_id"] = self.info["id"]
        connection.request("POST", "/api/v1/scheduler", json.dumps(call), _HEADERS)
        response = connection.getresponse()
        assert response.status == 200, (response.status, response.read())
        self._stream_id = response.headers["Mesos-Stream-Id"]
        first = json.loads(response.read(int(response.readline())))
        assert first["type"] == "SUBSCRIBED", first
        self.info = {**self.info, "id": first["subscribed"]["framework_id"]}
        self._connection, self._response = connection, response
        self._thread = threading.Thread(target=self._read, args=(response,))
        self._thread.start()

    def _read(self, response: HTTPResponse) -> None:
        try:
            while line := response.readline():
                event = json.loads(response.read(int(line)))
                if event["type"] == "OFFERS":
                    self._offers.put(event["offers"]["offers"])
                else:
                    self.events.put(event)
                if event["type"] == "UPDATE" and "uuid" in event["update"]["status"]:
                    status = event["update"]["status"]
                    fields = {name: status[name] for name in ("agent_id", "task_id", "uuid")}
                    self._post("ACKNOWLEDGE", fields)
        except (OSError, HTTPException, ValueError, AttributeError):
            # The master is gone, or the test has closed the connection.
            self.events.put({"type": "DISCONNECTED"})

    def call(self, call_type: str, body: Json) -> None:
        """Send a call that the master has to accept."""
        status, text = self._post(call_type, body)
        assert status == 202, (status, text)

    def _post(self, call_type: str, body: Json) -> tuple[int, bytes]:
        connection = HTTPConnection(self._address, timeout=patient(10))
        try:
            call = {"type": call_type, "framework_id": self.info["id"], call_type.lower(): body}
            headers = _HEADERS | {"Mesos-Stream-Id": self._stream_id}
            connection.request("POST", "/api/v1/scheduler", json.dumps(call), headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def event(self, event_type: str, wanted: Callable[[Json], bool] = lambda _: True, seconds: float = 20.0) -> Json:
        """Content of the next event of this type that is `wanted`; others before it are dropped."""
        while True:
            event = self.events.get(timeout=patient(seconds))
            if event["type"] == event_type:
                content: Json = event.get(event_type.lower(), {})
                if wanted(content):
                    return content

    def offer(self, wanted: Callable[[Json], bool]) -> Json:
        """Return an offer that is `wanted`, and decline all others, so that their resources can be in one offer."""
        while True:
            offers = self._offers.get(timeout=patient(20))
            found = next((offer for offer in offers if wanted(offer)), None)
            others = [offer["id"] for offer in offers if offer is not found]
            if others:
                self.call("DECLINE", {"offer_ids": others, "filters": {"refuse_seconds": 0.1}})
            if found is not None:
                return found

    def update(self, state: str, task_id: str) -> Json:
        """Status of the next update of this task, which has this state."""
        while True:
            status: Json = self.event("UPDATE", lambda u: bool(u["status"]["task_id"]["value"] == task_id))["status"]
            if status["state"] == state:
                return status
            assert status["state"] in ("TASK_STARTING", "TASK_RUNNING"), status

    def close(self) -> None:
        if self._response is not None and self._connection is not None and self._thread is not None:
            if self._connection.sock is not None:
                self._connection.sock.shutdown(2)
            self._thread.join(patient(5))
            self._response.close()
            self._connection.close()
