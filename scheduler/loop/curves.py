"""Progress and rate of each operation over its time: samples in this process's memory, bounded, lost with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scheduler.core.maintenance.progress import newest_progress, percent_done, view_operation
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import OperationRecord, StepState, is_live

# Enough points for a curve a thousand pixels wide. When there are more, every second one goes.
MOST_SAMPLES = 120
FIRST_SECONDS = 2.0


@dataclass(frozen=True)
class Sample:
    """An operation at one time: percent done, and bytes per second of all its running jobs, None without any."""

    at: float
    percent: float
    rate: float | None = None


Samples = tuple[Sample, ...]


@dataclass
class _Curve:
    """The samples of one operation, at least `seconds` apart."""

    operation: str
    seconds: float = FIRST_SECONDS
    samples: list[Sample] = field(default_factory=list)
    ended: bool = False


class Curves:
    """Samples the operations of each cycle. A kind keeps its curve until its next operation begins."""

    def __init__(self) -> None:
        self._curves: dict[str, _Curve] = {}
        self._published: Mapping[str, Samples] = {}

    def follow(self, state: ClusterState, now: float) -> Mapping[str, Samples]:
        """Return by kind the samples of its newest operation, oldest first."""
        changed = False
        for kind, operation in state.operations.items():
            curve = self._curves.get(kind)
            if curve is None or curve.operation != operation.id:
                curve = self._curves[kind] = _Curve(operation.id, ended=not is_live(operation))
                changed = True
            changed = _extend(curve, state, operation, now) or changed
        if changed:
            self._published = {kind: tuple(curve.samples) for kind, curve in self._curves.items()}
        return self._published


def _extend(curve: _Curve, state: ClusterState, operation: OperationRecord, now: float) -> bool:
    """Add a sample if it is time for one, or if the operation has just ended; return whether it was."""
    live = is_live(operation)
    due = not curve.samples or not 0.0 <= now - curve.samples[-1].at < curve.seconds
    if curve.ended or (live and not due):
        return False
    curve.ended = not live
    view = view_operation(state, operation)
    percent = percent_done(state, view)
    if percent is None:  # it was stopped
        return False
    busy = [] if view.finished else [step for step in view.phases[view.current][1] if step.state is StepState.RUNNING]
    rates = [rate for step in busy if (rate := newest_progress(state, step).rate) is not None]
    curve.samples.append(Sample(now, percent, sum(rates) if rates else None))
    if len(curve.samples) > MOST_SAMPLES:
        curve.samples = curve.samples[::2]
        curve.seconds *= 2
    return True
