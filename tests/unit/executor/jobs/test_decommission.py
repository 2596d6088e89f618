"""Leaving the ring, against a Jolokia that answers as the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from executor.jobs.runner import Runner
from executor.node.job_table import JOBS
from tests.unit.executor.jolokia_server import Server
from tests.unit.executor.recorder import Sent, job_launch, node_facts


@dataclass
class Ring:
    """A Cassandra of three members; `replicas` by key space, `error` is what leaving fails with.

    With `remembers` it cannot forget what it has streamed. With `later` the call ends at once, as one does while an
    earlier one streams; these are the modes afterwards.
    """

    replicas: Mapping[str, int]
    mode: str = "NORMAL"
    error: str = ""
    nonsense: Mapping[str, Any] = field(default_factory=dict)
    called: list[list[Any]] = field(default_factory=list)
    blocked: threading.Event | None = None
    remembers: bool = False
    later: list[str] = field(default_factory=list)

    def answer(self, body: Any) -> tuple[int, bytes]:
        found = [self._read(item["attribute"]) for item in body] if isinstance(body, list) else self._execute(body)
        return 200, json.dumps(found).encode()

    def _read(self, name: str) -> Any:
        if name == "OperationMode" and self.later and self.called[-1:] == [["decommission(boolean)", True]]:
            self.mode = self.later.pop(0) if len(self.later) > 1 else self.later[0]
        values: dict[str, Any] = {
            "Keyspaces": [*self.replicas, "system"],
            "NonLocalStrategyKeyspaces": list(self.replicas),
            "LocalHostId": "host-2",
            "EndpointToHostId": {"127.0.0.2": "host-0", "127.0.0.3": "host-1", "127.0.0.4": "host-2"},
            "OperationMode": self.mode,
            **self.nonsense,
        }
        return {"status": 200, "value": values[name]}

    def _execute(self, body: Mapping[str, Any]) -> Any:
        if body["type"] == "search":
            return {"status": 200, "value": [body["mbean"]]}
        if body["operation"] == "getRangeToEndpointMap":
            endpoints = ["127.0.0.2", "127.0.0.3", "127.0.0.4"][: self.replicas[body["arguments"][0]]]
            ranges = {"[1, 2]": endpoints, "[2, 1]": endpoints[:1]}
            return {"status": 200, "value": self.nonsense.get("ranges", ranges)}
        self.called.append([body["operation"], *body["arguments"]])
        if body["operation"] == "forget":
            return {"status": 500, "error": "it cannot"} if self.remembers else {"status": 200, "value": None}
        self.mode = "LEAVING"
        if self.blocked is not None:
            self.blocked.wait(30)
        if self.later:
            return {"status": 200, "value": None}
        if self.error:
            return {"status": 500, "error": self.error}
        self.mode = "DECOMMISSIONED"
        return {"status": 200, "value": None}


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


@dataclass
class Bench:
    server: Server
    volume: Path
    sent: Sent = field(default_factory=Sent)

    def start(self, ring: Ring, **parameters: Any) -> Runner:
        self.server.answer = ring.answer
        runner = Runner(self.sent, JOBS)
        runner.start("j1", job_launch("decommission", **parameters), node_facts(self.volume, self.server.client()))
        return runner


@pytest.fixture
def bench(server: Server, tmp_path: Path) -> Bench:
    return Bench(server, tmp_path)


def test_it_leaves_and_says_who_it_was(bench: Bench) -> None:
    ring = Ring({"shop": 2, "system_auth": 1, "system_distributed": 3, "system_traces": 3})
    bench.start(ring)
    state, result = bench.sent.end("j1")
    assert (state, result.result) == ("TASK_FINISHED", {"host_id": "host-2"})
    assert ring.called == [["forget"], ["decommission(boolean)", True]]


def test_it_continues_what_failed_without_a_restart(bench: Bench) -> None:
    ring = Ring({"shop": 2}, mode="DECOMMISSION_FAILED")
    bench.start(ring)
    assert bench.sent.end("j1")[0] == "TASK_FINISHED"
    assert ring.called == [["decommission(boolean)", True]]


@pytest.mark.parametrize(
    ("mode", "state"),
    [("DECOMMISSIONED", "TASK_FINISHED"), ("DECOMMISSION_FAILED", "TASK_FAILED"), ("NORMAL", "TASK_FAILED")],
)
def test_it_has_not_left_while_an_earlier_call_streams(bench: Bench, mode: str, state: str) -> None:
    ring = Ring({"shop": 2}, mode="LEAVING", later=["LEAVING", "LEAVING", mode])
    bench.start(ring)
    ended, result = bench.sent.end("j1")
    assert (ended, ring.later) == (state, [mode])
    assert result.error == "" or f"in mode {mode}; restart the node" in result.error


def test_what_it_has_streamed_before_cannot_be_forgotten(bench: Bench) -> None:
    ring = Ring({"shop": 2}, remembers=True)
    bench.start(ring)
    state, result = bench.sent.end("j1")
    assert (state, ring.called) == ("TASK_FAILED", [["forget"]])
    assert result.error.startswith("leave: Cassandra could not forget what an earlier decommission has streamed")


def test_a_key_space_with_too_many_replicas(bench: Bench) -> None:
    ring = Ring({"shop": 3, "bank": 3, "system_auth": 1})
    bench.start(ring)
    state, result = bench.sent.end("j1")
    assert (state, result.hopeless) == ("TASK_FAILED", True)
    assert result.error == (
        "check: 2 nodes would be left, but bank has 3 replicas, shop has 3 replicas: alter the replication of these "
        "keyspaces first"
    )
    assert ring.called == []


def test_forced_it_does_not_look(bench: Bench) -> None:
    bench.start(Ring({"shop": 3}), force=True)
    assert bench.sent.end("j1")[0] == "TASK_FINISHED"


def test_what_cassandra_says_reaches_the_operator(bench: Bench) -> None:
    bench.start(Ring({"shop": 1}, error="java.lang.RuntimeException : Stream failed"))
    state, result = bench.sent.end("j1")
    assert (state, result.hopeless) == ("TASK_FAILED", False)
    assert result.error.startswith("leave: java.lang.RuntimeException : Stream failed; restart the node")


def test_a_stop_waits_for_nothing(bench: Bench) -> None:
    ring = Ring({"shop": 1}, blocked=threading.Event())
    runner = bench.start(ring)
    bench.sent.until("it leaves", lambda: "TASK_RUNNING" in bench.sent.states("j1"))
    runner.cancel("j1", "killed")
    assert bench.sent.end("j1")[0] == "TASK_KILLED"
    assert ring.blocked is not None
    ring.blocked.set()


@pytest.mark.parametrize("value", [None, {}, [], "NaN", 7, [None], {"a": None}])
@pytest.mark.parametrize("name", ["Keyspaces", "NonLocalStrategyKeyspaces", "EndpointToHostId", "ranges"])
def test_what_it_does_not_know_lets_no_node_leave(bench: Bench, name: str, value: Any) -> None:
    ring = Ring({"shop": 3}, nonsense={name: value})
    bench.start(ring)
    assert bench.sent.end("j1")[0] == "TASK_FAILED"
    assert ring.called == []
