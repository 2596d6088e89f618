"""Concern: the snapshots of a backup fit together, and nodes that are absent are left out of it where that is wanted.

Snapshots are taken anew when they lie too far apart, as when a node came back late, or when the schema of a table
changed between them. That ends: after some rounds the backup goes on and tells how far apart they lie, while a schema
that never rests fails it. A table that was created or dropped meanwhile disturbs nothing: it is left out and told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scheduler.core.cycle.workspace import Cycle
from scheduler.core.maintenance.progress import View
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
    """The schema as the nodes had it at their snapshots: names with what they were on all nodes alike, names that some
    had not, with why they are left out, and names that differ, with the nodes by what they had."""

    agreed: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    differs: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)


def compare(found: Mapping[str, Json]) -> Compared | None:
    """From what the snapshots found by node; None if one of them is of an executor that does not tell its schema."""
    schemas = {node: result.get("schema") for node, result in found.items()}
    if not schemas or any(not isinstance(schema, Mapping) for schema in schemas.values()):
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
    return Compared(agreed, left_out, differs)


def absent(state: ClusterState, operation: OperationRecord) -> dict[str, Json]:
    """The nodes that are left out: why, and the address by which the ring knows them."""
    left_out: dict[str, Json] = {}
    for phase in (_UPLOAD, _SNAPSHOT):
        for step in _steps(state, operation, phase):
            if step.result.get("absent"):
                node = state.nodes.get(step.name)
                address = None if node is None else node.address
                left_out[step.name] = {"why": str(step.result["absent"]), "address": address}
    return left_out


def is_last_round(operation: OperationRecord) -> bool:
    """Whether the snapshots are not taken anew any more."""
    return _rounds(operation) >= ROUNDS


def settle(cycle: Cycle, view: View) -> bool:
    """See to the snapshots, and to absent nodes; says whether anything has changed."""
    operation = view.operation
    if operation.kind != KIND or operation.state is not OperationState.RUNNING or operation.interrupted:
        return False
    skipped = operation.request.get("absent") == "skip" and _skip(cycle, view)
    return _retake(cycle, operation) or skipped


def _skip(cycle: Cycle, view: View) -> bool:
    """Steps of nodes that are not up are done without them, as long as any node is up."""
    operation, state = view.operation, cycle.state
    up = {name for name in operation.nodes if name in state.nodes and is_up(state.nodes[name])}
    if not up or view.finished:
        return False
    phase, found = view.phases[view.current]
    if phase.name not in (_SNAPSHOT, _UPLOAD, _CLEAR):
        return False
    without = absent(state, operation)
    changed = False
    for step in found:
        why = str(without[step.name]["why"]) if step.name in without and phase.name == _UPLOAD else ""
        if not why and step.name not in up:
            why = _down(state, step.name)
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
    """Not while its job is heard of; a job that Mesos cannot see may go on, and what it does counts no more."""
    if step.state is StepState.RUNNING:
        return step.task is not None and step.task.state in UNSEEN
    return step.state is StepState.PENDING


def _down(state: ClusterState, name: str) -> str:
    node = state.nodes.get(name)
    return "it is not a node any more" if node is None else f"it was not NORMAL, its mode is {node.mode or 'unknown'}"


def _retake(cycle: Cycle, operation: OperationRecord) -> bool:
    state = cycle.state
    taken = [step for step in _steps(state, operation, _SNAPSHOT) if not step.result.get("absent")]
    described = next(iter(_steps(state, operation, _DESCRIBE)))
    if is_last_round(operation) or any(step.state is not StepState.COMPLETE or step.forced for step in taken):
        return False
    if described.state is StepState.COMPLETE and described.result.get("retake") and not described.forced:
        again = [*taken, described]
    elif described.state is StepState.PENDING:
        again = _misfits(operation, taken)
    else:
        return False
    for step in again:
        cycle.put(
            replace(step, state=StepState.PENDING, result={}, finished_at=None, failures=Failures(), interruptions=0)
        )
    if again:
        facts = {**operation.facts, _ROUNDS_FACT: _rounds(operation) + 1}
        cycle.put(replace(operation, facts=facts))
    return bool(again)


def _misfits(operation: OperationRecord, taken: list[StepRecord]) -> list[StepRecord]:
    """The snapshots to take anew: those of another schema than the newest of all, and those that are too old."""
    spread = operation.request.get("max_snapshot_spread_s", DEFAULT_SPREAD_S)
    newest = max(taken, key=_taken_at, default=None)
    if newest is None:
        return []
    compared = compare({step.name: step.result for step in taken})
    differs = {} if compared is None else compared.differs
    others = {
        node for having in differs.values() for nodes in having.values() if newest.name not in nodes for node in nodes
    }
    return [step for step in taken if step.name in others or _taken_at(newest) - _taken_at(step) > spread]


def spread_seconds(state: ClusterState, operation: OperationRecord) -> float:
    """How far apart the snapshots lie, by this scheduler's clock."""
    moments = [_taken_at(step) for step in _steps(state, operation, _SNAPSHOT) if not step.result.get("absent")]
    return max(moments, default=0.0) - min(moments, default=0.0)


def _taken_at(step: StepRecord) -> float:
    return step.finished_at or 0.0


def _rounds(operation: OperationRecord) -> int:
    return int(operation.facts.get(_ROUNDS_FACT, 0))


def _steps(state: ClusterState, operation: OperationRecord, phase: str) -> Iterable[StepRecord]:
    found = next(item for item in KINDS[KIND].phases if item.name == phase)
    return steps(state, operation, found)
