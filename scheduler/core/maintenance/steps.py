"""Updates of a job, from Mesos and its executor, and their effect on its step.

| the job's task             | the step                                                                     |
| -------------------------- | ---------------------------------------------------------------------------- |
| STAGING, STARTING, RUNNING | runs                                                                         |
| UNREACHABLE, UNKNOWN       | runs on, as its node might                                                   |
| FINISHED                   | complete, with the job's result                                              |
| FAILED, with a result      | retried after a back-off; FAILED after three failures, at once if hopeless   |
| ERROR                      | Mesos refused it: as FAILED                                                  |
| all other ends             | interrupted: resumes when its node is ready; FAILED after ten in a row       |

FINISHED, FAILED and KILLED count only from the agent.
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
RESULT_LIMIT = 400_000  # of base64: a record in ZooKeeper has at most 1 MB
# The master repeats these without the result; the agent repeats its update until it is acknowledged.
_FROM_AGENT = frozenset({TaskState.FINISHED, TaskState.FAILED, TaskState.KILLED})
# The order of live states: an update never goes back.
LIVE_ORDER = {TaskState.STAGING: 0, TaskState.STARTING: 1, TaskState.RUNNING: 2, TaskState.KILLING: 3}


def expects(step: StepRecord) -> bool:
    """Return whether updates of the step's newest task still count: it runs, or is only presumed to have ended."""
    if step.task is None:
        return False
    return step.state is StepState.RUNNING or (step.state is StepState.PENDING and step.task.state in PRESUMED)


def advance_job(step: StepRecord, update: TaskUpdate, stopping: bool, now: float) -> StepRecord:
    """Return the step after an update of its newest task; with `stopping`, an end is not a failure."""
    task = step.task
    assert task is not None
    if update.state in LIVE or update.state in UNSEEN:
        return _keep_alive(step, task, update.state, now)
    if step.state is not StepState.RUNNING and update.state is not TaskState.FINISHED:
        return step
    if update.state in _FROM_AGENT and not update.uuid:
        return step
    result = result_of(update)
    ended = replace(step, task=replace(task, state=update.state, updated_at=now))
    if result is not None:
        ended = replace(ended, progress=result.progress)
    if update.state is TaskState.FINISHED:
        found = {} if result is None else result.result
        # The last report may be older than the end.
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
    """Return the result of a job that has ended; only its plain values if it is too long to store."""
    if update.state not in ENDED or not update.data:
        return None
    try:
        result = parse_result(update.data)
    except ProtocolError:  # an executor of another version: the task's state counts without it
        return None
    if not is_sound(result):
        return None
    return replace(result, result=plain_values(result.result)) if len(update.data) > RESULT_LIMIT else result


def is_sound(said: JobResult | JobProgress) -> bool:
    """Return whether every field has its type: others could be stored, but never read again."""
    try:
        decode(type(said), encode(said))
    except DocumentError:
        return False
    return True


def plain_values(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the numbers and texts of a result, without its lists and tables."""
    return {name: value for name, value in result.items() if isinstance(value, int | float | str)}


def fail(step: StepRecord, words: str, now: float, hopeless: bool = False) -> StepRecord:
    """Return the step after a failed attempt."""
    count = step.failures.count + 1
    failures = Failures(count, now + delay_after(count), shorten(words))
    if hopeless or count >= FAILURE_LIMIT:
        return replace(
            step, state=StepState.FAILED, failures=replace(failures, not_before=0.0), finished_at=now, interruptions=0
        )
    return replace(step, state=StepState.PENDING, failures=failures, interruptions=0)


def interrupt(step: StepRecord, words: str, now: float, state: TaskState = TaskState.LOST) -> StepRecord:
    """Return the step after an attempt that ended without a result."""
    assert step.task is not None
    count = step.interruptions + 1
    step = replace(step, task=replace(step.task, state=state, updated_at=now), interruptions=count)
    if count >= INTERRUPTION_LIMIT:
        text = f"interrupted {count} times in a row, the last message: {words}"
        return replace(step, state=StepState.FAILED, failures=Failures(count, 0.0, shorten(text)), finished_at=now)
    return replace(step, state=StepState.PENDING)


def give_up(step: StepRecord, now: float) -> StepRecord:
    """Return the step of a stopping operation without its unseen job; this is not a failure."""
    assert step.task is not None
    return replace(step, state=StepState.PENDING, task=replace(step.task, state=TaskState.LOST, updated_at=now))


def _keep_alive(step: StepRecord, task: JobTask, state: TaskState, now: float) -> StepRecord:
    if step.state is StepState.RUNNING and (
        state is task.state or (state in LIVE and task.state in LIVE and LIVE_ORDER[state] <= LIVE_ORDER[task.state])
    ):
        return step
    if step.state is not StepState.RUNNING and state in UNSEEN:
        return step
    return replace(step, state=StepState.RUNNING, task=replace(task, state=state, updated_at=now))
