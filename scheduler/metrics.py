"""The metrics of `/metrics`, in Prometheus' text format.

Most are computed from the published snapshot at each scrape. The durations of cycles and requests are histograms, which
this process observes; `process_*` describes the process itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client import Counter as CountedMetric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scheduler.core.nodes.expiry import certificates
from scheduler.core.plans.plan import Status
from scheduler.core.ring.readiness import own_reason
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.exclusion import failed_step
from scheduler.core.state.operation import OperationState, StepState
from scheduler.loop.snapshot import Snapshot

NAMESPACE = "cassandra_scheduler"
# Version 0.0.4 is the format that every Prometheus reads.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Bounds in seconds. A cycle of three nodes takes some milliseconds, one of a thousand nodes some tenths of a second.
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# The status codes with which the API refuses a request to its sender.
REFUSED = (401, 403, 429)

_COUNTERS = {
    "cycles_total": "Cycles of the loop.",
    "events_total": "Events of Mesos and of executors that were folded into the state.",
    "offers_total": "Offers received.",
    "launches_total": "Launches of nodes sent.",
    "job_launches_total": "Launches of maintenance jobs sent.",
    "releases_total": "Accepts that released abandoned reservations.",
    "kills_total": "Kills sent.",
    "declines_total": "Offers declined.",
    "revives_total": "Revives sent.",
    "records_written_total": "Records written to ZooKeeper.",
    "decision_failures_total": "Cycles that decided nothing because the decision failed.",
    "events_ignored_total": "Updates and messages that could not be handled.",
    "store_failures_total": "Cycles that ended because ZooKeeper did not answer.",
}


class Metrics:
    """The metrics of one process. The loop observes its cycles, the API its requests; any thread can do either."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._cycles = Histogram(
            "cycle_seconds", "Duration of a cycle.", namespace=NAMESPACE, buckets=_BOUNDS, registry=self._registry
        )
        self._requests = Histogram(
            "request_seconds",
            "Time until the API's answer began.",
            ("method", "path", "status"),
            namespace=NAMESPACE,
            buckets=_BOUNDS,
            registry=self._registry,
        )
        self._refused = CountedMetric(
            "requests_refused_total",
            "Requests that the API refused to their sender.",
            ("status",),
            namespace=NAMESPACE,
            registry=self._registry,
        )
        for status in REFUSED:
            self._refused.labels(str(status))  # a series that exists from the start can be watched for its increase
        ProcessCollector(registry=self._registry)

    def observe_cycle(self, seconds: float) -> None:
        """Count one stored cycle."""
        self._cycles.observe(seconds)

    def observe_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one request.

        Args:
            method: For example `GET`; empty if no route matches.
            path: The template of the path, such as `/v1/nodes/{node}/info`; empty if no route matches.
            status: The status code of the answer.
            seconds: The time until the answer began.
        """
        self._requests.labels(method, path, str(status)).observe(seconds)

    def observe_refusal(self, status: int) -> None:
        """Count a request that was refused to its sender with one of the status codes of REFUSED."""
        self._refused.labels(str(status)).inc()

    def render(self, snapshot: Snapshot) -> str:
        """Return all metrics in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(_Scrape(snapshot, self._registry))
        return generate_latest(registry).decode()


class _Scrape(Collector):
    """All metrics at one moment."""

    def __init__(self, snapshot: Snapshot, observed: CollectorRegistry) -> None:
        self._snapshot = snapshot
        self._observed = observed

    def collect(self) -> Iterator[Metric]:
        """Yield each metric with its samples."""
        counted = self._snapshot.counters or {}
        for name, meaning in _COUNTERS.items():
            yield CounterMetricFamily(f"{NAMESPACE}_{name}", meaning, value=counted.get(name, 0.0))
        yield from _cluster_gauges(self._snapshot)
        yield from _node_gauges(self._snapshot.state)
        yield from _operation_gauges(self._snapshot.state)
        for metric in self._observed.collect():
            # The library adds the time at which each series was created, which nothing reads.
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def _cluster_gauges(snapshot: Snapshot) -> Iterator[Metric]:
    state = snapshot.state
    yield _gauge("mesos_connected", "1 while Mesos has the framework subscribed.", snapshot.connected)
    yield _gauge("deciding", "0 while the scheduler decides nothing because its decision fails.", not snapshot.problem)
    yield _gauge("snapshot_timestamp_seconds", "Time of the last cycle that stored the state.", snapshot.at)
    yield _gauge("offers_suppressed", "1 while offers are suppressed.", state.suppressed)
    yield _gauge("reconciled", "1 once Mesos has reported the state of every task.", state.reconciliation.complete)
    yield _gauge("garbage_reservations", "Reservations that no node's record knows.", len(state.garbage))
    yield _labelled(
        "plan_status",
        "1 for the present status of each plan.",
        ("plan", "status"),
        (((name, status), plan.status is status) for name, plan in snapshot.plans.items() for status in Status),
    )


def _node_gauges(state: ClusterState) -> Iterator[Metric]:
    nodes = state.nodes.values()
    yield _gauge("nodes_wanted", "Nodes of the target.", state.target.spec.nodes)
    ready = sum(own_reason(state, node) is None for node in nodes)
    yield _gauge("nodes_ready", "Nodes that run, are NORMAL and serve CQL.", ready)
    missing = sum(node.missing is not None for node in nodes)
    yield _gauge("nodes_missing", "Nodes that most peers see as down, and that do not answer.", missing)
    modes = Counter(node.mode for node in nodes)
    yield _labelled(
        "nodes", "Nodes by Cassandra's mode.", ("mode",), (((mode,), count) for mode, count in sorted(modes.items()))
    )
    failures = (((node.name,), node.failures.count) for node in nodes)
    yield _labelled("node_failures", "Consecutive failures of each node.", ("node",), failures)
    room = (
        ((name,), sighting.status.room_bytes)
        for name, sighting in state.sightings.items()
        if sighting.status.room_bytes is not None
    )
    yield _labelled(
        "node_disk_free_bytes", "Free bytes on the disk of each node's volume, as last reported.", ("node",), room
    )
    ends = (((node.name,), facts.not_after) for node, facts in certificates(state))
    yield _labelled(
        "certificate_expiry_timestamp_seconds", "Time at which each node's certificate expires.", ("node",), ends
    )


def _operation_gauges(state: ClusterState) -> Iterator[Metric]:
    operations = state.operations.values()
    yield _labelled(
        "operation_state",
        "1 for the state of the newest operation of each kind.",
        ("kind", "state"),
        (((item.kind, word), item.state is word) for item in operations for word in OperationState),
    )
    yield _labelled(
        "operation_waits_for_operator",
        "1 where a step failed and must be restarted.",
        ("kind",),
        (((item.kind,), failed_step(state, item) is not None) for item in operations),
    )
    yield _labelled("operation_steps", "Steps of those operations by state.", ("kind", "state"), _step_counts(state))
    yield _labelled(
        "operation_completed_timestamp_seconds",
        "Time at which an operation of this kind was last completed.",
        ("kind",),
        _completion_times(state),
    )


def _step_counts(state: ClusterState) -> Iterator[tuple[tuple[str, ...], float]]:
    counts = Counter(
        (step.kind, step.state)
        for step in state.steps.values()
        if step.kind in state.operations and state.operations[step.kind].id == step.operation
    )
    for kind in state.operations:
        for word in StepState:
            if word is not StepState.PENDING:
                yield (kind, word), counts[kind, word]


def _completion_times(state: ClusterState) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield the newest completion of each kind that the history holds, for alerts on a backup that is too old."""
    newest: dict[str, float] = {}
    for record in state.history.values():
        operation = record.operation
        if operation.state is OperationState.COMPLETE and operation.finished_at is not None:
            newest[operation.kind] = max(newest.get(operation.kind, 0.0), operation.finished_at)
    yield from (((kind,), at) for kind, at in sorted(newest.items()))


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{NAMESPACE}_{name}", meaning, value=float(value))


def _labelled(
    name: str, meaning: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(f"{NAMESPACE}_{name}", meaning, labels=labels)
    for values, value in samples:
        family.add_metric([str(text) for text in values], float(value))
    return family
