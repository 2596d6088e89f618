"""The names under which Prometheus finds the metrics of /metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from bench import large
from scheduler.core.plans.build import build_plans
from scheduler.loop.snapshot import Snapshot
from scheduler.metrics import Metrics

_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum"), "summary": ("",)}


def existing_names() -> set[str]:
    """Return the names of all series that a scheduler can have; also of families without a sample now."""
    state = large.deployed(1)
    text = Metrics().render(Snapshot(state, build_plans(state, large.NOW), large.NOW, connected=True))
    families = text_string_to_metric_families(text)
    return {f"{family.name}{suffix}" for family in families for suffix in _SUFFIXES[family.type]}
