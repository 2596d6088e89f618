"""Each warning of /v1/health is counted, by what it is about."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from api.documents.warnings import cluster_warnings
from scheduler.core.plans.build import build_plans
from scheduler.core.ring.partitions import TOLD_SECONDS
from scheduler.core.state.cluster import ClusterState, MissingKeys, Sighting
from scheduler.core.state.node import Agent
from scheduler.loop.snapshot import Snapshot
from scheduler.metrics.warnings import warning_metrics
from tests.unit.scheduler.core.samples import state, status, up

NOW = time.time()
Change = Callable[[ClusterState], ClusterState]


def healthy() -> ClusterState:
    found = state(*(up(index, address=f"127.0.0.{index + 2}") for index in range(3)))
    said = {
        node.name: Sighting(node.task.id, status(endpoint=node.address), NOW - 1.0)
        for node in found.nodes.values()
        if node.task is not None
    }
    return replace(found, sightings=said)


def lost_keys(found: ClusterState) -> ClusterState:
    return replace(found, memory=replace(found.memory, missing_keys=MissingKeys("no key fits", "no key fits")))


def partition(found: ClusterState) -> ClusterState:
    blind = replace(found.sightings["node-2"], blind_since={"127.0.0.2": NOW - TOLD_SECONDS})
    return replace(found, sightings={**found.sightings, "node-2": blind})


def other_rack(found: ClusterState) -> ClusterState:
    spec = replace(found.target.spec, rack_attribute="rack")
    moved = replace(found.nodes["node-1"], agent=Agent("S1", "a1", {"rack": "elsewhere"}))
    return replace(found, target=replace(found.target, spec=spec), nodes={**found.nodes, "node-1": moved})


def wrong_clock(found: ClusterState) -> ClusterState:
    off = replace(found.sightings["node-0"], clock_offset=-86_400.0)
    return replace(found, sightings={**found.sightings, "node-0": off})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), {}),
        ((lost_keys,), {"keys": 2}),
        ((partition,), {"partitions": 1}),
        ((other_rack,), {"racks": 1}),
        ((wrong_clock, partition), {"clocks": 1, "partitions": 1}),
    ],
)
def test_what_health_says_is_counted(changes: Sequence[Change], expected: Mapping[str, int]) -> None:
    found = healthy()
    for change in changes:
        found = change(found)
    (metric,) = warning_metrics(found, NOW)
    counts = {sample.labels["about"]: sample.value for sample in metric.samples}
    assert {about: count for about, count in counts.items() if count} == expected
    assert counts.keys() == {"clocks", "keys", "partitions", "racks", "settings"}, "a series that exists can be watched"
    told = cluster_warnings(Snapshot(found, build_plans(found, NOW), NOW, connected=True), ())
    assert len(told) == sum(counts.values())
