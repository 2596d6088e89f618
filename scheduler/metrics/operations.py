"""Metrics of maintenance operations, and the ages of backups and repairs by keyspace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from prometheus_client.core import Metric

from executor.key_spaces import KEY_SPACE_LENGTH
from scheduler.core.maintenance.progress import DONE, percent_done, view_operation
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.exclusion import failed_step
from scheduler.core.state.operation import HistoryRecord, OperationRecord, OperationState, StepState, is_live
from scheduler.metrics.families import labelled

# Names of keyspaces are chosen by the cluster's users. The oldest ones are kept: these are what an alert is about.
KEY_SPACES = 100
# The label of an operation of all keyspaces whose names are not known: results of many nodes are cut.
ALL = "*"


def operation_metrics(state: ClusterState) -> Iterator[Metric]:
    """Yield the metrics of operations."""
    operations = state.operations.values()
    yield labelled(
        "operation_state",
        "1 for the state of the newest operation of each kind.",
        ("kind", "state"),
        (((item.kind, word), item.state is word) for item in operations for word in OperationState),
    )
    yield labelled(
        "operation_waits_for_operator",
        "1 where a step failed and must be restarted.",
        ("kind",),
        (((item.kind,), failed_step(state, item) is not None) for item in operations),
    )
    yield labelled("operation_steps", "Steps of those operations by state.", ("kind", "state"), _step_counts(state))
    live = [item for item in operations if is_live(item)]
    yield labelled(
        "operation_progress_ratio", "Done part of each running operation.", ("kind",), _progress(state, live)
    )
    yield labelled(
        "operation_started_timestamp_seconds",
        "Time at which each running operation began.",
        ("kind",),
        (((item.kind,), item.started_at) for item in live),
    )
    yield labelled(
        "operation_completed_timestamp_seconds",
        "Time at which an operation of this kind was last completed.",
        ("kind",),
        _completion_times(state),
    )
    yield from _key_space_metrics(state)


def _key_space_metrics(state: ClusterState) -> Iterator[Metric]:
    yield labelled(
        "backup_completed_timestamp_seconds",
        "Time at which the newest complete backup of each keyspace began.",
        ("keyspace",),
        _oldest(backup_times(state)),
    )
    yield labelled(
        "repair_completed_timestamp_seconds",
        "Time at which the newest repair of each keyspace began, on the node where that is the longest ago.",
        ("keyspace",),
        _oldest(repair_times(state)),
    )


def backup_times(state: ClusterState) -> Mapping[str, float]:
    """Return by keyspace when its newest complete backup began."""
    found: dict[str, float] = {}
    for record in _whole(state, "backup"):
        names = record.steps.get("Describe.cluster", {}).get("result", {}).get("key_spaces")
        for name in _names(record.operation, names):
            found[name] = max(found.get(name, 0.0), record.operation.started_at)
    return found


def repair_times(state: ClusterState) -> Mapping[str, float]:
    """Return by keyspace when its newest repair began, of the member where that is the longest ago.

    Members that no repair of the history has included, such as new ones, do not count.
    """
    times: dict[tuple[str, str], float] = {}
    for record in _whole(state, "repair"):
        results = [step.get("result", {}).get("tables") for step in record.steps.values()]
        tables = {name: words for found in results if isinstance(found, dict) for name, words in found.items()}
        names = {str(name).partition(".")[0] for name in tables}
        for name in _names(record.operation, names):
            for node in state.nodes.keys() & set(record.operation.nodes):
                times[name, node] = max(times.get((name, node), 0.0), record.operation.started_at)
    found: dict[str, float] = {}
    for (name, _), at in times.items():
        found[name] = min(found.get(name, at), at)
    return found


def _whole(state: ClusterState, kind: str) -> Iterator[HistoryRecord]:
    """Yield the operations that were completed for whole keyspaces."""
    for record in state.history.values():
        operation = record.operation
        if operation.kind == kind and operation.state in DONE and not operation.request.get("column_families"):
            yield record


def _names(operation: OperationRecord, found: Any) -> Collection[str]:
    names = operation.request.get("key_spaces") or (found if isinstance(found, Collection) else ())
    return {str(name)[:KEY_SPACE_LENGTH] for name in names} or {ALL}


def _oldest(times: Mapping[str, float]) -> Iterator[tuple[tuple[str, ...], float]]:
    known = {name: max(at, times.get(ALL, 0.0)) for name, at in times.items()}
    if len(known) > 1:
        known.pop(ALL, None)
    oldest = sorted(known.items(), key=lambda item: (item[1], item[0]))[:KEY_SPACES]
    yield from (((name,), at) for name, at in oldest)


def _progress(state: ClusterState, live: list[OperationRecord]) -> Iterator[tuple[tuple[str, ...], float]]:
    for item in live:
        percent = percent_done(state, view_operation(state, item))
        if percent is not None:
            yield (item.kind,), percent / 100


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
