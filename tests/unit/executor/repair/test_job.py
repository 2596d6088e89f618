"""The job `repair` against a Jolokia that answers as the test says: its failures, and changes of the ring."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from executor.jobs.runner import Runner
from executor.protocol import JobResult
from executor.repair import job
from tests.unit.executor.jolokia_server import Server
from tests.unit.executor.recorder import Sent, job_launch, node_facts

HERE, THERE, THIRD = "127.0.43.61:7000", "127.0.43.62:7000", "127.0.43.63:7000"
REPAIR_ID = "00000000-0000-0000-0000-00000000000{}"


@dataclass
class Ring:
    """A ring whose repairs end as `ends` says. `ranges` has the replicas by start and end of a range."""

    ranges: dict[tuple[int, int], list[str]]
    ends: Callable[[Mapping[str, str]], str] = lambda options: "COMPLETED"
    sessions: Any = field(default_factory=lambda: {"status": 200, "value": []})
    nonsense: Mapping[str, Any] = field(default_factory=dict)
    repairs: list[Mapping[str, str]] = field(default_factory=list)
    statuses: dict[int, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def answer(self, body: Any) -> tuple[int, bytes]:
        found = [self._read(item) for item in body] if isinstance(body, list) else self._one(body)
        return 200, json.dumps(found).encode()

    def _read(self, request: Mapping[str, str]) -> Any:
        values: dict[str, Any] = {
            "TokenToEndpointWithPortMap": {str(end): replicas[0] for (_, end), replicas in self.ranges.items()},
            "SchemaVersion": "v1",
            "LiveNodesWithPort": [HERE, THERE, THIRD],
            "HostIdToEndpointWithPort": {"own": HERE},
            "LocalHostId": "own",
            **dict.fromkeys(("JoiningNodesWithPort", "LeavingNodesWithPort", "MovingNodesWithPort"), ()),
            "Value": 0,
            "PartitionerName": "org.apache.cassandra.dht.Murmur3Partitioner",
            "Keyspaces": ["app"],
            "NonLocalStrategyKeyspaces": ["app"],
            "Count": {},
            "DataPaths": [f"/data/app/user-{1:032x}"],
            "Compactions": [],
            "CurrentStreams": [],
            **self.nonsense,
        }
        return {"status": 200, "value": values[request["attribute"]]}

    def _one(self, body: Mapping[str, Any]) -> Any:
        if body["type"] == "notification":
            return {"status": 200, "value": {"id": "c", "backend": {"pull": {"store": "store"}}}}
        if body["type"] == "search":
            return {"status": 200, "value": [body["mbean"]]}
        if body["operation"] == "getSessions":
            return self.sessions
        return {"status": 200, "value": getattr(self, f"_{body['operation'].lower()}")(*body["arguments"])}

    def _gettablesforkeyspace(self, _key_space: str) -> list[str]:
        return ["user"]

    def _getrangetoendpointwithportmap(self, _key_space: str) -> Mapping[str, list[str]]:
        return {f"[{start}, {end}]": replicas for (start, end), replicas in self.ranges.items()}

    def _repairasync(self, _key_space: str, options: Mapping[str, str]) -> int:
        self.repairs.append(options)
        self.statuses[len(self.repairs)] = self.ends(options)
        return len(self.repairs)

    def _getparentrepairstatus(self, number: int) -> list[str]:
        return [self.statuses[number]]

    def _pull(self, *_: str) -> Mapping[str, Any]:
        started = f"Starting repair command #{len(self.repairs)} ({REPAIR_ID.format(len(self.repairs))}), repairing"
        return {"notifications": [{"source": f"repair:{len(self.repairs)}", "message": started}]}

    def _fail(self, repair: str) -> int:
        self.failed.append(repair)
        self.statuses[int(repair[-1])] = "FAILED"
        return 1


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def _run(server: Server, volume: Path, ring: Ring) -> tuple[str, JobResult]:
    sent = Sent()
    server.answer = ring.answer
    Runner(sent, {"repair": job.repair}).start(
        "j1", job_launch("repair", key_spaces=["app"]), node_facts(volume, server.client())
    )
    return sent.end("j1")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "_WAIT_SECONDS", 0.01)


def test_a_ring_is_repaired(server: Server, tmp_path: Path) -> None:
    ring = Ring({(0, 100): [HERE, THERE], (100, 0): [HERE, THIRD], (7, 8): [THIRD, HERE]})
    state, result = _run(server, tmp_path, ring)
    assert (state, result.error) == ("TASK_FINISHED", "")
    assert [options["ranges"] for options in ring.repairs] == [
        "-9223372036854775808:0,100:9223372036854775807", "0:100",
    ]  # fmt: skip


def test_what_failed_before_a_change_of_the_ring_counts_no_more(server: Server, tmp_path: Path) -> None:
    """A node joins after three failures, and what the failed segment had is repaired with the new ranges."""

    def ends(options: Mapping[str, str]) -> str:
        if options["ranges"] != "0:100":
            return "COMPLETED"
        if len(ring.repairs) == 3:
            ring.ranges = {(0, 50): [HERE, THIRD], (50, 100): [HERE, THERE]}
        return "FAILED"

    ring = Ring({(0, 100): [HERE, THERE]}, ends)
    state, result = _run(server, tmp_path, ring)
    assert (state, result.error) == ("TASK_FINISHED", "")
    assert [options["ranges"] for options in ring.repairs] == ["0:100"] * 3 + ["0:50", "50:100"]
    assert result.result["tables"] == {"app.user": "done"}


@pytest.mark.parametrize(
    "sessions",
    [
        pytest.param({"status": 500, "error": "java.lang.IllegalStateException : not now"}, id="refused"),
        pytest.param({"status": 200, "value": None}, id="nothing"),
    ],
)
def test_a_repair_that_cannot_be_watched_is_ended(server: Server, tmp_path: Path, sessions: Any) -> None:
    """Another attempt would run beside it."""
    ring = Ring({(0, 100): [HERE, THERE]}, lambda options: "IN_PROGRESS", sessions)
    assert _run(server, tmp_path, ring)[0] == "TASK_FAILED"
    assert ring.failed == [REPAIR_ID.format(1)]


@pytest.mark.parametrize(
    ("ranges", "nonsense", "words"),
    [
        ({}, {}, "repair: Cassandra does not report the ranges of app"),
        (
            {(0, 100): [HERE, THERE]},
            {"LocalHostId": "new"},
            "repair: Cassandra does not report the address of its own host id new",
        ),
    ],
)
def test_what_is_not_reported_is_not_repaired(
    server: Server, tmp_path: Path, ranges: dict[tuple[int, int], list[str]], nonsense: Mapping[str, Any], words: str
) -> None:
    state, result = _run(server, tmp_path, Ring(ranges, nonsense=nonsense))
    assert (state, result.error) == ("TASK_FAILED", words)
