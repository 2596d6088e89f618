"""Plans and operations as the page shows them: what is done is counted, what is not done is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.documents import curves, operations
from api.page.charts import Chart, charts
from api.page.commands import Button, button
from api.page.inputs import BY_KIND
from api.page.nodes import Mark, mark_of_status
from scheduler.core.plans.plan import Phase, Status, Step
from scheduler.core.state.operation import OperationState, is_live
from scheduler.core.state.operation_kinds import KINDS
from scheduler.core.state.reason import Code
from scheduler.loop.snapshot import Snapshot

# Steps of a phase that are shown; with a thousand nodes the others are counted.
STEPS = 100
DONE_STEPS = 12
PAST = 20
_LIVE = ("RUNNING", "WAITING", "ERROR", "STOPPING")
_ENDED = (Status.COMPLETE,)
_STOPPED = (OperationState.STOPPED, OperationState.STOPPING)


@dataclass(frozen=True)
class StepRow:
    """A step, since when it has been as it is, if that was seen, and the commands to it."""

    step: Step
    mark: Mark
    since: float | None
    buttons: tuple[Button, ...]


@dataclass(frozen=True)
class PhaseRows:
    """A phase with the steps to show: `done` of `total` are complete, `hidden` are not shown."""

    phase: Phase
    mark: Mark
    rows: tuple[StepRow, ...]
    done: int
    total: int
    hidden: int


@dataclass(frozen=True)
class PlanView:
    """A plan with its phases, and the commands to the whole of it."""

    name: str
    mark: Mark
    errors: tuple[str, ...]
    phases: tuple[PhaseRows, ...]
    buttons: tuple[Button, ...]


def plan_view(found: Snapshot, name: str) -> PlanView:
    """Return a plan with its steps. One of an operation that does not run has no commands but its continuation."""
    plan, operation = found.plans[name], found.state.operations.get(name)
    words: tuple[str, ...] = () if plan.status is Status.COMPLETE else ("plan-interrupt", "plan-continue")
    if any(step.reason == Code.INTERRUPTED for phase in plan.phases for step in phase.steps):
        words = ("plan-continue",)
    if operation is not None and not is_live(operation):
        resumes = operation.state is OperationState.STOPPED and KINDS[name].resumable
        words = ("plan-continue",) if resumes else ()
    buttons = tuple(button(word, plan=name) for word in words)
    # Such as Sync Datacenter, which has no steps with one data center.
    phases = [phase for phase in plan.phases if phase.steps] or plan.phases
    runs = operation is None or operation.state is OperationState.RUNNING
    rows = tuple(_phase(name, phase, found.since, runs) for phase in phases)
    return PlanView(name, _plan_mark(found, name), plan.errors, rows, buttons)


def plan_marks(found: Snapshot) -> list[tuple[str, Mark]]:
    """Return all plans' names and marks: those that are not complete first."""
    marks = [(name, _plan_mark(found, name)) for name in found.plans]
    return sorted(marks, key=lambda item: item[1].tone == "ok")


def _plan_mark(found: Snapshot, name: str) -> Mark:
    operation = found.state.operations.get(name)
    stopped = operation is not None and operation.state in _STOPPED
    return mark_of_status(operation.state.value if operation and stopped else found.plans[name].status.value)


def _phase(plan: str, phase: Phase, since: Mapping[str, float], runs: bool) -> PhaseRows:
    done = [step for step in phase.steps if step.status in _ENDED]
    open_steps = [step for step in phase.steps if step.status not in _ENDED]
    shown = [*(done if len(done) <= DONE_STEPS else []), *open_steps[:STEPS]]
    rows = [
        StepRow(
            step, _mark(runs, step.status, step), since.get(step.id),
            _step_buttons(plan, phase.name, step) if runs else (),
        )
        for step in shown
    ]  # fmt: skip
    total = len(phase.steps)
    mark = _mark(runs, phase.status, *open_steps)
    return PhaseRows(phase, mark, tuple(rows), len(done), total, total - len(shown))


def _mark(runs: bool, status: Status, *steps: Step) -> Mark:
    """Return the mark of one step, or of a phase with these open ones: stopped if an operator's stop holds all."""
    stopped = not runs and bool(steps) and all(step.reason == Code.STOPPED for step in steps)
    return mark_of_status(OperationState.STOPPED.value if stopped else status.value)


def _step_buttons(plan: str, phase: str, step: Step) -> tuple[Button, ...]:
    if step.status in (*_ENDED, Status.PENDING) or step.name == phase:
        return ()
    fields = {"plan": plan, "phase": phase, "step": step.name}
    return tuple(button(word, **fields) for word in ("step-restart", "step-complete"))


@dataclass(frozen=True)
class Operation:
    """An operation as the API describes it, with its commands and the nodes to show."""

    title: str
    mark: Mark
    document: Mapping[str, Any]
    nodes: tuple[tuple[str, Mark, Mapping[str, Any]], ...]
    hidden: int
    buttons: tuple[Button, ...]
    seconds_left: float | None = None
    charts: tuple[Chart, ...] = ()


def operation(found: Snapshot, kind: str) -> Operation:
    """Return the newest operation of a kind: nodes that are not done come first."""
    document = operations.status(found, kind)
    parts = [(name, mark_of_status(step["state"]), step) for name, step in document["nodes"].items()]
    parts += [(name, mark_of_status(step["state"]), step) for name, step in document["cluster"].items()]
    order = {"bad": 0, "warn": 1, "busy": 2, "off": 3, "ok": 4}
    parts.sort(key=lambda item: order[item[1].tone])
    state = document["state"]
    mark = Mark("ok", "complete") if state == "COMPLETE" else mark_of_status(state)
    curve = curves.curve(found, kind)
    return Operation(
        KINDS[kind].title, mark, document, tuple(parts[:STEPS]), max(0, len(parts) - STEPS), _buttons(kind, state),
        curve["seconds_left"], charts(curve),
    )  # fmt: skip


def _buttons(kind: str, state: str) -> tuple[Button, ...]:
    words: tuple[str, ...] = ()
    if state in ("RUNNING", "WAITING", "ERROR"):
        words = ("stop", *(("tune",) if kind in ("backup", "restore") else ()))
    elif state == "STOPPED" and KINDS[kind].resumable:
        words = ("resume",)
    return tuple(button(word, kind=kind) for word in words)


def newest(found: Snapshot) -> list[Operation]:
    """Return the newest operation of each kind that has one, those under way first."""
    every = [operation(found, kind) for kind in found.state.operations]
    return sorted(every, key=lambda item: (item.document["state"] not in _LIVE, _reversed(item.document["started"])))


def past(found: Snapshot, kind: str = "") -> list[Mapping[str, Any]]:
    """Return ended operations, newest first: of a kind, or of all."""
    kinds = [kind] if kind else list(KINDS)
    ended = [item for name in kinds for item in operations.history(found, name)]
    return sorted(ended, key=lambda item: str(item["started"]), reverse=True)[:PAST]


def startable() -> list[Button]:
    """Return the commands that start an operation."""
    return [button(f"start-{kind}") for kind in BY_KIND]


def _reversed(text: str | None) -> tuple[int, ...]:
    """Return a key that sorts times in ISO 8601 from the newest to the oldest."""
    return tuple(-ord(sign) for sign in text or "")
