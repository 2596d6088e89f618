"""Concern: the Cassandra snapshots of a backup fit together; absent nodes are left out if the request allows it.

Snapshots are repeated if they are too far apart, as when a node came back late, if the schema of a table changed
between them, or if a node was replaced before it sent its own. After some rounds the backup continues and reports the
time between them; a schema that keeps changing fails it. A table that was created or dropped meanwhile is left out and
reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scheduler.core.cycle.workspace import Cycle
from scheduler.core.maintenance.progress import View
from scheduler.core.ring.readiness import why_down
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import UNSEEN, is_up
from scheduler.core.state.node import Failures
from scheduler.core.state.operation import OperationRecord, OperationState, StepRecord, StepState
from scheduler.core.state.operation_kinds import KINDS
from scheduler.core.state.operation_steps import steps

Json = Mapping[str, Any]

KIND = "backup"
ROUNDS = 5
DEFAULT_SPREAD_S = 60
MEANWHILE = "created or dropped while the snapshots were taken"
_SNAPSHOT, _DESCRIBE, _UPLOAD, _CLEAR = "Snapshot", "Describe", "Upload", "Clear"
_ROUNDS_FACT = "rounds"


@dataclass(frozen=True)
class Compared:
    """The schemas of the nodes at their snapshots, compared.

    `agreed` has the names that are equal on all nodes, with their digest. `left_out` has the names that some nodes
    lack, each with the reason. `differs` has the other names, with the nodes by digest. `rules` is the number of the
    way in which the executors computed the digests.
    """

    agreed: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    differs: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    rules: int = 1


def compare_schemas(found: Mapping[str, Json]) -> Compared | None:
    """Return the comparison of snapshot results by node.

    None if an executor did not report its schema, or if executors of several versions computed digests differently.
    """
    schemas = {node: result.get("schema") for node, result in found.items()}
    ways = {_rules(result) for result in found.values()}
    if len(ways) != 1 or any(not isinstance(schema, Mapping) for schema in schemas.values()):
        return None
    agreed: dict[str, str] = {}
    left_out: dict[str, str] = {}
    differs: dict[str, dict[str, tuple[str, ...]]] = {}
    for name in sorted({name for schema in schemas.values() for name in schema or {}}):
        having: dict[str, tuple[str, ...]] = {}
        for node, schema in schemas.items():
            if schema is not None and name in schema:
                having[schema[name]] = (*having.get(schema[name], ()), node)
        if len(having) > 1:
            differs[name] = having
        elif sum(map(len, having.values())) < len(schemas):
            left_out[name] = MEANWHILE
        else:
            agreed[name] = next(iter(having))
    return Compared(agreed, left_out, differs, *ways)


def _rules(result: Json) -> int:
    found = result.get("schema_rules")
    return found if isinstance(found, int) else 1


def absent_nodes(state: ClusterState, operation: OperationRecord) -> dict[str, Json]:
    """Return the nodes that are left out, each with the reason and its address in the ring."""
    left_out: dict[str, Json] = {}
    for phase in (_UPLOAD, _SNAPSHOT):
        for step in _steps(state, operation, phase):
            if step.result.get("absent"):
                node = state.nodes.get(step.name)
                address = None if node is None else node.address
                left_out[step.name] = {"why": str(step.result["absent"]), "address": address}
    return left_out


def is_last_round(operation: OperationRecord) -> bool:
    """Return whether the snapshots are not repeated any more."""
    return _rounds(operation) >= ROUNDS


def settle(cycle: Cycle, view: View) -> bool:
    """Skip absent nodes and repeat snapshots as needed; return whether a step has changed."""
    operation = view.operation
    if operation.kind != KIND or operation.state is not OperationState.RUNNING or operation.interrupted:
        return False
    skipped = operation.request.get("absent") == "skip" and _skip(cycle, view)
    return _retake(cycle, operation) or skipped


def _skip(cycle: Cycle, view: View) -> bool:
    """Complete the steps of nodes that are not up, as long as any node is up."""
    operation, state = view.operation, cycle.state
    up = {name for name in operation.nodes if name in state.nodes and is_up(state.nodes[name])}
    if not up or view.finished:
        return False
    phase, found = view.phases[view.current]
    if phase.name not in (_SNAPSHOT, _UPLOAD, _CLEAR):
        return False
    without = absent_nodes(state, operation)
    changed = False
    for step in found:
        why = str(without[step.name]["why"]) if step.name in without and phase.name == _UPLOAD else ""
        if not why and step.name not in up:
            why = _absence(state, step.name)
        if why and _may_go_without(step):
            result = {} if phase.name == _CLEAR else {"absent": why}
            words = f"{step.name} is left out: {why}"
            gone = replace(
                step, state=StepState.COMPLETE, task=None, result={**result, "message": words}, finished_at=cycle.now
            )
            cycle.put(replace(gone, failures=Failures(), interruptions=0))
            changed = True
    return changed


def _may_go_without(step: StepRecord) -> bool:
    """Return whether the step has no job that Mesos sees; the result of an unseen job does not count."""
    if step.state is StepState.RUNNING:
        return step.task is not None and step.task.state in UNSEEN
    return step.state is StepState.PENDING


def _absence(state: ClusterState, name: str) -> str:
    node = state.nodes.get(name)
    return "it is no longer a node" if node is None else f"it was not NORMAL, {why_down(node)}"


def _retake(cycle: Cycle, operation: OperationRecord) -> bool:
    state = cycle.state
    taken = [step for step in _steps(state, operation, _SNAPSHOT) if not step.result.get("absent")]
    described = next(iter(_steps(state, operation, _DESCRIBE)))
    if is_last_round(operation) or any(step.state is not StepState.COMPLETE or step.forced for step in taken):
        return False
    if described.state is StepState.COMPLETE and described.result.get("retake") and not described.forced:
        again = [*taken, described]
    elif described.state is StepState.PENDING:
        again = [*_misfits(operation, taken), *(step for step in taken if _is_lost(state, step))]
    else:
        again = _lost_before_upload(state, operation, [*taken, described])
    for step in {step.key: step for step in again}.values():
        cycle.put(
            replace(step, state=StepState.PENDING, result={}, finished_at=None, failures=Failures(), interruptions=0)
        )
    if again:
        facts = {**operation.facts, _ROUNDS_FACT: _rounds(operation) + 1}
        cycle.put(replace(operation, facts=facts))
    return bool(again)


def _is_lost(state: ClusterState, step: StepRecord) -> bool:
    """Return whether the node was replaced since its snapshot, which went with the former node's volume."""
    node, taken_on = state.nodes.get(step.name), step.result.get("host_id")
    return bool(taken_on and node is not None and node.host_id and node.host_id != taken_on)


def _lost_before_upload(
    state: ClusterState, operation: OperationRecord, before: list[StepRecord]
) -> list[StepRecord]:  # fmt: skip
    """Return all steps to repeat once no job runs, if a snapshot was lost that was not sent; none otherwise."""
    uploads = {step.name: step for step in _steps(state, operation, _UPLOAD)}
    every = [*before, *uploads.values()]
    if any(step.state is StepState.RUNNING or step.forced for step in every):
        return []
    waiting = (StepState.PENDING, StepState.FAILED)
    unsent = [step for step in before if step.name in uploads and uploads[step.name].state in waiting]
    return every if any(_is_lost(state, step) for step in unsent) else []


def _misfits(operation: OperationRecord, taken: list[StepRecord]) -> list[StepRecord]:
    """Return the snapshots to repeat: those with another schema than the newest, and those that are too old."""
    spread = operation.request.get("max_snapshot_spread_s", DEFAULT_SPREAD_S)
    newest = max(taken, key=_taken_at, default=None)
    if newest is None:
        return []
    compared = compare_schemas({step.name: step.result for step in taken})
    if compared is None:
        # Cassandra's version of the whole schema has the same meaning for all executors.
        version = newest.result.get("schema_version")
        others = {step.name for step in taken if step.result.get("schema_version") != version}
    else:
        others = {
            node
            for having in compared.differs.values()
            for nodes in having.values()
            if newest.name not in nodes
            for node in nodes
        }
    return [step for step in taken if step.name in others or _taken_at(newest) - _taken_at(step) > spread]


def spread_seconds(state: ClusterState, operation: OperationRecord) -> float:
    """Return the seconds between the first and the last snapshot, by this scheduler's clock."""
    moments = [_taken_at(step) for step in _steps(state, operation, _SNAPSHOT) if not step.result.get("absent")]
    return max(moments, default=0.0) - min(moments, default=0.0)


def _taken_at(step: StepRecord) -> float:
    return step.finished_at or 0.0


def _rounds(operation: OperationRecord) -> int:
    return int(operation.facts.get(_ROUNDS_FACT, 0))


def _steps(state: ClusterState, operation: OperationRecord, phase: str) -> Iterable[StepRecord]:
    found = next(item for item in KINDS[KIND].phases if item.name == phase)
    return steps(state, operation, found)
