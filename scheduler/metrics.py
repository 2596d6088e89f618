"""The figures of one snapshot as Prometheus text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from scheduler.core.plans.plan import Status
from scheduler.core.ring.readiness import own_reason
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.exclusion import failed_step
from scheduler.core.state.operation import OperationState, StepState
from scheduler.loop.snapshot import Snapshot

PREFIX = "cassandra_scheduler_"

_COUNTERS = {
    "cycles_total": "Cycles of the loop.",
    "events_total": "Events of Mesos and of executors that were folded into the state.",
    "offers_total": "Offers received.",
    "launches_total": "Launches of nodes sent.",
    "job_launches_total": "Launches of maintenance jobs sent.",
    "releases_total": "Accepts that gave abandoned reservations back.",
    "kills_total": "Kills sent.",
    "declines_total": "Offers declined.",
    "revives_total": "Revives sent.",
    "records_written_total": "Records written to ZooKeeper.",
    "store_failures_total": "Cycles that ended because ZooKeeper did not answer.",
    "cycle_seconds_sum": "Seconds spent in cycles.",
}


def render(snapshot: Snapshot, refused: Mapping[str, float]) -> str:
    """All metrics, in Prometheus' text format; `refused` are the requests that the API refused, by status."""
    lines: list[str] = []
    for name, help_text in _COUNTERS.items():
        lines += _metric(name, "counter", help_text, [("", (snapshot.counters or {}).get(name, 0.0))])
    samples = [(f'{{status="{status}"}}', count) for status, count in refused.items()]
    lines += _metric("requests_refused_total", "counter", "Requests that the API refused to their sender.", samples)
    for name, help_text, samples in _gauges(snapshot):
        lines += _metric(name, "gauge", help_text, samples)
    return "\n".join(lines) + "\n"


def _gauges(snapshot: Snapshot) -> Iterator[tuple[str, str, list[tuple[str, float]]]]:
    state = snapshot.state
    yield "mesos_connected", "Whether Mesos has the framework subscribed.", [("", float(snapshot.connected))]
    yield "snapshot_timestamp_seconds", "When the state was last known to be stored.", [("", snapshot.at)]
    yield "offers_suppressed", "Whether offers are suppressed.", [("", float(state.suppressed))]
    yield "reconciled", "Whether every task has been spoken of.", [("", float(state.reconciliation.complete))]
    yield "nodes_wanted", "Nodes of the target configuration.", [("", float(state.target.spec.nodes))]
    ready = sum(own_reason(state, node) is None for node in state.nodes.values())
    yield "nodes_ready", "Nodes that run, are NORMAL and serve CQL.", [("", float(ready))]
    missing = sum(node.missing is not None for node in state.nodes.values())
    yield "nodes_missing", "Nodes that their peers do not see, and that do not answer.", [("", float(missing))]
    modes = Counter(node.mode for node in state.nodes.values())
    yield "nodes", "Nodes by Cassandra's mode.", [(f'{{mode="{mode}"}}', float(n)) for mode, n in sorted(modes.items())]
    failures = [(f'{{node="{node.name}"}}', float(node.failures.count)) for node in state.nodes.values()]
    yield "node_failures", "Failures in a row of each node.", failures
    yield "garbage_reservations", "Reservations that no node's record knows.", [("", float(len(state.garbage)))]
    yield (
        "node_disk_free_bytes",
        "Free on the disk of each node's volume, as it last said.",
        _room_samples(state),
    )
    yield "plan_status", "1 for the present status of each plan.", _plan_samples(snapshot)
    yield "operation_state", "1 for the state of the newest operation of each kind.", _operation_samples(state)
    yield "operation_waits_for_operator", "1 where a step failed and has to be restarted.", _failed_samples(state)
    yield "operation_steps", "Steps of those operations by state.", _step_samples(state)
    yield (
        "operation_completed_timestamp_seconds",
        "When an operation of this kind was last completed.",
        _completed_samples(state),
    )


def _room_samples(state: ClusterState) -> list[tuple[str, float]]:
    """For alerts: a disk that is about to be full."""
    return [
        (f'{{node="{name}"}}', float(sighting.status.room_bytes))
        for name, sighting in state.sightings.items()
        if sighting.status.room_bytes is not None
    ]


def _plan_samples(snapshot: Snapshot) -> list[tuple[str, float]]:
    return [
        (f'{{plan="{name}",status="{status}"}}', float(plan.status is status))
        for name, plan in snapshot.plans.items()
        for status in Status
    ]


def _operation_samples(state: ClusterState) -> list[tuple[str, float]]:
    return [
        (f'{{kind="{operation.kind}",state="{word}"}}', float(operation.state is word))
        for operation in state.operations.values()
        for word in OperationState
    ]


def _failed_samples(state: ClusterState) -> list[tuple[str, float]]:
    return [
        (f'{{kind="{operation.kind}"}}', float(failed_step(state, operation) is not None))
        for operation in state.operations.values()
    ]


def _step_samples(state: ClusterState) -> list[tuple[str, float]]:
    counts = Counter(
        (step.kind, step.state)
        for step in state.steps.values()
        if step.kind in state.operations and state.operations[step.kind].id == step.operation
    )
    return [
        (f'{{kind="{kind}",state="{word}"}}', float(counts[kind, word]))
        for kind in state.operations
        for word in StepState
        if word is not StepState.PENDING
    ]


def _completed_samples(state: ClusterState) -> list[tuple[str, float]]:
    """For alerts: a backup that is too long ago. The history holds the last ones of each kind."""
    newest: dict[str, float] = {}
    for record in state.history.values():
        operation = record.operation
        if operation.state is OperationState.COMPLETE and operation.finished_at is not None:
            newest[operation.kind] = max(newest.get(operation.kind, 0.0), operation.finished_at)
    return [(f'{{kind="{kind}"}}', at) for kind, at in sorted(newest.items())]


def _metric(name: str, kind: str, help_text: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    full = f"{PREFIX}{name}"
    return [f"# HELP {full} {help_text}", f"# TYPE {full} {kind}", *(f"{full}{label} {v:.17g}" for label, v in samples)]
