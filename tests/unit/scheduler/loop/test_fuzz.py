"""No message of an executor ends the loop or an answer of the API: valid ones are drawn, and spoiled in some places.

Each seed draws the same ones each time.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from api import BLUEPRINTS, create_app
from api.openapi.document import describe
from bench import large
from executor.certificate_messages import CertificateFacts
from executor.figures import Figures, Requests
from executor.json_codec import encode
from executor.protocol import JobProgress, JobResult, NodeStatus
from scheduler.core.state import codec
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.node import TaskState
from scheduler.core.state.operation import StepState
from scheduler.driver.mesos_json import acknowledge_only, translate
from scheduler.loop.messages import Event, Message
from scheduler.loop.snapshot import Snapshot
from scheduler.security.issuer import Issuer
from scheduler.security.sealing import Sealer
from tests.unit.api.cluster import CoreGateway, make_settings
from tests.unit.scheduler.loop.test_run import Bench, make, offers, registered
from tests.unit.sealing_keys import new_key

SETTINGS = make_settings()
ISSUER = Issuer("cassandra", Sealer([new_key()]))
EXAMPLES = 12  # of each seed
READS = sorted(
    path
    for path, item in describe(BLUEPRINTS)["paths"].items()
    if "get" in item and "{" not in path and path not in ("/v1/events/stream", "/admin/healthcheck")
)
STATUS = NodeStatus(
    "NORMAL", joined=True, native_transport_running=True, gossip_initialized=True, gossip_running=True, host_id="h0",
    endpoint="10.0.0.1", token_count=16, data_center="dc1", rack="r1", version="5.0.8", schema="s",
    live=("10.0.0.1", "10.0.0.2"), unreachable=("10.0.0.3",), pid=7, error="words", load_bytes=1, room_bytes=2,
    most_replicas=3, disregards_racks="shop", auth_replicas=1, doubted=("10.0.0.2",), silent_clients=("a",),
    refused_clients=("b",), plain_clients=("c",), uncertified_clients=("d",),
    certificate=CertificateFacts("ab", 1.0, 2.0, "f", ("f",), (7000, 9042), "words"),
    figures=Figures(read=Requests(1, 2, 3.0, 4.0, 5), write=Requests(1, 2, 3.0, 4.0, 5)),
)  # fmt: skip
PROGRESS = JobProgress("a", "b", {"bytes": 1.0}, {"bytes": 2.0}, 50.0, 3.0, 4.0, {"throttle": 5})
RESULT = {
    "manifest_key": "backups/b/nodes/node-0.json", "manifest_sha256": "a" * 64, "objects": 8, "sent_bytes": 1,
    "sent_objects": 8, "bytes": 1, "host_id": "h0", "schema": {"t": "r1"}, "schema_version": "s", "tables": 1,
    "taken_at": "2026-11-29T17:34:46Z", "cleared": 1, "message": "done", "key": "k", "key_spaces": {"t": 1},
    "sha256": "b" * 64, "counted_at": 1.5, "described_at": 1.5, "verdict": "same", "rows": {"t.rows": 5},
    "problems": ["a"], "warnings": ["b"], "missing": [], "different": [], "segments": 3, "ranges": [["1", "2"]],
}  # fmt: skip
STATES = ["TASK_RUNNING", "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST"]
ODD: list[Any] = [
    None, True, 0, -1, 2**53, 2**63, -(2**63), 10**400, 1.5, -0.0, 1e308, float("nan"), float("inf"), "", "node-1",
    "NORMAL", "\x00", "\x1b[31m", "\ud800", "\udce9\u202e", "x" * 3000, "9" * 30, "1e999", "2026-99-99T99:99:99Z",
    "<script>", "../..", [], [[]], [{}], [None, 5], {}, {"": {}}, {"\ud800": ["\udfff"]}, {"a": {"b": [1e300]}},
    "[" * 300, {str(number): number for number in range(300)},
]  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value inside this one."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield (*path, key)
        yield from _places(item, (*path, key))


def _spoil(draw: Random, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with up to three of its values replaced or left out."""
    spoiled: dict[str, Any] = deepcopy(document)
    for _ in range(draw.randint(0, 3)):
        *path, last = draw.choice(list(_places(spoiled)))
        holder: Any = spoiled
        for key in path:
            holder = holder[key]
        if isinstance(holder, dict) and len(holder) > 1 and draw.random() < 0.2:
            del holder[last]
        else:
            holder[last] = deepcopy(draw.choice(ODD))
    return spoiled


@cache
def _state() -> ClusterState:
    """Return a cluster at work, with TLS; one of its jobs runs."""
    found = large.backed_up(3)
    configurations = {name: _encrypted(item) for name, item in found.configurations.items()}
    found = replace(
        found, configurations=configurations, target=configurations[found.target.id], authority=ISSUER.first(large.NOW)
    )
    steps = dict(found.steps)
    name, step = next((name, step) for name, step in steps.items() if step.phase == "Upload")
    assert step.task is not None
    steps[name] = replace(step, state=StepState.RUNNING, task=replace(step.task, state=TaskState.RUNNING))
    return replace(found, steps=steps)


def _encrypted(found: Configuration) -> Configuration:
    cassandra = replace(found.spec.cassandra, encryption="required")
    return replace(found, spec=replace(found.spec, cassandra=cassandra))


def _tasks(state: ClusterState) -> list[str]:
    found = [node.task.id for node in state.nodes.values() if node.task is not None]
    found += [step.task.id for step in state.steps.values() if step.task is not None]
    return [*found, "node-9__x"]


def _encoded(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def _message(draw: Random, state: ClusterState) -> Event:
    """Draw a message that an executor sends by itself."""
    task = draw.choice(_tasks(state))
    kind, fields = draw.choice(
        [
            ("status", {"id": "", "node": task.partition("__")[0], "status": encode(STATUS), "clock": large.NOW}),
            ("job", {"progress": encode(PROGRESS)}),
            ("answer", {"id": "q", "node": "node-0", "content": RESULT, "kind": "failed", "problem": "words"}),
            ("secret?", {}),
            ("certificate?", {"request": "-----BEGIN CERTIFICATE REQUEST-----"}),
        ]
    )
    return Message(_encoded(_spoil(draw, {"type": kind, "task_id": task, **fields})))


def _update(draw: Random, state: ClusterState) -> Event | None:
    """Draw an update of a task, with a status of the node or the result of a job."""
    result = JobResult(PROGRESS, RESULT, draw.choice(["", "words"]), draw.random() < 0.3)
    status = {
        "task_id": {"value": draw.choice(_tasks(state))},
        "agent_id": {"value": f"agent-{draw.randint(0, 2)}"},
        "state": draw.choice(STATES),
        "uuid": "u",
        "message": "words",
        "data": _encoded(_spoil(draw, encode(draw.choice([STATUS, result])))),
    }
    event = {"type": "UPDATE", "update": {"status": _spoil(draw, status)}}
    try:
        return translate(event)
    except Exception:  # noqa: BLE001 as the driver does
        return acknowledge_only(event)


class Served(CoreGateway):
    """What the loop has published."""

    shown: Snapshot

    def snapshot(self) -> Snapshot:
        return self.shown


def _check(bench: Bench) -> None:
    """All records can be read again, and each part of the API can show the state."""
    assert bench.last.problem == ""
    for path, (_, content) in bench.memory.records.items():
        codec.decode_record(path, content)
    served = Served(bench.last.state)
    served.shown = bench.last
    client = create_app(served, SETTINGS).test_client()
    of_nodes = [f"/v1/nodes/{name}/{what}" for name in ("node-0", "node-1") for what in ("status", "info")]
    for path in (*READS, *of_nodes, "/ui/", "/ui/ring", "/ui/operations"):
        answer = client.get(path)
        assert answer.status_code < 500 or answer.status_code == 503, (path, answer.data)


@pytest.mark.parametrize("seed", range(5))
def test_messages(seed: int) -> None:
    draw = Random(seed)
    for _ in range(EXAMPLES):
        bench = make(_state())
        bench.cycle(registered())
        for _ in range(draw.randint(1, 4)):
            event = draw.choice([_message, _update])(draw, bench.last.state)
            bench.cycle(*([] if event is None else [event]), offers(draw.randint(0, 3)))
            assert event is None or bench.last.problem == ""
        bench.cycle()
        _check(bench)


@pytest.mark.parametrize("name", ["not_before", "not_after"])
@pytest.mark.parametrize("value", [1e300, -1e300, 253_402_300_800.0, -1.0, 10**18])
def test_a_certificate_with_times_that_no_date_can_hold(name: str, value: float) -> None:
    """Marathon ends a scheduler whose health check fails, and one node must not cause that."""
    bench = make(_state())
    bench.cycle(registered())
    certificate = {**encode(STATUS.certificate), name: value}
    task = next(task for task in _tasks(bench.last.state) if task.startswith("node-0__"))
    status = {**encode(STATUS), "certificate": certificate}
    bench.cycle(Message(_encoded({"type": "status", "task_id": task, "id": "", "node": "node-0", "status": status})))
    bench.cycle()
    _check(bench)
    found = bench.last.state.sightings["node-0"].status.certificate
    assert found is not None
    assert found.problem == "its executor reports a certificate with times that no date can hold"
