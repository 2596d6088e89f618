"""Our wrapper around pymesos against a real master process of localmesos: what must hold whatever pymesos does."""

from __future__ import annotations

import os
import queue
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from devcluster import processes
from devcluster.layout import Address
from devcluster.processes import ProcessTable, python_module
from devcluster.requests import answers, get
from scheduler.core.cycle.decision import Accept, Purpose, Reconcile
from scheduler.core.mesos.updates import Disconnected, OperationUpdate, Registered, TaskUpdate
from scheduler.core.state.node import TaskState
from scheduler.driver.driver import Driver
from scheduler.driver.framework_info import FrameworkSettings
from scheduler.errors import Exit, NotConnectedError
from scheduler.loop.messages import Event, Fatal, Offers, OperationStatus, Update
from tests.contract.conftest import Server
from tests.ports import free_port
from tests.waiting import patient, wait_for

pytestmark = [pytest.mark.feature, pytest.mark.timeout(120)]

Wanted = TypeVar("Wanted")


def listens(address: Address) -> bool:
    """Return whether a server accepts connections there."""
    try:
        socket.create_connection((address.host, address.port), 5).close()
    except OSError:
        return False
    return True


@dataclass
class Mesos:
    """One master and one agent, as processes."""

    table: ProcessTable
    address: Address
    agent: Address
    zookeeper: str | None = None
    heartbeat: float = 15.0
    resources: str = "cpus:4;mem:4096;disk:20480"
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()  # of the master
    agent_options: tuple[str, ...] = ()

    def start_master(self, name: str = "master", address: Address | None = None) -> None:
        at = address or self.address
        command = python_module(
            "localmesos", "master", "--ip", at.host, "--port", str(at.port),
            "--work-dir", str(self.table.directory / name), "--heartbeat-interval", str(self.heartbeat),
            *(["--zk", self.zookeeper] if self.zookeeper else []),
        )  # fmt: skip
        self.table.start(name, [*command, *self.options], {**os.environ, **self.environment})
        secure = self.environment.get("LIBPROCESS_SSL_ENABLED")
        self.table.wait_ready(name, lambda: listens(at) if secure else answers(at, "/health"), 20.0)

    def start_agent(self) -> None:
        command = python_module(
            "localmesos", "agent", "--ip", self.agent.host, "--port", str(self.agent.port),
            "--hostname", self.agent.host, "--master", self.zookeeper or str(self.address),
            "--work-dir", str(self.table.directory / "agent"), "--resources", self.resources,
        )  # fmt: skip
        self.table.start("agent", [*command, *self.agent_options], {**os.environ, **self.environment})

    def signal(self, number: signal.Signals, name: str = "master") -> None:
        process = self.table.find(name)
        assert process is not None
        processes.send(process, number)

    def kill(self, name: str = "master") -> None:
        process = self.table.find(name)
        assert process is not None
        processes.send(process, signal.SIGKILL)
        assert processes.wait_ended([process], 10.0)

    def stop(self) -> None:
        found = [process for name in self.table.names() if (process := self.table.find(name))]
        for process in found:
            processes.send(process, signal.SIGCONT)
        processes.stop(found, patient(10))

    def frameworks(self) -> list[dict[str, Any]]:
        state: dict[str, list[dict[str, Any]]] = get(self.address, "/state").json()
        return state["frameworks"]


@dataclass
class Listener:
    """A queue of what the driver posts."""

    events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)

    def wait_for(self, kind: type[Wanted], seconds: float = 20.0) -> Wanted:
        deadline = time.monotonic() + patient(seconds)
        while True:
            try:
                event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"no {kind.__name__} within {patient(seconds)} s")
            if isinstance(event, kind):
                return event


@pytest.fixture
def mesos(tmp_path: Path) -> Iterator[Mesos]:
    made = Mesos(ProcessTable(tmp_path), Address("127.0.0.1", free_port()), Address("127.0.5.2", free_port()))
    yield made
    made.stop()


@pytest.fixture
def start(mesos: Mesos) -> Iterator[Callable[..., tuple[Driver, Listener]]]:
    started: list[Driver] = []

    def make(framework_id: str | None = None, **more: Any) -> tuple[Driver, Listener]:
        listener = Listener()
        master = mesos.zookeeper or str(mesos.address)
        settings = FrameworkSettings(
            master=master, name="driver-test", user="root", role="driver-role", principal="driver-principal",
            secret=None, failover_seconds=60.0, hostname="127.0.0.1",
        )  # fmt: skip
        driver = Driver(replace(settings, **more), framework_id, listener.events.put)
        driver.start()
        started.append(driver)
        return driver, listener

    yield make
    for driver in started:
        driver.stop()


Start = Callable[..., tuple[Driver, Listener]]


def test_subscribes_and_gets_offers(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    mesos.start_agent()
    driver, listener = start()
    registered = listener.wait_for(Registered)
    assert driver.connected
    (offer,) = listener.wait_for(Offers).offers
    assert offer["hostname"] == mesos.agent.host
    (framework,) = mesos.frameworks()
    assert framework["id"] == registered.framework_id
    assert sorted(framework["capabilities"]) == ["MULTI_ROLE", "PARTITION_AWARE", "RESERVATION_REFINEMENT"]


def test_stopping_tears_nothing_down_and_the_id_can_come_back(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    driver, listener = start()
    framework_id = listener.wait_for(Registered).framework_id
    driver.stop()
    assert [item["id"] for item in mesos.frameworks()] == [framework_id]
    _, second = start(framework_id)
    assert second.wait_for(Registered).framework_id == framework_id


def test_a_listener_that_raises_ends_the_driver_but_tears_nothing_down(mesos: Mesos) -> None:
    mesos.start_master()
    raised = threading.Event()

    def post(event: Event) -> None:
        if isinstance(event, Registered):
            raised.set()
            raise RuntimeError("a defect of ours")

    settings = FrameworkSettings(
        master=str(mesos.address), name="driver-test", user="root", role="driver-role", principal="p",
        secret=None, failover_seconds=60.0, hostname="127.0.0.1",
    )  # fmt: skip
    driver = Driver(settings, None, post)
    driver.start()
    try:
        assert raised.wait(patient(20))
        wait_for("the driver ends", lambda: not driver.connected)
        assert len(mesos.frameworks()) == 1
    finally:
        driver.stop()


def test_reconnects_when_the_master_was_killed_and_is_back(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    driver, listener = start()
    framework_id = listener.wait_for(Registered).framework_id
    mesos.kill()
    listener.wait_for(Disconnected)
    with pytest.raises(NotConnectedError):
        driver.revive()
    mesos.start_master()
    assert listener.wait_for(Registered, 30.0).framework_id == framework_id


def test_missed_heartbeats_mean_a_new_connection(mesos: Mesos, start: Start) -> None:
    mesos.heartbeat = 0.5
    mesos.start_master()
    _, listener = start()
    listener.wait_for(Registered)
    mesos.signal(signal.SIGSTOP)
    listener.wait_for(Disconnected, 20.0)
    mesos.signal(signal.SIGCONT)
    listener.wait_for(Registered, 30.0)


def test_a_call_to_a_master_that_hangs_fails_soon_and_means_a_new_connection(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    driver, listener = start()
    listener.wait_for(Registered)
    mesos.signal(signal.SIGSTOP)
    with pytest.raises(NotConnectedError, match="REVIVE did not arrive"):
        driver.revive()
    with pytest.raises(NotConnectedError, match="SUPPRESS was not sent"):
        driver.suppress()
    mesos.signal(signal.SIGCONT)
    listener.wait_for(Disconnected, 10.0)
    listener.wait_for(Registered, 30.0)
    driver.revive()


def test_a_call_that_mesos_refuses_means_a_new_connection(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    driver, listener = start()
    listener.wait_for(Registered)
    with pytest.raises(NotConnectedError, match="400"):
        driver.acknowledge({"uuid": 5})
    listener.wait_for(Disconnected, 10.0)
    listener.wait_for(Registered, 10.0)
    driver.revive()


def test_a_master_that_is_away_is_told_once(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    _, listener = start()
    listener.wait_for(Registered)
    mesos.kill()
    listener.wait_for(Disconnected)
    with pytest.raises(queue.Empty):
        listener.events.get(timeout=4.0)
    mesos.start_master()
    listener.wait_for(Registered, 30.0)


def test_operations_are_spoken_of_and_acknowledged(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    mesos.start_agent()
    driver, listener = start()
    listener.wait_for(Registered)
    offer = listener.wait_for(Offers).offers[0]
    cpus = {
        "name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}, "allocation_info": {"role": "driver-role"},
        "reservations": [{"type": "DYNAMIC", "role": "driver-role", "principal": "driver-principal"}],
    }  # fmt: skip
    good = {"type": "RESERVE", "id": {"value": "good"}, "reserve": {"resources": [cpus]}}
    too_much = {**cpus, "scalar": {"value": 1000.0}}
    bad = {"type": "RESERVE", "id": {"value": "bad"}, "reserve": {"resources": [too_much]}}
    driver.accept(Accept(Purpose.NODE, "node-0", (offer["id"]["value"],), (good, bad)))
    found: dict[str, OperationStatus] = {}
    while len(found) < 2:
        status = listener.wait_for(OperationStatus)
        assert isinstance(status.event, OperationUpdate)
        found[status.event.operation_id] = status
        if status.acknowledgement is not None:
            driver.acknowledge_operation(status.acknowledgement)
    assert found["good"].words == "operation good: OPERATION_FINISHED"
    assert found["bad"].words.startswith("operation bad: OPERATION_ERROR ")
    assert found["good"].acknowledgement is not None
    assert driver.connected


def test_a_removed_framework_is_the_end_with_a_clear_reason(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    driver, listener = start()
    framework_id = listener.wait_for(Registered).framework_id
    driver.stop()
    _, second = start(framework_id)
    second.wait_for(Registered)
    teardown(mesos, framework_id)
    fatal = second.wait_for(Fatal)
    assert fatal.error.code is Exit.REMOVED
    _, third = start(framework_id)
    assert third.wait_for(Fatal).error.code is Exit.REMOVED


def teardown(mesos: Mesos, framework_id: str) -> None:
    request = urllib.request.Request(
        f"http://{mesos.address}/master/teardown", f"frameworkId={framework_id}".encode(), method="POST"
    )
    urllib.request.urlopen(request, timeout=patient(10)).close()


def test_a_second_scheduler_with_the_same_id_ends_the_first(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    _, first = start()
    framework_id = first.wait_for(Registered).framework_id
    _, second = start(framework_id)
    second.wait_for(Registered)
    assert first.wait_for(Fatal).error.code is Exit.FAILED_OVER


def test_a_role_that_mesos_refuses_is_the_end_with_its_words(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    _, listener = start(role="../x")
    fatal = listener.wait_for(Fatal)
    assert fatal.error.code is Exit.REFUSED
    assert "role" in str(fatal.error)


def test_a_question_about_an_unknown_task_is_answered_for_its_agent(mesos: Mesos, start: Start) -> None:
    mesos.start_master()
    mesos.start_agent()
    driver, listener = start()
    listener.wait_for(Registered)
    agent_id = listener.wait_for(Offers).offers[0]["agent_id"]["value"]
    driver.reconcile(Reconcile((("node-0__x", agent_id),)))
    update = listener.wait_for(Update)
    assert isinstance(update.event, TaskUpdate)
    assert update.event.state is TaskState.GONE
    assert update.acknowledgement is None
    driver.reconcile(Reconcile((("node-0__x", "no-such-agent"),)))
    update = listener.wait_for(Update)
    assert isinstance(update.event, TaskUpdate)
    assert update.event.state is TaskState.UNKNOWN


@pytest.mark.zookeeper
def test_follows_the_leading_master(mesos: Mesos, start: Start, running: Server) -> None:
    mesos.zookeeper = f"zk://{running.hosts}/mesos-{free_port()}"
    mesos.start_master()
    second = Address("127.0.0.1", free_port())
    mesos.start_master("second", second)
    _, listener = start()
    listener.wait_for(Registered)
    mesos.kill()
    listener.wait_for(Disconnected)
    listener.wait_for(Registered, 60.0)


@pytest.mark.zookeeper
def test_a_master_that_does_not_lead_sends_us_to_the_one_that_does(mesos: Mesos, start: Start, running: Server) -> None:
    zookeeper = f"zk://{running.hosts}/mesos-{free_port()}"
    mesos.zookeeper = zookeeper
    mesos.start_master()
    second = Address("127.0.0.1", free_port())
    mesos.start_master("second", second)
    mesos.zookeeper = None
    _, listener = start(master=str(second))
    listener.wait_for(Registered)
    mesos.zookeeper = zookeeper
    # The one that it was sent to is gone for good: the configured one leads now.
    mesos.kill()
    listener.wait_for(Disconnected)
    listener.wait_for(Registered, 60.0)


@pytest.mark.zookeeper
@pytest.mark.filterwarnings("ignore:No chroot path exists")
def test_a_master_that_comes_into_being_later_is_found(mesos: Mesos, start: Start, running: Server) -> None:
    mesos.zookeeper = f"zk://{running.hosts}/mesos-{free_port()}"
    _, listener = start()
    with pytest.raises(queue.Empty):
        listener.events.get(timeout=2.0)
    mesos.start_master()
    listener.wait_for(Registered, 30.0)


@pytest.mark.zookeeper
@pytest.mark.filterwarnings("ignore:No chroot path exists")
def test_a_zookeeper_of_mesos_that_comes_back_is_used(mesos: Mesos, start: Start, running: Server) -> None:
    mesos.zookeeper = f"zk://{running.hosts}/mesos-{free_port()}"
    mesos.start_master()
    running.kill()
    _, listener = start()
    with pytest.raises(queue.Empty):
        listener.events.get(timeout=2.0)
    running.start()
    listener.wait_for(Registered, 60.0)
