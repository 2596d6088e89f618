"""Families of samples, as the library takes them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

NAMESPACE = "cassandra_scheduler"

Samples = Iterable[tuple[tuple[str, ...], float]]


def gauge(name: str, meaning: str, value: float) -> Metric:
    """Return the family of one gauge of the scheduler."""
    return GaugeMetricFamily(f"{NAMESPACE}_{name}", meaning, value=float(value))


def labelled(name: str, meaning: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    """Return the family of a gauge of the scheduler; each sample has the values of the labels and its value."""
    return family(GaugeMetricFamily(f"{NAMESPACE}_{name}", meaning, labels=labels), samples)


def counters(name: str, meaning: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    """Return the family of a counter of the scheduler; its name ends with `_total`."""
    return family(CounterMetricFamily(f"{NAMESPACE}_{name}", meaning, labels=labels), samples)


def family(made: GaugeMetricFamily | CounterMetricFamily, samples: Samples) -> Metric:
    """Return a family with these samples."""
    for values, value in samples:
        made.add_metric([str(text) for text in values], float(value))
    return made
