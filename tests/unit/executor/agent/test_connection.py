"""The connection to the agent, against a server that behaves as badly as the test wants."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from executor.agent.connection import Agent
from executor.agent.environment import parse
from executor.node.events import Event, Kill, Launch, Message, Shutdown, Subscribed
from tests.http_servers import HttpServer, QuietHandler
from tests.waiting import wait_for

Json = dict[str, Any]

IDS = {"framework_id": {"value": "f"}, "executor_id": {"value": "e"}}
SUBSCRIBED = {
    "type": "SUBSCRIBED",
    "subscribed": {
        "executor_info": {"executor_id": {"value": "e"}},
        "framework_info": {"id": {"value": "f"}},
        "agent_info": {"hostname": "h"},
    },
}


class FakeAgent:
    """Answers SUBSCRIBE with `subscribe_status` and, if that is 200, a stream; every other call with `call_status`."""

    def __init__(self) -> None:
        self.subscribe_status = 200
        self.call_status = 202
        self.slow = False
        self.calls: queue.Queue[Json] = queue.Queue()
        self.authorizations: list[str | None] = []
        self.refused: list[float] = []
        self.stream: queue.Queue[Json | None] = queue.Queue()
        self._server = HttpServer(_handler(self))

    @property
    def address(self) -> str:
        return self._server.address

    def send(self, kind: str, body: Json | None = None) -> None:
        self.stream.put({"type": kind} if body is None else {"type": kind, kind.lower(): body})

    def disconnect(self) -> None:
        self.stream.put(None)

    def call(self, kind: str) -> Json:
        """The next call, which must be of this kind."""
        call = self.calls.get(timeout=10)
        assert call["type"] == kind, call
        return call

    def close(self) -> None:
        self.disconnect()
        self._server.close()


def _handler(agent: FakeAgent) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            agent.authorizations.append(self.headers.get("Authorization"))
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = agent.subscribe_status if call["type"] == "SUBSCRIBE" else agent.call_status
            if status not in (200, 202):
                agent.refused.append(time.monotonic())
            else:
                agent.calls.put(call)
            self.send_response(status)
            if status == 200:
                self._serve()
                return
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"wo")
            if agent.slow:
                time.sleep(0.1)
            self.wfile.write(b"rds")

        def _serve(self) -> None:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            event: Json | None = SUBSCRIBED
            while event is not None:
                data = json.dumps(event).encode()
                record = b"%d\n%s" % (len(data), data)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(record), record))
                event = agent.stream.get()
            self.wfile.write(b"0\r\n\r\n")
            self.close_connection = True

    return Handler


class Connected:
    """An Agent that is open, and the events it gave."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.agent = Agent(parse(environ), self.events)
        self.agent.open()

    def event(self) -> Event:
        return self.events.get(timeout=20)


@pytest.fixture
def fake() -> Iterator[FakeAgent]:
    fake = FakeAgent()
    yield fake
    fake.close()


@pytest.fixture
def environ(fake: FakeAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of an executor; pymesos reads them itself."""
    found = {
        "MESOS_AGENT_ENDPOINT": fake.address,
        "MESOS_FRAMEWORK_ID": "f",
        "MESOS_EXECUTOR_ID": "e",
        "MESOS_SANDBOX": str(tmp_path),
        "MESOS_CHECKPOINT": "1",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "7secs",
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def connected(environ: dict[str, str]) -> Iterator[Connected]:
    connected = Connected(environ)
    yield connected
    connected.agent.close()


def test_the_first_subscription_has_nothing_to_carry(fake: FakeAgent, connected: Connected) -> None:
    assert connected.event() == Subscribed()
    subscribe: Json = {"unacknowledged_tasks": [], "unacknowledged_updates": []}
    assert fake.call("SUBSCRIBE") == {"type": "SUBSCRIBE", **IDS, "subscribe": subscribe}
    assert connected.agent.subscribed


def test_a_token_is_sent_with_every_call(fake: FakeAgent, environ: dict[str, str]) -> None:
    connected = Connected({**environ, "MESOS_EXECUTOR_AUTHENTICATION_TOKEN": "a.b.c"})
    try:
        connected.event()
        connected.agent.update("t", "TASK_STARTING")
        connected.agent.send("aGk=")
        for kind in ("SUBSCRIBE", "UPDATE", "MESSAGE"):
            fake.call(kind)
    finally:
        connected.agent.close()
    assert fake.authorizations == ["Bearer a.b.c"] * 3


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, "gave this one no token"), ("a.b.c", "does not accept its token")],
    ids=["none", "wrong"],
)
def test_what_an_agent_that_authenticates_executors_refuses_is_told(
    fake: FakeAgent,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    token: str | None,
    words: str,
) -> None:
    monkeypatch.setattr("executor.agent.connection._REFUSED_SECONDS", 0.2)
    fake.subscribe_status = 401
    more = {} if token is None else {"MESOS_EXECUTOR_AUTHENTICATION_TOKEN": token}
    connected = Connected({**environ, **more})
    try:
        event = connected.event()
        assert isinstance(event, Shutdown)
        assert f"it authenticates executors, and {words} (Failed with HTTP 401" in event.reason
        assert connected.agent.refused
    finally:
        connected.agent.close()
    assert token is None or token not in caplog.text


def test_events_become_values(fake: FakeAgent, connected: Connected) -> None:
    connected.event()
    for _ in range(2):
        fake.send("LAUNCH", {"task": {"task_id": {"value": "t"}, "data": "ZA=="}})
    fake.send("HEARTBEAT")
    fake.send("KILL", {"task_id": {"value": "t"}})
    fake.send("KILL", {"task_id": {"value": "t"}, "kill_policy": {"grace_period": {"nanoseconds": 1500000000}}})
    fake.send("MESSAGE", {"data": "aGk="})
    fake.send("ERROR", {"message": "words"})
    fake.send("SHUTDOWN")
    assert [connected.event() for _ in range(5)] == [
        Launch("t", "ZA=="),
        Kill("t", None),
        Kill("t", 1.5),
        Message("aGk="),
        Shutdown("the agent requested it", 7.0),
    ]


def test_events_that_cannot_be_read_end_nothing(fake: FakeAgent, connected: Connected) -> None:
    connected.event()
    fake.send("LAUNCH", {})
    fake.send("KILL")
    fake.send("KILL", {"task_id": 5})
    fake.send("ACKNOWLEDGED", {"task_id": {"value": "t"}})
    fake.send("NEWS", {"x": 1})
    fake.send("MESSAGE", {"data": "aGk="})
    assert connected.event() == Message("aGk=")


def test_updates_and_messages_have_the_shape_of_mesos(fake: FakeAgent, connected: Connected) -> None:
    connected.event()
    fake.call("SUBSCRIBE")
    connected.agent.update("t", "TASK_RUNNING", message="up", data="ZA==")
    call = fake.call("UPDATE")
    status = call["update"]["status"]
    assert len(status.pop("uuid")) == 24
    assert abs(status.pop("timestamp") - time.time()) < 10
    assert call == {"type": "UPDATE", **IDS, "update": {"status": status}}
    assert status == {
        "task_id": {"value": "t"},
        "state": "TASK_RUNNING",
        "source": "SOURCE_EXECUTOR",
        "executor_id": {"value": "e"},
        "message": "up",
        "data": "ZA==",
    }
    connected.agent.send("aGk=")
    assert fake.call("MESSAGE") == {"type": "MESSAGE", **IDS, "message": {"data": "aGk="}}


def test_what_is_not_acknowledged_is_in_the_next_subscription(fake: FakeAgent, connected: Connected) -> None:
    connected.event()
    fake.call("SUBSCRIBE")
    task = {"task_id": {"value": "t"}, "data": "ZA=="}
    fake.send("LAUNCH", {"task": task})
    connected.event()
    updates = []
    for state in ("TASK_STARTING", "TASK_RUNNING"):
        connected.agent.update("t", state)
        updates.append(fake.call("UPDATE")["update"])
    fake.disconnect()
    assert connected.event() == Subscribed()
    assert fake.call("SUBSCRIBE")["subscribe"] == {"unacknowledged_tasks": [task], "unacknowledged_updates": updates}

    fake.send("ACKNOWLEDGED", {"task_id": {"value": "t"}, "uuid": updates[0]["status"]["uuid"]})
    fake.disconnect()
    assert connected.event() == Subscribed()
    assert fake.call("SUBSCRIBE")["subscribe"] == {"unacknowledged_tasks": [], "unacknowledged_updates": updates[1:]}
    assert not connected.agent.is_settled()
    fake.send("ACKNOWLEDGED", {"task_id": {"value": "t"}, "uuid": updates[1]["status"]["uuid"]})
    fake.send("MESSAGE", {"data": "after"})
    connected.event()
    assert connected.agent.is_settled()


def test_updates_are_tried_until_the_agent_takes_them_and_in_order(fake: FakeAgent, connected: Connected) -> None:
    connected.event()
    fake.call("SUBSCRIBE")
    fake.call_status = 503
    connected.agent.update("t", "TASK_STARTING")
    connected.agent.update("t", "TASK_RUNNING")
    wait_for("both are refused", lambda: len(fake.refused) >= 2)
    fake.call_status = 202
    assert [fake.call("UPDATE")["update"]["status"]["state"] for _ in range(2)] == ["TASK_STARTING", "TASK_RUNNING"]


@pytest.mark.parametrize(("status", "slow"), [(503, False), (400, False), (400, True)])
def test_an_agent_that_is_not_ready_is_asked_often_but_not_without_pause(
    fake: FakeAgent, environ: dict[str, str], status: int, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executor.agent.connection._REFUSED_SECONDS", 3600.0)
    fake.subscribe_status, fake.slow = status, slow
    connected = Connected(environ)
    try:
        # With pauses that grow, the last of so many would be a quarter of an hour.
        wait_for("it has asked often", lambda: len(fake.refused) >= 12)
        fake.subscribe_status = 200
        assert connected.event() == Subscribed()
    finally:
        connected.agent.close()
    assert fake.refused[11] - fake.refused[0] > 1.0


def test_without_checkpointing_a_lost_agent_is_the_end(fake: FakeAgent, environ: dict[str, str]) -> None:
    connected = Connected({**environ, "MESOS_CHECKPOINT": "0"})
    try:
        connected.event()
        fake.disconnect()
        shutdown = connected.event()
        assert isinstance(shutdown, Shutdown)
        assert "does not checkpoint" in shutdown.reason
    finally:
        connected.agent.close()


def test_words_that_no_encoding_takes_reach_the_agent_without_them(fake: FakeAgent, connected: Connected) -> None:
    """Cassandra's own words: an agent refuses such a text, and then every subscription with it."""
    fake.call("SUBSCRIBE")
    connected.agent.update("t", "TASK_FAILED", "half \ud83d of a sign\0\x1b")
    assert fake.call("UPDATE")["update"]["status"]["message"] == "half \ufffd of a sign\ufffd\ufffd"
