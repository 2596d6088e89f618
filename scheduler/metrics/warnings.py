"""How many warnings `/v1/health` and the page show about what."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric

from scheduler.core.nodes.clocks import wrong_clocks
from scheduler.core.nodes.missing_keys import missing_key_warnings
from scheduler.core.plans.cautions import cautions
from scheduler.core.ring.partitions import partitions
from scheduler.core.ring.racks import foreign_racks
from scheduler.core.state.cluster import ClusterState
from scheduler.metrics.families import labelled


def warning_metrics(state: ClusterState, now: float) -> Iterator[Metric]:
    """Yield the number of warnings at `now`, in seconds since the epoch. Certificates have metrics of their own."""
    counts = {
        "clocks": len(wrong_clocks(state)),
        "keys": len(missing_key_warnings(state)),
        "partitions": len(partitions(state, now)),
        "racks": len(foreign_racks(state)),
        "settings": len(cautions(state, state.target.spec)),
    }
    samples = (((about,), count) for about, count in counts.items())
    yield labelled("warnings", "Warnings of /v1/health, by what they are about.", ("about",), samples)
