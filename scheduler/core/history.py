"""How an operation ends: its record, with the verdict of its steps, and what is kept of it in the history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from scheduler.core.cycle.workspace import Cycle
from scheduler.core.maintenance.progress import View
from scheduler.core.maintenance.steps import plain_values
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import shorten
from scheduler.core.state.operation import HistoryRecord, OperationRecord, OperationState, StepRecord

KEPT = 20
# One record of ZooKeeper may have 1 MB.
SIZE_LIMIT = 200_000
# The word under `verdict` in the result of a step that found what it should not have.
DIFFERENT = "different"
# The phases whose steps judge.
JUDGING = frozenset({"Digest", "Compare"})


def close(cycle: Cycle, view: View) -> None:
    """The operation is over: complete, different, or stopped. Its secrets are forgotten, its steps stay until the next
    one."""
    steps = [step for _, found in view.phases for step in found]
    stopped = view.operation.state is OperationState.STOPPING
    state, message = (OperationState.STOPPED, "") if stopped else verdict(steps)
    ended = replace(
        view.operation, state=state, message=message, finished_at=cycle.now, interrupted=False, sealed=""
    )  # fmt: skip
    cycle.update_operation(ended)
    cycle.update_history(_summary(ended, steps), _oldest(cycle.state, ended))


def verdict(steps: Iterable[StepRecord]) -> tuple[OperationState, str]:
    """What the steps of an operation that is done say of it: `verdict` and `message` of their results.

    One that found a difference makes it DIFFERENT. A step that was to judge and was forced has not judged.
    """
    state, words = OperationState.COMPLETE, []
    for step in steps:
        if step.result.get("verdict") == DIFFERENT:
            state = OperationState.DIFFERENT
        if step.forced and step.phase in JUDGING:
            words.append(f"not compared: the step {step.phase} of {step.name} was forced complete by an operator")
        elif said := str(step.result.get("message") or ""):
            words.append(said)
    # Nodes that found the same say it once.
    return state, shorten("; ".join(dict.fromkeys(words)))


def _summary(operation: OperationRecord, steps: list[StepRecord]) -> HistoryRecord:
    """Of very many nodes, or tables, only the numbers; else only what failed, as much as there is room for."""
    begun = {f"{step.phase}.{step.name}": step for step in steps if step.started_at is not None}
    whole = {name: _step(step, step.result) for name, step in begun.items()}
    if len(json.dumps(whole)) <= SIZE_LIMIT:
        return HistoryRecord(operation, whole)
    short = {name: _step(step, plain_values(step.result)) for name, step in begun.items()}
    if len(json.dumps(short)) <= SIZE_LIMIT:
        return HistoryRecord(operation, short)
    kept, room = {}, SIZE_LIMIT
    for name, found in short.items():
        room -= len(json.dumps({name: found})) if found["error"] else 0
        if found["error"] and room >= 0:
            kept[name] = found
    return HistoryRecord(operation, kept)


def _step(step: StepRecord, result: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "state": step.state.value,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "error": step.failures.message,
        "result": result,
    }


def _oldest(state: ClusterState, operation: OperationRecord) -> list[str]:
    """The keys of this kind that are too many, once one more is added."""
    same = sorted(
        (record for record in state.history.values() if record.operation.kind == operation.kind),
        key=lambda record: record.operation.started_at,
    )
    others = [record.key for record in same if record.operation.id != operation.id]
    return others[: max(0, len(others) - KEPT + 1)]
