"""How many warnings `/v1/health` and the page show about what."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric

from scheduler.core.plans.warnings import warnings_by_subject
from scheduler.core.state.cluster import ClusterState
from scheduler.metrics.families import labelled


def warning_metrics(state: ClusterState, now: float) -> Iterator[Metric]:
    """Yield the number of warnings at `now`, in seconds since the epoch. Certificates have metrics of their own."""
    samples = (((about,), len(found)) for about, found in warnings_by_subject(state, now).items())
    yield labelled("warnings", "Warnings of /v1/health, by what they are about.", ("about",), samples)
