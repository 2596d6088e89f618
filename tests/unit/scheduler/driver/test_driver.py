"""Mesos' events as values, and the calls that pymesos would have sent without their fields."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.cycle.decision import Accept, Ask, Decline, Kill, Purpose, Reconcile
from scheduler.core.mesos.updates import ExecutorEnded, OperationUpdate, Registered, TaskUpdate
from scheduler.core.state.node import TaskState
from scheduler.driver.driver import DEFAULT_HEARTBEAT, Driver
from scheduler.driver.framework_info import FrameworkSettings
from scheduler.driver.mesos_json import translate
from scheduler.errors import Exit, NotConnectedError
from scheduler.loop.messages import Event, Fatal, Lost, Message, Offers, OperationStatus, Rescinded, Update
from tests.http_servers import HttpServer, QuietHandler

SETTINGS = FrameworkSettings(
    master="127.0.0.1:1",
    name="cassandra",
    user="root",
    role="cassandra-role",
    principal="cassandra-principal",
    secret=None,
    failover_seconds=600.0,
    hostname="127.0.0.1",
)

STATUS = {
    "task_id": {"value": "node-0__1"},
    "agent_id": {"value": "S1"},
    "state": "TASK_RUNNING",
    "uuid": "dXVpZA==",
    "source": "SOURCE_EXECUTOR",
    "timestamp": 5.0,
}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(
            {"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": "f"}}}, Registered("f"), id="subscribed"
        ),
        pytest.param({"type": "HEARTBEAT"}, None, id="heartbeat"),
        pytest.param({"type": "SOMETHING_NEW", "something_new": {}}, None, id="unknown type"),
        pytest.param({"type": "OFFERS", "offers": {"offers": [{"id": 1}]}}, Offers(({"id": 1},)), id="offers"),
        pytest.param({"type": "RESCIND", "rescind": {"offer_id": {"value": "O"}}}, Rescinded("O"), id="rescind"),
        pytest.param(
            {"type": "UPDATE", "update": {"status": STATUS}},
            Update(
                TaskUpdate(
                    "node-0__1", TaskState.RUNNING, "S1", source="SOURCE_EXECUTOR", uuid="dXVpZA==", timestamp=5.0
                ),
                {"agent_id": {"value": "S1"}, "task_id": {"value": "node-0__1"}, "uuid": "dXVpZA=="},
            ),
            id="update",
        ),
        pytest.param(
            {
                "type": "UPDATE",
                "update": {
                    "status": {"task_id": {"value": "t"}, "state": "TASK_LOST", "reason": "REASON_RECONCILIATION"}
                },
            },
            Update(TaskUpdate("t", TaskState.LOST, reason="REASON_RECONCILIATION"), None),
            id="an update without uuid wants no acknowledgement",
        ),
        pytest.param(
            {
                "type": "UPDATE_OPERATION_STATUS",
                "update_operation_status": {
                    "status": {
                        "operation_id": {"value": "reserve-1"},
                        "state": "OPERATION_ERROR",
                        "message": "no",
                        "uuid": {"value": "dXVpZA=="},
                        "agent_id": {"value": "S1"},
                    }
                },
            },
            OperationStatus(
                OperationUpdate("reserve-1", "OPERATION_ERROR", "no"),
                {"uuid": "dXVpZA==", "operation_id": {"value": "reserve-1"}, "agent_id": {"value": "S1"}},
                "operation reserve-1: OPERATION_ERROR no",
            ),
            id="operation status, acknowledged by the bare uuid",
        ),
        pytest.param(
            {"type": "MESSAGE", "message": {"data": "ZGF0YQ==", "agent_id": {}, "executor_id": {}}},
            Message("ZGF0YQ=="),
            id="message",
        ),
        pytest.param(
            {"type": "FAILURE", "failure": {"agent_id": {"value": "S1"}}}, Lost("agent S1 is lost"), id="agent lost"
        ),
        pytest.param(
            {"type": "FAILURE", "failure": {"agent_id": {"value": "S1"}, "executor_id": {"value": "e"}, "status": 9}},
            Lost("executor e on agent S1 ended with wait status 9", ExecutorEnded("e", 9)),
            id="executor ended",
        ),
    ],
)
def test_translate(event: dict[str, Any], expected: Event | None) -> None:
    assert translate(event) == expected


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param("Framework has been removed", Exit.REMOVED, id="removed"),
        pytest.param("Framework failed over", Exit.FAILED_OVER, id="failed over"),
        pytest.param("Framework 'x' role is invalid", Exit.REFUSED, id="anything else"),
    ],
)
def test_an_error_event_is_the_end_with_its_reason(message: str, code: Exit) -> None:
    event = translate({"type": "ERROR", "error": {"message": message}})
    assert isinstance(event, Fatal)
    assert event.error.code is code
    assert message in str(event.error)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({}, id="no type"),
        pytest.param({"type": "UPDATE"}, id="no body"),
        pytest.param({"type": "UPDATE", "update": {"status": {"task_id": {"value": "t"}, "state": "?"}}}, id="state"),
        pytest.param({"type": "SUBSCRIBED", "subscribed": None}, id="null"),
        pytest.param({"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": None}}}, id="no id"),
        pytest.param({"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": "\udce9"}}}, id="half a pair"),
        pytest.param({"type": "OFFERS", "offers": {"offers": 5}}, id="offers that are none"),
    ],
)
def test_garbage_is_logged_and_ends_nothing(event: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    posted: list[Event] = []
    driver = Driver(SETTINGS, None, posted.append)
    driver._mesos.on_event(event)
    assert posted == []
    assert driver._mesos.framework_id is None
    assert "it cannot be parsed" in caplog.text


@pytest.mark.parametrize("seconds", [None, float("nan"), float("inf"), "Infinity"])
def test_a_heartbeat_without_an_end_is_the_default(seconds: float | str | None) -> None:
    driver = Driver(SETTINGS, None, lambda _: None)
    subscribed = {"framework_id": {"value": "f"}, "heartbeat_interval_seconds": seconds}
    driver._mesos.on_event({"type": "SUBSCRIBED", "subscribed": subscribed})
    assert (driver._mesos.framework_id, driver._mesos._heartbeat) == ("f", DEFAULT_HEARTBEAT)


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(lambda d: d.accept(Accept(Purpose.NODE, "node-0", ("O1",), ())), id="accept"),
        pytest.param(lambda d: d.decline([Decline("O1", "reason", 5.0)]), id="decline"),
        pytest.param(lambda d: d.kill(Kill("t", "S1", 5.0, "reason")), id="kill"),
        pytest.param(lambda d: d.reconcile(Reconcile(())), id="reconcile"),
        pytest.param(lambda d: d.suppress(), id="suppress"),
        pytest.param(lambda d: d.revive(), id="revive"),
        pytest.param(lambda d: d.acknowledge({}), id="acknowledge"),
        pytest.param(lambda d: d.message(Ask("node-0", "e", "S1", "t"), "ZGF0YQ=="), id="message"),
    ],
)
def test_a_send_while_disconnected_raises(send: Any) -> None:
    with pytest.raises(NotConnectedError):
        send(Driver(SETTINGS, "framework-1", lambda _: None))


def test_framework_info_has_our_capabilities_and_no_others() -> None:
    info = SETTINGS.info("framework-1")
    assert [item["type"] for item in info["capabilities"]] == [
        "MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE",
    ]  # fmt: skip
    assert info["failover_timeout"] == 600.0
    assert info["id"] == {"value": "framework-1"}
    assert Driver(SETTINGS, "framework-1", lambda _: None)._mesos.framework == info


@pytest.fixture
def calls() -> Iterator[tuple[Driver, list[tuple[dict[str, str], dict[str, Any]]]]]:
    """A driver that takes itself for subscribed to a server that writes down what it is sent."""
    received: list[tuple[dict[str, str], dict[str, Any]]] = []

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((dict(self.headers), json.loads(body)))
            self.reply(202)

    with HttpServer(Handler) as server:
        driver = Driver(SETTINGS, "framework-1", lambda _: None)
        driver._mesos._master = server.address
        driver._mesos.stream_id = "stream-1"
        yield driver, received


def test_calls_carry_what_pymesos_drops(calls: tuple[Driver, list[tuple[dict[str, str], dict[str, Any]]]]) -> None:
    driver, received = calls
    driver.reconcile(Reconcile((("t", "S1"),)))
    driver.kill(Kill("t", "S1", 2.5, "reason"))
    driver.decline([Decline("O1", "a", 5.0), Decline("O2", "b", 5.0), Decline("O3", "c", 60.0)])
    bodies = [body for _, body in received]
    assert bodies[0]["reconcile"] == {"tasks": [{"task_id": {"value": "t"}, "agent_id": {"value": "S1"}}]}
    assert bodies[1]["kill"] == {
        "task_id": {"value": "t"},
        "agent_id": {"value": "S1"},
        "kill_policy": {"grace_period": {"nanoseconds": 2_500_000_000}},
    }
    assert [len(body["decline"]["offer_ids"]) for body in bodies[2:]] == [2, 1]
    assert all(headers["Mesos-Stream-Id"] == "stream-1" for headers, _ in received)
    assert all(headers["Content-Type"] == "application/json" for headers, _ in received)
    assert all(body["framework_id"] == {"value": "framework-1"} for body in bodies)


def test_headers_do_not_leak_between_drivers(calls: tuple[Driver, list[tuple[dict[str, str], dict[str, Any]]]]) -> None:
    driver, received = calls
    driver.revive()
    driver._mesos.stream_id = None
    with pytest.raises(NotConnectedError):
        driver.revive()
    driver._mesos.stream_id = "stream-2"
    driver.revive()
    assert [headers["Mesos-Stream-Id"] for headers, _ in received] == ["stream-1", "stream-2"]


def test_an_error_in_the_thread_is_an_event_and_interrupts_nobody() -> None:
    posted: queue.SimpleQueue[Event] = queue.SimpleQueue()
    driver = Driver(replace(SETTINGS, master="127.0.0.1:no-port"), None, posted.put)
    driver.start()
    try:
        event = posted.get(timeout=20.0)
        assert isinstance(event, Fatal)
        assert event.error.code is Exit.FAILED
        assert "no-port" in str(event.error)
    finally:
        driver.stop()


@pytest.mark.parametrize(
    "location",
    [
        pytest.param("//127.0.0.1", id="no port"),
        pytest.param("//127.0.0.1:leader/", id="the port is a word"),
        pytest.param("//127.0.0.1:-1/", id="a negative port"),
        pytest.param("//[::1]:5050/", id="IPv6, which pymesos cannot read"),
        pytest.param("/master/api/v1/scheduler", id="a path alone"),
    ],
)
def test_a_redirect_to_no_address_is_logged_and_the_known_master_is_asked_again(
    location: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.driver.driver.LONGEST_PAUSE", 0.05)
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Standby(QuietHandler):
        def do_POST(self) -> None:
            asked.put(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(307, Location=location)

    posted: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with HttpServer(Standby) as server:
        driver = Driver(replace(SETTINGS, master=server.address), None, posted.put)
        driver.start()
        try:
            assert [asked.get(timeout=20.0) for _ in range(2)] == ["/api/v1/scheduler"] * 2
        finally:
            driver.stop()
    assert posted.empty()
    assert "is not the address of a Mesos master" in caplog.text


def test_pymesos_does_not_keep_sigint() -> None:
    program = """
import signal
import scheduler.driver
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
