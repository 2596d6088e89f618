"""Names, labels and values of the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench import large
from scheduler.core.plans.build import build_plans
from scheduler.loop.snapshot import Snapshot
from scheduler.metrics import Metrics

NOW = large.NOW + 100
# Every name that dashboards and alerts can use, with its labels. None may change.
NAMES: Mapping[str, tuple[str, ...]] = {
    "cycles_total": (),
    "events_total": (),
    "offers_total": (),
    "launches_total": (),
    "job_launches_total": (),
    "releases_total": (),
    "kills_total": (),
    "declines_total": (),
    "revives_total": (),
    "records_written_total": (),
    "store_failures_total": (),
    "cycle_seconds_sum": (),
    "cycle_seconds_count": (),
    "cycle_seconds_bucket": ("le",),
    "mesos_connected": (),
    "snapshot_timestamp_seconds": (),
    "offers_suppressed": (),
    "reconciled": (),
    "nodes_wanted": (),
    "nodes_ready": (),
    "nodes_missing": (),
    "nodes": ("mode",),
    "node_failures": ("node",),
    "garbage_reservations": (),
    "plan_status": ("plan", "status"),
}


def snapshot() -> Snapshot:
    state = large.deployed(3)
    return Snapshot(state, build_plans(state, NOW), NOW, connected=True, counters={"kills_total": 7.0})


def samples(metrics: Metrics, of: Snapshot | None = None) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(metrics.render(of or snapshot()))
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_name_and_its_labels_stay(name: str) -> None:
    found = {labels for full, labels in samples(Metrics()) if full == f"cassandra_scheduler_{name}"}
    assert {tuple(sorted(dict(labels))) for labels in found} == {NAMES[name]}


def test_counters_come_from_the_snapshot() -> None:
    assert samples(Metrics())["cassandra_scheduler_kills_total", frozenset()] == 7
    assert samples(Metrics())["cassandra_scheduler_cycles_total", frozenset()] == 0


def test_cycles_are_a_histogram_in_seconds() -> None:
    metrics = Metrics()
    for seconds in (0.002, 0.2, 20.0):
        metrics.observe_cycle(seconds)
    found = samples(metrics)
    assert found["cassandra_scheduler_cycle_seconds_sum", frozenset()] == pytest.approx(20.202)
    bounds = {dict(labels)["le"]: value for (name, labels), value in found.items() if "cycle_seconds_bucket" in name}
    assert (bounds["0.0025"], bounds["0.25"], bounds["10.0"], bounds["+Inf"]) == (1, 2, 2, 3)


def test_requests_are_counted_by_method_path_and_status() -> None:
    metrics = Metrics()
    metrics.observe_request("GET", "/v1/plan", 200, 0.1)
    labels = frozenset({("method", "GET"), ("path", "/v1/plan"), ("status", "200")})
    assert samples(metrics)["cassandra_scheduler_request_seconds_count", labels] == 1


def test_two_processes_do_not_share_their_durations() -> None:
    Metrics().observe_cycle(1.0)
    assert samples(Metrics())["cassandra_scheduler_cycle_seconds_count", frozenset()] == 0


def test_labels_are_escaped() -> None:
    found = snapshot()
    odd = 'a"b\\c\nd'
    nodes = {**found.state.nodes, "node-0": replace(found.state.nodes["node-0"], mode=odd)}
    known = samples(Metrics(), replace(found, state=replace(found.state, nodes=nodes)))
    assert known["cassandra_scheduler_nodes", frozenset({("mode", odd)})] == 1


def test_the_process_describes_itself() -> None:
    found = samples(Metrics())
    assert found["process_resident_memory_bytes", frozenset()] > 1_000_000
    assert found["process_open_fds", frozenset()] > 0


def test_no_series_tells_when_it_was_created() -> None:
    assert "_created" not in Metrics().render(snapshot())
