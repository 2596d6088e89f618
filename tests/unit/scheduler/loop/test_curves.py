"""The curve of an operation: bounded, whole, and of the newest operation only."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from api.documents.curves import seconds_left
from executor.protocol import JobProgress
from scheduler.core.state.cluster import ClusterState, JobSighting
from scheduler.core.state.node import TaskState
from scheduler.core.state.operation import JobTask, OperationRecord, OperationState, StepRecord, StepState
from scheduler.loop.curves import FIRST_SECONDS, MOST_SAMPLES, Curves, Sample
from tests.unit.api.cluster import NOW, make_node, make_settings, make_state


@cache
def idle() -> ClusterState:
    """Return a cluster of one node; thousands of states are made from it."""
    return make_state(make_settings(), make_node(0))


def uploading(percent: float, identifier: str = "operation-1", **changes: object) -> ClusterState:
    """Return a cleanup of one node, its job so far done."""
    operation = OperationRecord("cleanup", identifier, OperationState.RUNNING, ("node-0",), {}, NOW, "somebody")
    operation = replace(operation, **changes)  # type: ignore[arg-type]
    task = JobTask("job-1", "node-0", "agent", "executor", "node-0__uuid", TaskState.RUNNING, NOW, NOW)
    step = StepRecord("cleanup", identifier, "Cleanup", "node-0", StepState.RUNNING, task, started_at=NOW)
    progress = JobProgress("shop.user", "", {}, {}, percent, 10.0 * percent, 4.0)
    jobs = {step.key: JobSighting("job-1", progress, NOW)}
    return replace(idle(), operations={"cleanup": operation}, steps={step.key: step}, jobs=jobs)


def test_samples_have_their_distance() -> None:
    curves = Curves()
    for tenth in range(41):
        found = curves.follow(uploading(float(tenth)), NOW + tenth / 10)
    assert [sample.at - NOW for sample in found["cleanup"]] == [0.0, FIRST_SECONDS, 2 * FIRST_SECONDS]
    assert found["cleanup"][-1] == Sample(NOW + 4, 40.0, 400.0)


def test_a_long_operation_keeps_few_samples_of_its_whole_time() -> None:
    curves = Curves()
    for step in range(20_000):
        found = curves.follow(uploading(step / 200), NOW + 2 * step)["cleanup"]
        assert len(found) <= MOST_SAMPLES
    assert found[0].at == NOW
    assert found[-1].at > NOW + 39_000
    assert len(found) > MOST_SAMPLES / 3


def test_an_ended_operation_keeps_its_curve_with_its_end() -> None:
    curves = Curves()
    curves.follow(uploading(50.0), NOW)
    ended = uploading(50.0, state=OperationState.COMPLETE)
    ended = replace(ended, steps={key: replace(item, state=StepState.COMPLETE) for key, item in ended.steps.items()})
    found = [curves.follow(ended, NOW + later)["cleanup"] for later in (0.5, 60.0)]
    assert [sample.percent for sample in found[0]] == [50.0, 100.0]
    assert found[1] is found[0]


def test_the_next_operation_begins_a_new_curve() -> None:
    curves = Curves()
    curves.follow(uploading(50.0), NOW)
    found = curves.follow(uploading(1.0, "operation-2"), NOW + 1)
    assert [sample.percent for sample in found["cleanup"]] == [1.0]


def test_an_operation_that_had_ended_before_the_scheduler_began_has_no_curve() -> None:
    assert Curves().follow(uploading(50.0, state=OperationState.STOPPED), NOW)["cleanup"] == ()


def test_a_clock_that_is_set_back_does_not_stop_the_samples() -> None:
    curves = Curves()
    curves.follow(uploading(1.0), NOW)
    assert len(curves.follow(uploading(2.0), NOW - 3600)["cleanup"]) == 2


@pytest.mark.parametrize(
    ("percents", "left"),
    [
        ([], None),
        ([(0, 10.0)], None),
        ([(0, 10.0), (5, 20.0)], None),
        ([(0, 10.0), (20, 10.0)], None),
        ([(0, 10.0), (20, 20.0)], 160),
        ([(0, 0.0), (1000, 50.0), (1100, 60.0)], 400),
    ],
)
def test_the_seconds_left(percents: list[tuple[float, float]], left: float | None) -> None:
    assert seconds_left(tuple(Sample(NOW + at, percent) for at, percent in percents)) == left
