"""A node that starts beside others: when it counts as ready to join, and how it joins."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import pytest

from executor.cassandra.install import LaunchError
from executor.cassandra.seeds import await_seed
from executor.jmx.jolokia import Jolokia
from executor.node.events import Event, JoinFailed, Kill, Message
from executor.node.standby import Standby
from executor.protocol import JoinRing, NodeLaunch, NodeStatus, Ports, encode_message, parse_status
from tests.ports import free_port
from tests.unit.executor.node_driver import Driver
from tests.unit.executor.sandbox import make_launch
from tests.waiting import patient

SEED = "127.0.2.8"
JOIN = Message(encode_message(JoinRing("t1")))


@contextmanager
def seed(launch: NodeLaunch) -> Iterator[None]:
    """Listen where the seed of this launch would."""
    with socket.create_server((launch.seeds[0], launch.ports.storage)):
        yield


def standby(*options: str) -> NodeLaunch:
    launch = make_launch(*options, standby=True, self_seed=False, seeds=(SEED,))
    return replace(launch, ports=replace(launch.ports, storage=free_port(SEED)))


def modes(driver: Driver) -> list[str]:
    return [parse_status(data).mode for *_, data in driver.recorder.updates if data is not None]


def test_it_waits_for_its_seed_and_joins_when_it_is_told(driver: Driver) -> None:
    launch = standby()
    driver.launch(launch)
    with seed(launch):
        driver.recorder.wait_for_mode("STANDBY")
    driver.events.put(Message(encode_message(JoinRing("another task"))))
    driver.events.put(JOIN)
    driver.events.put(JOIN)  # the scheduler sends it until it sees the effect
    driver.recorder.wait_for_mode("NORMAL")
    with driver.recorder.changed:
        served = driver.recorder.changed.wait_for(lambda: serves(driver), patient(10))
    assert served, driver.recorder.updates
    assert modes(driver)[:2] == ["STARTING", "STANDBY"]


def serves(driver: Driver) -> bool:
    told = [parse_status(data) for *_, data in driver.recorder.updates if data is not None]
    return told[-1].native_transport_running and told[-1].mode == "NORMAL"


def test_it_is_killed_while_it_waits_for_its_seed(driver: Driver) -> None:
    driver.launch(standby())
    driver.events.put(Kill("t1", None))
    driver.join()
    assert driver.recorder.end() == ("TASK_KILLED", "killed before Cassandra was started")


@pytest.mark.parametrize(("operation", "step"), [("joinRing", "join"), ("startNativeTransport", "native transport")])
def test_a_join_that_cassandra_refuses_ends_the_task_with_its_words(driver: Driver, operation: str, step: str) -> None:
    launch = standby(f"-Dstandin.refuses={operation}")
    driver.launch(launch)
    with seed(launch):
        driver.recorder.wait_for_mode("STANDBY")
    driver.events.put(JOIN)
    state, message = driver.end()
    assert state == "TASK_FAILED"
    assert f"it could not join the ring: {step}: " in message
    assert "Unable to contact any seeds" in message


def test_a_join_that_ends_with_a_stop_does_not_cut_the_drain_short(driver: Driver) -> None:
    driver.launch(make_launch("-Dstandin.drain=hang", drain_seconds=1.0))
    driver.recorder.wait_for_mode("NORMAL")
    begun = time.monotonic()
    driver.events.put(Kill("t1", None))
    driver.events.put(JoinFailed("native transport: Cassandra drains"))
    assert driver.end()[0] == "TASK_KILLED"
    assert time.monotonic() - begun >= 1.0


def test_a_node_that_is_not_in_standby_ignores_the_order(driver: Driver) -> None:
    driver.launch(make_launch())
    driver.recorder.wait_for_mode("NORMAL")
    driver.events.put(JOIN)
    driver.events.put(Kill("t1", None))
    assert driver.end()[0] == "TASK_KILLED"


def test_a_seed_that_never_listens_is_named() -> None:
    launch = replace(standby(), ports=Ports(storage=free_port(SEED)))
    with pytest.raises(LaunchError, match=rf"seeds: no seed has listened for 0 s: {SEED}:{launch.ports.storage}"):
        await_seed(launch, patience=0.0)


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({}, "STANDBY"),
        ({"gossip_initialized": False}, "STARTING"),
        ({"live": ()}, "STARTING"),
        ({"live": ("127.0.2.7",)}, "STARTING"),
        ({"mode": "UNKNOWN"}, "UNKNOWN"),
        ({"mode": "JOINING"}, "JOINING"),
        ({"mode": "NORMAL"}, "NORMAL"),
    ],
)
def test_the_mode(changes: dict[str, Any], mode: str) -> None:
    events: SimpleQueue[Event] = SimpleQueue()
    waits = Standby(standby(), Jolokia("127.0.0.1", 1, "executor", "none"), events)
    status = replace(NodeStatus("STARTING", gossip_initialized=True, live=("127.0.2.1", SEED)), **changes)
    assert waits.add_to(status).mode == mode
