"""When Cassandra is made to ask a peer again whether it is up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from executor.jmx.echoes import PATIENCE_SECONDS, Watch
from tests.unit.executor.jolokia_server import Server

PEER, OTHER = "10.0.0.2", "10.0.0.3"


@dataclass
class Asked:
    """A Cassandra that has our MBean, takes some peers as down, and waits in vain for the answers of others."""

    down: tuple[str, ...] = (PEER,)
    waiting: set[str] = field(default_factory=lambda: {PEER})
    forgotten: list[list[str]] = field(default_factory=list)

    def __call__(self, body: Any) -> tuple[int, bytes]:
        if isinstance(body, list):
            assert [item["attribute"] for item in body] == ["SimpleStates"]
            states = {"/10.0.0.1": "UP", **{f"/{peer}": "DOWN" for peer in self.down}}
            return 200, json.dumps([{"status": 200, "value": states}]).encode()
        if body["type"] == "search":
            return 200, json.dumps({"status": 200, "value": [body["mbean"]]}).encode()
        assert (body["mbean"], body["operation"]) == ("mesos.cassandra:type=Echoes", "forget")
        (peers,) = body["arguments"]
        self.forgotten.append(peers)
        return 200, json.dumps({"status": 200, "value": sorted(self.waiting & set(peers))}).encode()


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def test_a_peer_that_stays_down_is_asked_again(server: Server) -> None:
    server.answer = cassandra = Asked()
    clock = Clock()
    watch, client = Watch(clock), server.client()
    assert watch.retry(client) == ()
    clock.now += PATIENCE_SECONDS - 1.0
    assert watch.retry(client) == ()  # nothing is asked of Cassandra for a peer that restarts
    assert cassandra.forgotten == []
    clock.now += 1.0
    assert watch.retry(client) == ()  # it has just looked
    clock.now += 4.0
    cassandra.down = (OTHER, PEER)
    assert watch.retry(client) == (PEER,)
    assert watch.retry(client) == ()
    clock.now += PATIENCE_SECONDS
    assert watch.retry(client) == (PEER,)
    assert cassandra.forgotten == [[PEER], [OTHER, PEER]]


def test_a_peer_that_came_back_begins_anew(server: Server) -> None:
    server.answer = cassandra = Asked()
    clock = Clock()
    watch, client = Watch(clock), server.client()
    for down in ((PEER,), (), (PEER,)):
        cassandra.down = down
        watch.retry(client)
        clock.now += PATIENCE_SECONDS * 0.6
    assert watch.retry(client) == ()
    assert cassandra.forgotten == []


def test_a_peer_that_is_really_down_is_no_news(server: Server) -> None:
    server.answer = Asked(waiting=set())
    clock = Clock()
    watch, client = Watch(clock), server.client()
    watch.retry(client)
    clock.now += PATIENCE_SECONDS
    assert watch.retry(client) == ()


@pytest.mark.parametrize("answer", [{"status": 404, "error": "none"}, {"status": 200, "value": "?"}])
def test_an_answer_without_states_is_no_news(server: Server, answer: dict[str, Any]) -> None:
    server.answer = lambda _: (200, json.dumps([answer]).encode())
    assert Watch(Clock()).retry(server.client()) == ()
