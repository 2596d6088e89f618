"""What Mesos and an executor say of a job, and what follows for its step.

| the job's task             | the step                                                                    |
| -------------------------- | --------------------------------------------------------------------------- |
| STAGING, STARTING, RUNNING | runs                                                                        |
| UNREACHABLE, UNKNOWN       | runs on, as its node might                                                  |
| FINISHED                   | complete, with what the job found                                           |
| FAILED, with a result      | tried again after a while; failed for good after three times or if hopeless |
| ERROR                      | Mesos refused it: as FAILED                                                 |
| all other ends             | interrupted: goes on when its node is ready; failed after ten in a row      |

FINISHED, FAILED and KILLED count from the agent alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from executor.json_codec import DocumentError, decode, encode
from executor.protocol import JobProgress, JobResult, ProtocolError, parse_result
from scheduler.core.mesos.updates import TaskUpdate
from scheduler.core.state.lifecycle import ENDED, LIVE, PRESUMED, UNSEEN, shorten
from scheduler.core.state.node import Failures, TaskState
from scheduler.core.state.operation import JobTask, StepRecord, StepState, delay_after

FAILURE_LIMIT = 3
INTERRUPTION_LIMIT = 10
RESULT_LIMIT = 400_000  # of base64: one record of ZooKeeper may have 1 MB
# The master repeats these without what the job found: the agent says it again until it is acknowledged.
_TOLD_BY_EXECUTORS = frozenset({TaskState.FINISHED, TaskState.FAILED, TaskState.KILLED})
_RANK = {TaskState.STAGING: 0, TaskState.STARTING: 1, TaskState.RUNNING: 2, TaskState.KILLING: 3}


def expects(step: StepRecord) -> bool:
    """Whether news of the step's newest task still matter: it runs, or was only presumed to have ended."""
    if step.task is None:
        return False
    return step.state is StepState.RUNNING or (step.state is StepState.PENDING and step.task.state in PRESUMED)


def advance_job(step: StepRecord, update: TaskUpdate, stopping: bool, now: float) -> StepRecord:
    """The step after an update of its newest task; `stopping`: the operation ends, so that an end is no failure."""
    task = step.task
    assert task is not None
    if update.state in LIVE or update.state in UNSEEN:
        return _lives(step, task, update.state, now)
    if step.state is not StepState.RUNNING and update.state is not TaskState.FINISHED:
        return step
    if update.state in _TOLD_BY_EXECUTORS and not update.uuid:
        return step
    result = result_of(update)
    ended = replace(step, task=replace(task, state=update.state, updated_at=now))
    if result is not None:
        ended = replace(ended, progress=result.progress)
    if update.state is TaskState.FINISHED:
        found = {} if result is None else result.result
        # The last report may have been made a while before the end.
        done = {**ended.progress.done, **ended.progress.total}
        whole = replace(ended.progress, done=done, percent=100.0, seconds_left=None, doing="", waiting="")
        return replace(
            ended,
            state=StepState.COMPLETE,
            progress=whole,
            result=found,
            finished_at=now,
            failures=Failures(),
            interruptions=0,
        )
    if stopping and update.state is not TaskState.FAILED:
        return replace(ended, state=StepState.PENDING)
    if update.state is TaskState.ERROR or (update.state is TaskState.FAILED and result is not None):
        words = result.error if result is not None and result.error else update.message or update.reason
        return fail(ended, words, now, hopeless=result is not None and result.hopeless)
    words = update.message or update.reason or update.state.value
    return interrupt(ended, words, now, update.state)


def result_of(update: TaskUpdate) -> JobResult | None:
    """What the job said at its end, if it did; of what is too long to be stored, the plain values alone."""
    if update.state not in ENDED or not update.data:
        return None
    try:
        result = parse_result(update.data)
    except ProtocolError:  # an executor of another version: the task's state is told anyway
        return None
    if not is_sound(result):
        return None
    return replace(result, result=plain_values(result.result)) if len(update.data) > RESULT_LIMIT else result


def is_sound(said: JobResult | JobProgress) -> bool:
    """Whether every field is of its type: what is not could be stored, but never be read again."""
    try:
        decode(type(said), encode(said))
    except DocumentError:
        return False
    return True


def plain_values(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The numbers and texts of a result, without its lists and tables."""
    return {name: value for name, value in result.items() if isinstance(value, int | float | str)}


def fail(step: StepRecord, words: str, now: float, hopeless: bool = False) -> StepRecord:
    """The step after an attempt that failed."""
    count = step.failures.count + 1
    failures = Failures(count, now + delay_after(count), shorten(words))
    if hopeless or count >= FAILURE_LIMIT:
        return replace(
            step, state=StepState.FAILED, failures=replace(failures, not_before=0.0), finished_at=now, interruptions=0
        )
    return replace(step, state=StepState.PENDING, failures=failures, interruptions=0)


def interrupt(step: StepRecord, words: str, now: float, state: TaskState = TaskState.LOST) -> StepRecord:
    """The step after an attempt that ended without a word of its own."""
    assert step.task is not None
    count = step.interruptions + 1
    step = replace(step, task=replace(step.task, state=state, updated_at=now), interruptions=count)
    if count >= INTERRUPTION_LIMIT:
        text = f"interrupted {count} times in a row, the last time: {words}"
        return replace(step, state=StepState.FAILED, failures=Failures(count, 0.0, shorten(text)), finished_at=now)
    return replace(step, state=StepState.PENDING)


def give_up(step: StepRecord, now: float) -> StepRecord:
    """The step of an operation that ends, without the job of which nothing can be seen; no failure."""
    assert step.task is not None
    return replace(step, state=StepState.PENDING, task=replace(step.task, state=TaskState.LOST, updated_at=now))


def _lives(step: StepRecord, task: JobTask, state: TaskState, now: float) -> StepRecord:
    if step.state is StepState.RUNNING and (
        state is task.state or (state in LIVE and task.state in LIVE and _RANK[state] <= _RANK[task.state])
    ):
        return step
    if step.state is not StepState.RUNNING and state in UNSEEN:
        return step
    return replace(step, state=StepState.RUNNING, task=replace(task, state=state, updated_at=now))
