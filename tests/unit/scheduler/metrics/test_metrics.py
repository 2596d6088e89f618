"""Names, labels and values of the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench import large
from executor.figures import Figures, Requests
from scheduler.core.plans.build import build_plans
from scheduler.core.state.operation import HistoryRecord, OperationRecord, OperationState
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
    "queue_length": (),
    "warnings": ("about",),
}
# The metrics of Cassandra's figures, with their labels.
FIGURES_NAMES: Mapping[str, tuple[str, ...]] = {
    "up": ("mode", "node"),
    **dict.fromkeys(
        (
            "load_bytes",  "disk_bytes", "heap_used_ratio", "pending_compactions", "hinted_peers",
            "dropped_total", "requests_total", "gc_seconds_total", "streamed_bytes_total", "errors_total",

        ),
        ("node",),
    ),
    "read_seconds": ("node", "quantile"),
    "write_seconds": ("node", "quantile"),
}  # fmt: skip


def measured(nodes: int, at: float = NOW) -> Snapshot:
    """A cluster whose figures are as long as they get."""
    requests = Requests(1_234_567_890, 9_876_543_210_000, 1234.567, 98765.432, 1_234_567)
    figures = Figures(
        0.0012345, 1234, {"MUTATION_REQ": 1_234_567}, 12_345_678, 12, 12_345_678_901, 23_456_789_012, 123_456,
        12_345_678, 1_234_567_890_123, 1_234_567_890_123, 12_345_678_901_234, requests, requests,
    )  # fmt: skip
    state = large.deployed(nodes)
    sightings = {
        name: replace(
            seen,
            status=replace(seen.status, load_bytes=1_234_567_890_123, room_bytes=1_234_567_890_123),
            figures=figures,
            figures_at=at,
        )
        for name, seen in state.sightings.items()
    }
    state = replace(state, sightings=sightings)
    return Snapshot(state, build_plans(state, NOW), NOW, connected=True, counters={})


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


@pytest.mark.parametrize("name", FIGURES_NAMES)
def test_figures_and_their_labels_stay(name: str) -> None:
    found = {labels for full, labels in samples(Metrics(), measured(2)) if full == f"cassandra_{name}"}
    assert {tuple(sorted(dict(labels))) for labels in found} == {FIGURES_NAMES[name]}
    assert {dict(labels)["node"] for labels in found} == {"node-0", "node-1"}


def test_values_are_in_base_units() -> None:
    found = samples(Metrics(), measured(1))
    node = ("node", "node-0")
    expected: dict[tuple[Any, ...], float] = {
        ("up", ("mode", "NORMAL")): 1,
        ("load_bytes",): 1.235e12,
        ("heap_used_ratio",): 0.5263,
        ("gc_seconds_total",): 12345.678,
        ("dropped_total",): 1_234_567,
        ("streamed_bytes_total",): 2_469_135_780_246,
        ("read_seconds", ("quantile", "0.99")): 0.09877,
        ("requests_total",): 2_469_135_780,
        ("errors_total",): 2_469_134,
    }
    for (name, *labels), value in expected.items():
        assert found[f"cassandra_{name}", frozenset([node, *labels])] == value, name


def test_figures_of_a_node_that_does_not_answer_are_not_shown() -> None:
    text = Metrics().render(measured(2, NOW - 121))
    assert "cassandra_heap_used_ratio{" not in text
    assert 'cassandra_up{mode="NORMAL",node="node-1"} 1.0' in text


def test_a_thousand_nodes_are_less_than_a_megabyte() -> None:
    text = Metrics().render(measured(1000))
    assert text.count("cassandra_heap_used_ratio{") == 1000
    assert len(text) < 1_000_000


class TestKeySpaces:
    """When each keyspace was last backed up and repaired."""

    def record(self, kind: str, at: float, steps: Any = None, nodes: int = 3, **request: Any) -> HistoryRecord:
        names = tuple(f"node-{index}" for index in range(nodes))
        operation = OperationRecord(kind, f"{kind}-{at}", OperationState.COMPLETE, names, request, at, "op")
        return HistoryRecord(replace(operation, finished_at=at + 10), steps or {})

    def times(self, *records: HistoryRecord, kind: str = "backup") -> dict[str, float]:
        found = snapshot()
        history = {record.key: record for record in records}
        known = samples(Metrics(), replace(found, state=replace(found.state, history=history)))
        name = f"cassandra_scheduler_{kind}_completed_timestamp_seconds"
        return {dict(labels)["keyspace"]: value for (full, labels), value in known.items() if full == name}

    def test_backups(self) -> None:
        described = {"Describe.cluster": {"result": {"key_spaces": {"shop": 3, "log": 1}}}}
        found = self.times(
            self.record("backup", 100.0, described),
            self.record("backup", 200.0, key_spaces=["shop"]),
            self.record("backup", 300.0, key_spaces=["log"], column_families=["one"]),
        )
        assert found == {"shop": 200.0, "log": 100.0}

    def test_an_operation_whose_result_was_cut_is_of_all_keyspaces(self) -> None:
        assert self.times(self.record("backup", 100.0)) == {"*": 100.0}
        found = self.times(self.record("backup", 100.0, key_spaces=["shop"]), self.record("backup", 200.0))
        assert found == {"shop": 200.0}

    def test_a_repair_counts_for_the_node_where_it_is_the_longest_ago(self) -> None:
        tables = {"Repair.node-0": {"result": {"tables": {"shop.carts": "repaired", "log.*": "repaired (300 tables)"}}}}
        found = self.times(
            self.record("repair", 100.0, tables), self.record("repair", 200.0, tables, nodes=1), kind="repair"
        )
        assert found == {"shop": 100.0, "log": 100.0}

    def test_names_are_escaped_and_few(self) -> None:
        odd = 'a"b\\c\nd'
        names = {odd: 1, "x" * 1000: 1, **{f"k{number:03}": 1 for number in range(500)}}
        steps = {"Describe.cluster": {"result": {"key_spaces": names}}}
        found = self.times(self.record("backup", 100.0, steps))
        assert odd in found
        assert len(found) == 100
        assert max(map(len, found)) <= 48


def test_progress_of_a_running_operation() -> None:
    state = large.backed_up(10)
    known = samples(Metrics(), Snapshot(state, build_plans(state, NOW), NOW, connected=True, waiting=5))
    kind = frozenset({("kind", "backup")})
    assert 0 < known["cassandra_scheduler_operation_progress_ratio", kind] < 1
    assert known["cassandra_scheduler_operation_started_timestamp_seconds", kind] == large.NOW
    assert known["cassandra_scheduler_queue_length", frozenset()] == 5


def test_declines_are_counted_by_reason() -> None:
    found = replace(snapshot(), counters={"declined CPUS": 3.0, "declines_total": 3.0})
    known = samples(Metrics(), found)
    assert known["cassandra_scheduler_declines_by_reason_total", frozenset({("reason", "CPUS")})] == 3


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
