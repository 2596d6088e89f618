"""Metrics of nodes: by their records, and Cassandra's figures.

At 1,000 nodes each series of a node takes some 60 kB of the answer. So names are short, counts are summed over kinds of
requests, messages and collectors, and gauges have few digits; a node's status has more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from executor.figures import Figures, Requests
from scheduler.core.nodes.expiry import certificates
from scheduler.core.ring.readiness import own_reason
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import is_up
from scheduler.metrics.families import family, gauge, labelled
from scheduler.security.authority_end import client_authority_ends

# The scheduler asks each node every half a minute. Older figures are of a node that does not answer.
STALE_SECONDS = 120.0
_KINDS = ("read", "write")


def _ratio(found: Figures) -> float | None:
    return found.heap_used_bytes / found.heap_max_bytes if found.heap_used_bytes and found.heap_max_bytes else None


def _gc_seconds(found: Figures) -> float | None:
    return None if found.gc_millis is None else found.gc_millis / 1000


def _streamed(found: Figures) -> float | None:
    return None if found.received is None and found.sent is None else (found.received or 0) + (found.sent or 0)


def _requests(found: Figures) -> float | None:
    known = [item.count for item in (found.read, found.write) if item is not None]
    return sum(known) if known else None


def _errors(found: Figures) -> float | None:
    known = [item.errors for item in (found.read, found.write) if item is not None]
    return sum(known) if known else None


_GAUGES: dict[str, tuple[str, Callable[[Figures], float | None]]] = {
    "disk_bytes": ("Size of the disk of each node's volume.", lambda found: found.disk_bytes),
    "heap_used_ratio": ("Used share of each node's Java heap.", _ratio),
    "pending_compactions": ("Compactions that wait.", lambda found: found.pending_compactions),
    "hinted_peers": ("Peers for which hints wait on each node's disk.", lambda found: found.hinted_peers),
}
_COUNTERS: dict[str, tuple[str, Callable[[Figures], float | None]]] = {
    "dropped_total": ("Messages that came too late to be handled.", lambda found: sum(found.dropped.values())),
    "requests_total": ("Reads and writes of clients.", _requests),
    "errors_total": ("Reads and writes that ended with an error.", _errors),
    "gc_seconds_total": ("Time of all garbage collections.", _gc_seconds),
    "streamed_bytes_total": ("Bytes received and sent by streaming.", _streamed),
}


def node_metrics(state: ClusterState, now: float) -> Iterator[Metric]:
    """Yield the metrics of nodes at `now`, in seconds since the epoch."""
    yield from _record_metrics(state)
    yield _client_authorities(state, now)
    fresh = {
        name: sighting.figures
        for name, sighting in state.sightings.items()
        if sighting.figures is not None and now - sighting.figures_at <= STALE_SECONDS
    }
    for name, (meaning, read) in _GAUGES.items():
        made = GaugeMetricFamily(f"cassandra_{name}", meaning, labels=("node",))
        yield family(made, ((labels, _short(value)) for labels, value in _samples(fresh, read)))
    for name, (meaning, read) in _COUNTERS.items():
        yield family(CounterMetricFamily(f"cassandra_{name}", meaning, labels=("node",)), _samples(fresh, read))
    yield from _request_metrics(fresh)


def _record_metrics(state: ClusterState) -> Iterator[Metric]:
    nodes = state.nodes.values()
    yield gauge("nodes_wanted", "Nodes of the target.", state.target.spec.nodes)
    ready = sum(own_reason(state, node) is None for node in nodes)
    yield gauge("nodes_ready", "Nodes that run, are NORMAL and serve CQL.", ready)
    missing = sum(node.missing is not None for node in nodes)
    yield gauge("nodes_missing", "Nodes that most peers see as down, and that do not answer.", missing)
    modes = Counter(node.mode for node in nodes)
    yield labelled(
        "nodes", "Nodes by Cassandra's mode.", ("mode",), (((mode,), count) for mode, count in sorted(modes.items()))
    )
    failures = (((node.name,), node.failures.count) for node in nodes)
    yield labelled("node_failures", "Consecutive failures of each node.", ("node",), failures)
    seen = [(name, sighting.status) for name, sighting in state.sightings.items()]
    room = (((name,), found.room_bytes) for name, found in seen if found.room_bytes is not None)
    yield labelled(
        "node_disk_free_bytes", "Free bytes on the disk of each node's volume, as last reported.", ("node",), room
    )
    ends = (((node.name,), facts.not_after) for node, facts in certificates(state))
    yield labelled(
        "certificate_expiry_timestamp_seconds", "Time at which each node's certificate expires.", ("node",), ends
    )
    wrong = ((name, sighting.clock_offset) for name, sighting in state.sightings.items() if sighting.clock_offset)
    offsets = (((name,), _short(offset)) for name, offset in wrong)
    meaning = "Seconds by which the clock of a node's agent is ahead of the scheduler's for certain, if they differ."
    yield labelled("node_clock_offset_seconds", meaning, ("node",), offsets)
    up = GaugeMetricFamily(
        "cassandra_up", "1 while the node's task runs and its mode is NORMAL.", labels=("mode", "node")
    )
    yield family(up, (((node.mode, node.name), is_up(node)) for node in nodes if node.task is not None))
    load = GaugeMetricFamily("cassandra_load_bytes", "Size of each node's SSTables.", labels=("node",))
    yield family(load, (((name,), _short(found.load_bytes)) for name, found in seen if found.load_bytes is not None))


def _client_authorities(state: ClusterState, now: float) -> Metric:
    found = client_authority_ends(state.target.spec.cassandra.client_authorities, now)
    ends = (((item.fingerprint,), item.end) for item in found)
    meaning = "Time at which each authority of clients expires, by its SHA-256."
    return labelled("client_authority_expiry_timestamp_seconds", meaning, ("fingerprint",), ends)


def _request_metrics(fresh: dict[str, Figures]) -> Iterator[Metric]:
    for kind in _KINDS:
        requests = {name: item for name, found in fresh.items() if (item := getattr(found, kind)) is not None}
        yield _latency(kind, requests)


def _latency(kind: str, requests: dict[str, Requests]) -> Metric:
    """Return the summary of one kind of requests. The library makes summaries without quantiles only."""
    made = Metric(f"cassandra_{kind}_seconds", f"Time of {kind}s of the last minutes, at their coordinator.", "summary")
    for name, found in requests.items():
        for quantile, micros in (("0.5", found.p50), ("0.99", found.p99)):
            made.add_sample(made.name, {"node": name, "quantile": quantile}, _short(micros / 1e6))
    return made


def _samples(
    fresh: dict[str, Figures], read: Callable[[Figures], float | None]
) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, found in fresh.items():
        if (value := read(found)) is not None:
            yield (name,), value


def _short(value: float) -> float:
    """Return a value with four digits, which is as much as its reader needs."""
    return float(f"{value:.4g}")
