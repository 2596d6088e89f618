"""Maintenance operations as the documents that clients read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from executor.protocol import JobProgress
from executor.sentences import stamp
from scheduler.core.maintenance.progress import View, newest_progress, percent_done, view_operation
from scheduler.core.plans.plan import Plan, Status, Step
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.naming import named
from scheduler.core.state.operation import HistoryRecord, OperationRecord, OperationState, StepRecord, StepState
from scheduler.core.state.operation_kinds import KINDS, PhaseKind
from scheduler.loop.snapshot import Snapshot

Json = Mapping[str, Any]

NONE = "NONE"
_HELD = (Status.WAITING, Status.DELAYED, Status.PENDING)


def status(found: Snapshot, kind: str) -> Json:
    """Return the newest operation of a kind, with the present step of each node."""
    operation = found.state.operations.get(kind)
    if operation is None:
        return _nothing(kind)
    if kind not in found.plans:  # an uninstall has no other plans
        message = "the service is being removed: see the plan uninstall"
        return {**_nothing(kind), "id": operation.id, "state": operation.state.value, "message": message,
                **_asked(operation)}  # fmt: skip
    view, plan = view_operation(found.state, operation), found.plans[kind]
    parts = list(_parts(view, plan))
    word = _word(operation, plan)
    return {
        "kind": kind,
        "id": operation.id,
        "state": word,
        "message": operation.message or _message(plan, word),
        "interrupted": operation.interrupted,
        **_asked(operation),
        "percent": percent_done(found.state, view),
        "progress": _summed(found.state, view),
        "nodes": {name: _node(found.state, own) for name, own in _by_node(parts).items()},
        "cluster": {phase.name: _step(found.state, step, shown) for phase, step, shown in parts if phase.once},
    }


def history(found: Snapshot, kind: str) -> list[Json]:
    """Return the ended operations of a kind, newest first."""
    records = [record for record in found.state.history.values() if record.operation.kind == kind]
    return [_ended(record) for record in sorted(records, key=lambda item: -item.operation.started_at)]


def _nothing(kind: str) -> Json:
    texts = dict.fromkeys(("id", "principal", "started", "finished", "percent"))
    empty: Json = {"request": {}, "tuning": {}, "progress": {}, "nodes": {}, "cluster": {}}
    message = f"No {KINDS[kind].title} was started yet"
    return {"kind": kind, "state": NONE, "message": message, "interrupted": False, **texts, **empty}


def _ended(record: HistoryRecord) -> Json:
    operation = record.operation
    return {
        "kind": operation.kind,
        "id": operation.id,
        "state": operation.state.value,
        "message": operation.message,
        "nodes": list(operation.nodes),
        **_asked(operation),
        "steps": {name: _ended_step(step) for name, step in record.steps.items()},
    }


def _asked(operation: OperationRecord) -> Json:
    return {
        "request": operation.request,
        "tuning": operation.tuning,
        "principal": operation.principal,
        "started": stamp(operation.started_at),
        "finished": _time(operation.finished_at),
    }


def _ended_step(step: Json) -> Json:
    return {
        "state": step.get("state"),
        "started": _time(step.get("started_at")),
        "finished": _time(step.get("finished_at")),
        "error": step.get("error", ""),
        "result": step.get("result", {}),
    }


Part = tuple[PhaseKind, StepRecord, Step]


def _parts(view: View, plan: Plan) -> Iterator[Part]:
    """Yield each step as it is recorded, with the same step as the plan shows it."""
    recorded = {phase.name: (phase, records) for phase, records in view.phases}
    for shown in plan.phases:
        phase, records = recorded[shown.name]
        for record, step in zip(records, shown.steps, strict=True):
            yield phase, record, step


def _by_node(parts: Iterable[Part]) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = {}
    for part in parts:
        if not part[0].once:
            found.setdefault(part[1].name, []).append(part)
    return found


def _word(operation: OperationRecord, plan: Plan) -> str:
    if operation.state is not OperationState.RUNNING:
        return operation.state.value
    if plan.status is Status.ERROR:
        return "ERROR"
    return "WAITING" if plan.status in _HELD else "RUNNING"


def _message(plan: Plan, word: str) -> str:
    """Return the message of the step that determines the operation's state."""
    order = {"ERROR": (Status.ERROR,), "WAITING": _HELD, "RUNNING": (Status.IN_PROGRESS, Status.STARTING)}
    for wanted in order.get(word, ()):
        for phase in plan.phases:
            for step in phase.steps:
                if step.status is wanted:
                    return step.message
    return ""


def _node(state: ClusterState, parts: list[Part]) -> Json:
    """Return the node's present step; `result` joins the results of all of its steps."""
    phase, step, shown = _present(parts)
    begun = [part.started_at for _, part, _ in parts if part.started_at is not None]
    ended = [part.finished_at for _, part, _ in parts if part.finished_at is not None]
    done = all(shown.status is Status.COMPLETE for _, _, shown in parts)
    results: dict[str, Any] = {}
    for _, part, _ in parts:
        results |= part.result
    return {
        "phase": phase.name,
        **_step(state, step, shown),
        "started": _time(min(begun, default=None)),
        "finished": _time(max(ended, default=None)) if done else None,
        "result": results,
    }


def _present(parts: list[Part]) -> Part:
    """Return the step that runs, else the failed one, else the next one, else the last one."""
    for wanted in (StepState.RUNNING, StepState.FAILED):
        for part in parts:
            if part[1].state is wanted:
                return part
    undone = [part for part in parts if part[2].status is not Status.COMPLETE]
    return undone[0] if undone else parts[-1]


def _step(state: ClusterState, step: StepRecord, shown: Step) -> Json:
    return {
        "state": shown.status.value,
        "reason": str(shown.reason),
        "message": shown.message,
        "node": None if step.task is None else step.task.node,
        "progress": _progress(state, newest_progress(state, step)),
        "failures": step.failures.count,
        "interruptions": step.interruptions,
        "error": named(state, step.failures.message),
        "started": _time(step.started_at),
        "finished": _time(step.finished_at),
        "result": _result(state, step.result),
    }


def _result(state: ClusterState, result: Json) -> Json:
    """Return a result with the names of nodes in its sentence."""
    said = result.get("message")
    return {**result, "message": named(state, said)} if isinstance(said, str) else result


def _progress(state: ClusterState, found: JobProgress) -> dict[str, Any]:
    """Return numbers by unit: bytes_done, bytes_total, files_done, …; `rate` in bytes per second."""
    return {
        "doing": named(state, found.doing),
        "waiting": named(state, found.waiting.removeprefix("waits: ")),
        "percent": found.percent,
        "rate": found.rate,
        "seconds_left": found.seconds_left,
        **{f"{unit}_done": number for unit, number in found.done.items()},
        **{f"{unit}_total": number for unit, number in found.total.items()},
    }


def _summed(state: ClusterState, view: View) -> Json:
    """Return the present phase, summed over its nodes."""
    if view.finished:
        return {}
    phase, steps = view.phases[view.current]
    reports = [newest_progress(state, step) for step in steps]
    rates = [found.rate for found in reports if found.rate is not None]
    return {
        "phase": phase.name,
        "steps_done": sum(step.state is StepState.COMPLETE for step in steps),
        "steps_total": len(steps),
        "rate": sum(rates) if rates else None,
        **{f"{unit}_done": number for unit, number in _sum(found.done for found in reports).items()},
        **{f"{unit}_total": number for unit, number in _sum(found.total for found in reports).items()},
    }


def _sum(counts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for count in counts:
        for unit, number in count.items():
            total[unit] = total.get(unit, 0) + number
    return total


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else stamp(seconds)
