"""The metrics of `/metrics`, in Prometheus' text format.

Most are computed from the published snapshot at each scrape. The durations of cycles and requests are histograms, which
this process observes; `process_*` describes the process itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client import Counter as CountedMetric
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from scheduler.core.nodes.certificates import fingerprint
from scheduler.core.plans.plan import Status
from scheduler.loop.snapshot import DECLINED, Snapshot
from scheduler.metrics.families import NAMESPACE, counters, gauge, labelled
from scheduler.metrics.nodes import node_metrics
from scheduler.metrics.operations import operation_metrics
from scheduler.metrics.warnings import warning_metrics
from scheduler.security.authority_end import times

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

    def watch_certificate(self, seconds_left: Callable[[], float]) -> None:
        """Report the time until the API's certificate ends."""
        Gauge(
            "api_certificate_seconds_left",
            "Seconds until the API's certificate ends; negative once it has expired.",
            namespace=NAMESPACE,
            registry=self._registry,
        ).set_function(seconds_left)

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
        yield counters(
            "declines_by_reason_total", "Offers declined, by the code of the reason.", ("reason",), _declines(counted)
        )
        yield from node_metrics(self._snapshot.state, self._snapshot.at)
        yield from warning_metrics(self._snapshot.state, self._snapshot.at)
        yield from operation_metrics(self._snapshot.state)
        for metric in self._observed.collect():
            # The library adds the time at which each series was created, which nothing reads.
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def _cluster_gauges(snapshot: Snapshot) -> Iterator[Metric]:
    state = snapshot.state
    yield gauge("mesos_connected", "1 while Mesos has the framework subscribed.", snapshot.connected)
    yield gauge("deciding", "0 while the scheduler decides nothing because its decision fails.", not snapshot.problem)
    yield gauge("snapshot_timestamp_seconds", "Time of the last cycle that stored the state.", snapshot.at)
    yield gauge("offers_suppressed", "1 while offers are suppressed.", state.suppressed)
    yield gauge("reconciled", "1 once Mesos has reported the state of every task.", state.reconciliation.complete)
    yield gauge("queue_length", "Events and commands that waited when the last cycle ended.", snapshot.waiting)
    yield gauge("garbage_reservations", "Reservations that no node's record knows.", len(state.garbage))
    signing = [] if state.authority is None else [state.authority.signing]
    yield labelled(
        "authority_expiry_timestamp_seconds",
        "Time at which the authority that signs certificates expires.",
        ("fingerprint",),
        (((fingerprint(authority),), times(authority.certificate)[1]) for authority in signing),
    )
    yield labelled(
        "plan_status",
        "1 for the present status of each plan.",
        ("plan", "status"),
        (((name, status), plan.status is status) for name, plan in snapshot.plans.items() for status in Status),
    )


def _declines(counted: Mapping[str, float]) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, count in counted.items():
        if name.startswith(DECLINED):
            yield (name.removeprefix(DECLINED),), count
