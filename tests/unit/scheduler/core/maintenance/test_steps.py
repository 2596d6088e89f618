"""What Mesos and an executor say of a job, against every state of its step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from executor.protocol import JobProgress, JobReport, JobResult, encode_result
from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import StopOperation
from scheduler.core.fold import fold_updates
from scheduler.core.maintenance.steps import (
    FAILURE_LIMIT,
    INTERRUPTION_LIMIT,
    RESULT_LIMIT,
    advance_job,
    expects,
    fail,
    give_up,
    interrupt,
    is_sound,
    result_of,
)
from scheduler.core.mesos.updates import TaskUpdate
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import ENDED, PRESUMED
from scheduler.core.state.node import Failures, TaskState
from scheduler.core.state.operation import JobTask, StepRecord, StepState
from tests.unit.scheduler.core.samples import operation, state, up

NOW = 100.0
JOB = "cleanup-node-0__a"
LIVE_STATES = ("STAGING", "STARTING", "RUNNING", "KILLING")
FOUND = JobResult(JobProgress(percent=100.0), {"done": 3})
BROKEN = JobResult(JobProgress(percent=40.0), error="disk full")
HOPELESS = JobResult(error="no such table", hopeless=True)


def task(state_: TaskState = TaskState.RUNNING) -> JobTask:
    return JobTask(JOB, "node-0", "S0", "node-0_executor__a", "node-0__a", state_, 50.0, 50.0)


def step(state_: StepState = StepState.RUNNING, word: TaskState = TaskState.RUNNING, **changes: Any) -> StepRecord:
    base = StepRecord("cleanup", "first", "Cleanup", "node-0", state=state_, task=task(word), started_at=50.0)
    return replace(base, **changes)


def update(word: str, result: JobResult | None = None, uuid: str | None = "u", message: str = "words") -> TaskUpdate:
    data = None if result is None else encode_result(result)
    return TaskUpdate(JOB, TaskState(f"TASK_{word}"), data=data, uuid=uuid, message=message)


def strange(**fields: Any) -> JobProgress:
    """Progress that some executor may send, whatever the types."""
    return JobProgress(**fields)


def wrong(**fields: Any) -> JobResult:
    """The same of a result."""
    return JobResult(**fields)


@pytest.mark.parametrize("before", [*LIVE_STATES, "UNREACHABLE", "UNKNOWN"])
@pytest.mark.parametrize("word", [*LIVE_STATES, "UNREACHABLE", "UNKNOWN"])
def test_a_job_that_lives_or_cannot_be_seen_runs_on(before: str, word: str) -> None:
    """A live state is never taken back to an earlier one: agents send again what was not acknowledged."""
    found = step(word=TaskState(f"TASK_{before}"))
    after = advance_job(found, update(word), stopping=False, now=NOW)
    assert after.state is StepState.RUNNING
    assert after.task is not None
    earlier = before in LIVE_STATES and word in LIVE_STATES and LIVE_STATES.index(word) <= LIVE_STATES.index(before)
    if earlier or word == before:
        assert after is found
    else:
        assert (after.task.state.value, after.task.updated_at) == (f"TASK_{word}", NOW)
    assert (after.failures, after.interruptions) == (Failures(), 0)


ENDS: list[tuple[str, JobResult | None, bool, str, int, int]] = [
    ("FINISHED", FOUND, False, "COMPLETE", 0, 0),
    ("FINISHED", FOUND, True, "COMPLETE", 0, 0),
    ("FINISHED", None, False, "COMPLETE", 0, 0),
    ("FAILED", BROKEN, False, "PENDING", 1, 0),
    ("FAILED", BROKEN, True, "PENDING", 1, 0),
    ("FAILED", HOPELESS, False, "FAILED", 1, 0),
    ("FAILED", None, False, "PENDING", 0, 1),
    ("ERROR", None, False, "PENDING", 1, 0),
    ("ERROR", None, True, "PENDING", 0, 0),
    ("KILLED", BROKEN, False, "PENDING", 0, 1),
    ("KILLED", BROKEN, True, "PENDING", 0, 0),
    ("LOST", None, False, "PENDING", 0, 1),
    ("LOST", None, True, "PENDING", 0, 0),
    ("DROPPED", None, False, "PENDING", 0, 1),
    ("DROPPED", None, True, "PENDING", 0, 0),
    ("GONE", None, False, "PENDING", 0, 1),
    ("GONE", None, True, "PENDING", 0, 0),
    ("GONE_BY_OPERATOR", None, False, "PENDING", 0, 1),
    ("GONE_BY_OPERATOR", None, True, "PENDING", 0, 0),
]


@pytest.mark.parametrize(("word", "result", "stopping", "state_", "failures", "interruptions"), ENDS)
def test_how_a_running_step_ends(
    word: str, result: JobResult | None, stopping: bool, state_: str, failures: int, interruptions: int
) -> None:
    after = advance_job(step(), update(word, result), stopping, NOW)
    assert (after.state.value, after.failures.count, after.interruptions) == (state_, failures, interruptions)
    assert after.task == replace(task(TaskState(f"TASK_{word}")), updated_at=NOW)
    assert after.finished_at == (None if state_ == "PENDING" else NOW)
    assert after.started_at == 50.0
    if result is not None:
        assert after.progress == result.progress
    assert after.result == (FOUND.result if result is FOUND else {})


def test_the_table_of_ends_is_whole() -> None:
    assert {TaskState(f"TASK_{row[0]}") for row in ENDS} == ENDED


@pytest.mark.parametrize("word", ["FINISHED", "FAILED", "KILLED"])
def test_an_end_that_the_master_repeats_is_waited_for_from_the_agent(word: str) -> None:
    found = step()
    assert advance_job(found, update(word, uuid=None), stopping=False, now=NOW) is found


@pytest.mark.parametrize("word", sorted(word.value.removeprefix("TASK_") for word in TaskState))
def test_what_becomes_of_a_step_that_was_presumed_to_have_ended(word: str) -> None:
    """It runs after all, or has ended well; another end of it changes nothing."""
    found = step(StepState.PENDING, TaskState.LOST, interruptions=1)
    after = advance_job(found, update(word), stopping=False, now=NOW)
    if word in LIVE_STATES:
        assert (after.state, after.task) == (
            StepState.RUNNING,
            replace(task(TaskState(f"TASK_{word}")), updated_at=NOW),
        )
    elif word == "FINISHED":
        assert (after.state, after.interruptions) == (StepState.COMPLETE, 0)
    else:
        assert after is found


@pytest.mark.parametrize("state_", list(StepState))
@pytest.mark.parametrize("word", list(TaskState))
def test_whose_news_matter(state_: StepState, word: TaskState) -> None:
    wanted = state_ is StepState.RUNNING or (state_ is StepState.PENDING and word in PRESUMED)
    assert expects(step(state_, word)) is wanted
    assert expects(StepRecord("cleanup", "first", "Cleanup", "node-0", state=state_)) is False


def test_three_failures_are_one_too_many_and_each_waits_longer() -> None:
    found, waits = step(), []
    for count in range(1, FAILURE_LIMIT):
        found = fail(replace(found, state=StepState.RUNNING), f"failure {count}", NOW)
        assert found.state is StepState.PENDING
        waits.append(found.failures.not_before - NOW)
    assert waits == [5.0, 20.0]
    found = fail(found, "the last", NOW)
    assert (found.state, found.finished_at) == (StepState.FAILED, NOW)
    assert found.failures == Failures(3, 0.0, "the last")


def test_an_attempt_of_its_own_word_ends_a_row_of_interruptions() -> None:
    found = replace(step(), interruptions=9)
    assert fail(found, "no", NOW).interruptions == 0
    assert advance_job(found, update("FINISHED", FOUND), False, NOW).interruptions == 0
    ended = interrupt(found, "killed", NOW)
    assert (ended.state, ended.interruptions) == (StepState.FAILED, INTERRUPTION_LIMIT)
    assert ended.failures.message == "interrupted 10 times in a row, the last message: killed"
    assert ended.task == replace(task(TaskState.LOST), updated_at=NOW)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (update("FAILED", BROKEN), "disk full"),
        (update("FAILED", JobResult()), "words"),
        (update("ERROR"), "words"),
        (replace(update("ERROR"), message="", reason="REASON_TASK_INVALID"), "REASON_TASK_INVALID"),
    ],
)
def test_a_failure_is_told_in_the_words_that_say_most(found: TaskUpdate, words: str) -> None:
    assert advance_job(step(), found, False, NOW).failures.message == words


def test_giving_up_is_no_failure() -> None:
    after = give_up(step(word=TaskState.UNREACHABLE, interruptions=3), NOW)
    assert (after.state, after.failures, after.interruptions) == (StepState.PENDING, Failures(), 3)
    assert after.task == replace(task(TaskState.LOST), updated_at=NOW)
    assert expects(after)


@pytest.mark.parametrize(
    ("found", "result"),
    [
        (update("FINISHED", FOUND), FOUND),
        (update("FINISHED"), None),
        (replace(update("FINISHED"), data="???"), None),
        (update("RUNNING", FOUND), None),
        (update("FINISHED", wrong(result=["no", "object"])), None),
        (update("FINISHED", JobResult(strange(percent="many"))), None),
        (update("FINISHED", wrong(error=3)), None),
    ],
)
def test_the_result_is_what_can_be_read_again(found: TaskUpdate, result: JobResult | None) -> None:
    assert result_of(found) == result


def test_of_a_result_that_is_too_long_the_plain_values_stay() -> None:
    tables = {f"ks.table{count}": "done" for count in range(20_000)}
    result = result_of(update("FINISHED", JobResult(result={"tables": tables, "done": 20_000, "key": "k"})))
    assert result is not None
    assert result.result == {"done": 20_000, "key": "k"}
    fits = {"tables": dict(list(tables.items())[:2000])}
    assert result_of(update("FINISHED", JobResult(result=fits))) == JobResult(result=fits)
    assert len(encode_result(JobResult(result=fits))) < RESULT_LIMIT


def test_progress_is_sound_or_not() -> None:
    assert is_sound(JobProgress("a", "b", {"bytes": 1}, {"bytes": 2.5}, 3, None, 4, {"throttle": None}))
    assert not is_sound(strange(done={"bytes": "1"}))
    assert not is_sound(strange(doing=None))


# --- through the fold


def running(**changes: Any) -> ClusterState:
    """A cleanup whose job on node-0 runs."""
    found = step(**changes)
    return state(up(0), operations={"cleanup": operation("cleanup")}, steps={found.key: found})


KEY = step().key


def test_a_report_is_kept_while_its_job_runs() -> None:
    report = JobReport(JOB, JobProgress(percent=50.0))
    after = fold_updates(running(), [report, JobReport("cleanup-node-0__old", JobProgress())], NOW)
    assert after.jobs[KEY].progress == report.progress
    assert (after.jobs[KEY].task_id, after.jobs[KEY].at) == (JOB, NOW)
    assert fold_updates(after, [update("FINISHED", FOUND)], NOW).jobs == {}
    for ended in (running(state_=StepState.COMPLETE), running(state_=StepState.PENDING, word=TaskState.LOST)):
        assert fold_updates(ended, [report], NOW).jobs == {}
    assert fold_updates(running(), [JobReport(JOB, strange(percent="no"))], NOW).jobs == {}


def test_a_report_shows_that_an_unseen_job_lives() -> None:
    after = fold_updates(running(word=TaskState.UNREACHABLE), [JobReport(JOB, JobProgress())], NOW)
    assert after.steps[KEY].task == task()


def test_an_end_while_the_operation_is_stopped_is_no_interruption() -> None:
    stopping = apply_command(running(), StopOperation("cleanup"), NOW)
    assert isinstance(stopping, ClusterState)
    assert fold_updates(stopping, [update("KILLED", BROKEN)], NOW).steps[KEY].interruptions == 0
    assert fold_updates(running(), [update("KILLED", BROKEN)], NOW).steps[KEY].interruptions == 1


@pytest.mark.parametrize("changes", [{"operation": "another"}, {"state_": StepState.COMPLETE}])
def test_a_job_that_no_operation_waits_for_is_a_stray(changes: dict[str, Any]) -> None:
    after = fold_updates(running(**changes), [update("RUNNING")], NOW)
    assert after.steps == running(**changes).steps
    assert list(after.memory.strays) == [JOB]
    assert fold_updates(after, [update("FINISHED", FOUND)], NOW).memory.strays == {}


def test_a_job_that_is_waited_for_again_is_no_stray_any_more() -> None:
    """Its operation was stopped without it, and then went on."""
    lost = running(state_=StepState.PENDING, word=TaskState.LOST)
    strayed = fold_updates(replace(lost, operations={}), [update("RUNNING")], NOW)
    assert list(strayed.memory.strays) == [JOB]
    after = fold_updates(replace(strayed, operations=lost.operations), [update("RUNNING")], NOW)
    assert after.memory.strays == {}
    assert after.steps[KEY].state is StepState.RUNNING
