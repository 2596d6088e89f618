"""When a node counts as a member."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.ring.readiness import assess, own_reason, serves_cql
from scheduler.core.state.cluster import ClusterState, Sighting
from scheduler.core.state.node import NodeRecord, TaskState
from tests.unit.scheduler.core.samples import node, spec, state, status, up

OWN = "127.0.0.4"
JOINING = node(2, address=OWN, mode="NORMAL")


def cluster(*, own: Any = None, peer: Any = None, joining: NodeRecord = JOINING) -> ClusterState:
    """Two members and a node that has just become NORMAL; `own` and `peer` change what it and node-1 last said."""
    base = state(up(0), up(1), joining)
    sightings = dict(base.sightings)
    for name, changes in (("node-2", own), ("node-1", peer)):
        if changes == "silent":
            del sightings[name]
        elif changes:
            seen = sightings[name]
            at = changes.pop("at", seen.at)
            sightings[name] = Sighting(seen.task_id, replace(seen.status, **changes), at)
    return replace(base, sightings=sightings)


@pytest.mark.parametrize(
    ("own", "peer", "code", "ask"),
    [
        pytest.param(None, None, None, (), id="ready"),
        pytest.param("silent", None, "NO_STATUS", ("node-2",), id="silent"),
        pytest.param({"mode": "JOINING"}, None, "MODE", ("node-2",), id="joining"),
        pytest.param({"mode": "UNKNOWN"}, None, "MODE", ("node-2",), id="cannot be asked"),
        pytest.param({"native_transport_running": False}, None, "NO_NATIVE_TRANSPORT", ("node-2",), id="no cql"),
        pytest.param(None, "silent", "PEER_SILENT", ("node-1",), id="a peer is silent"),
        pytest.param(None, {"live": ("127.0.0.2", "127.0.0.3")}, "PEER_VIEW", ("node-1",), id="a peer does not see it"),
        pytest.param(None, {"schema": "s2"}, "SCHEMA", ("node-2", "node-1"), id="schemas differ"),
        pytest.param(None, {"schema": None}, "SCHEMA", ("node-2", "node-1"), id="a schema is unknown"),
        pytest.param({"schema": None}, None, "SCHEMA", ("node-2", "node-0", "node-1"), id="its schema is unknown"),
    ],
)
def test_ready(own: Any, peer: Any, code: str | None, ask: tuple[str, ...]) -> None:
    found = cluster(
        own=dict(own) if isinstance(own, dict) else own, peer=dict(peer) if isinstance(peer, dict) else peer
    )
    readiness = assess(found, found.nodes["node-2"])
    assert (readiness.reason.code if readiness.reason else None) == code
    assert readiness.ask == ask


@pytest.mark.parametrize(
    ("task", "code"),
    [
        (None, "NOT_RUNNING"),
        (TaskState.STAGING, "STAGING"),
        (TaskState.STARTING, "STARTING"),
        (TaskState.KILLING, "STOPPING"),
        (TaskState.UNREACHABLE, "UNREACHABLE"),
        (TaskState.UNKNOWN, "UNREACHABLE"),
        (TaskState.FAILED, "NOT_RUNNING"),
        (TaskState.GONE, "NOT_RUNNING"),
    ],
)
def test_a_task_that_does_not_run_is_not_ready(task: TaskState | None, code: str) -> None:
    found = state(up(0), node(2, task))
    reason = own_reason(found, found.nodes["node-2"])
    assert reason is not None
    assert reason.code == code


def test_what_a_peer_saw_before_the_launch_does_not_count() -> None:
    assert JOINING.task is not None
    launched = replace(JOINING, task=replace(JOINING.task, launched_at=50.0))
    assert assess(cluster(joining=launched), launched).reason is None
    found = cluster(joining=launched, peer={"at": 40.0})
    reason = assess(found, launched).reason
    assert reason is not None
    assert reason.code == "PEER_SILENT"


def test_what_was_said_of_an_older_task_does_not_count() -> None:
    found = cluster()
    old = {"node-2": Sighting("node-2__old", status(), 100.0)}
    reason = own_reason(replace(found, sightings={**found.sightings, **old}), JOINING)
    assert reason is not None
    assert reason.code == "NO_STATUS"


@pytest.mark.parametrize("word", [TaskState.FAILED, TaskState.UNREACHABLE])
def test_members_that_do_not_run_have_no_say(word: TaskState) -> None:
    found = cluster(peer="silent")
    down = up(1)
    assert down.task is not None
    down = replace(down, task=replace(down.task, state=word))
    assert assess(replace(found, nodes={**found.nodes, "node-1": down}), JOINING).reason is None


def test_a_node_without_an_address_is_not_ready() -> None:
    nowhere = replace(JOINING, address=None)
    reason = assess(cluster(joining=nowhere), nowhere).reason
    assert reason is not None
    assert reason.code == "NO_STATUS"


@pytest.mark.parametrize(
    ("options", "serves"),
    [({}, True), ({"start_native_transport": True}, True), ({"start_native_transport": False}, False)],
)
def test_a_node_that_is_not_to_serve_cql_is_ready_without(options: dict[str, bool], serves: bool) -> None:
    wanted = spec(3, cassandra=replace(spec().cassandra, options=options))
    assert serves_cql(wanted) is serves
    found = state(up(0), wanted=wanted)
    silent = Sighting("node-0__a", status(native_transport_running=False), 100.0)
    found = replace(found, sightings={"node-0": silent})
    assert (own_reason(found, found.nodes["node-0"]) is None) is not serves
