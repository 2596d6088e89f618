"""Jobs on real threads; what they do is the test's to say."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from executor.jobs.checkpoint import Checkpoint
from executor.jobs.context import Job, JobContext, JobError
from executor.jobs.runner import Runner
from executor.protocol import (
    JobLaunch,
    JobProgress,
    JobReport,
    JobTuning,
    SecretQuery,
    SecretReply,
    encode_result,
    parse_result,
)
from tests.unit.executor.recorder import Sent, job_launch, no_thread, node_facts
from tests.waiting import wait_for

KEY = "wJalrXUtnFEMI"


@dataclass
class Bench:
    """A runner with one job, called `work`."""

    volume: Path
    job: Job
    sent: Sent = field(default_factory=Sent)

    def __post_init__(self) -> None:
        self.runner = Runner(self.sent, {"work": self.job})

    def start(self, launch: JobLaunch | None = None, task_id: str = "j1") -> None:
        self.runner.start(task_id, launch or job_launch("work"), node_facts(self.volume))

    def checkpoint(self) -> Path:
        return self.volume / "maintenance" / "o1.work.json"


def waits(context: JobContext) -> Mapping[str, Any]:
    """A job that goes on until it is told to stop."""
    context.tell(JobProgress(doing="waiting"))
    while True:
        context.wait(30.0)


def test_a_job_finishes_with_its_result(tmp_path: Path) -> None:
    def work(context: JobContext) -> Mapping[str, Any]:
        context.tell(JobProgress(doing="the last table", percent=99.0))
        return {"tables": context.launch.parameters["key_spaces"], "node": context.node.name}

    bench = Bench(tmp_path, work)
    bench.start(job_launch("work", key_spaces=["a"]))
    state, result = bench.sent.end("j1")
    assert (state, result.result) == ("TASK_FINISHED", {"tables": ["a"], "node": "node-0"})
    assert (result.progress.doing, result.error, result.hopeless) == ("the last table", "", False)
    assert bench.sent.states("j1") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    assert [data for _, state, _, data in bench.sent.updates if state != "TASK_FINISHED"] == [None, None]


def _fails(error: BaseException) -> Job:
    def work(context: JobContext) -> Mapping[str, Any]:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "words", "hopeless"),
    [
        (JobError("upload", "the bucket is not there", hopeless=True), "upload: the bucket is not there", True),
        (JobError("upload", "503"), "upload: 503", False),
        (KeyError("x"), "KeyError: 'x'", False),
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device", False),
    ],
)
def test_a_job_fails_in_its_own_words(tmp_path: Path, error: BaseException, words: str, hopeless: bool) -> None:
    bench = Bench(tmp_path, _fails(error))
    bench.start()
    state, result = bench.sent.end("j1")
    assert (state, result.error, result.hopeless) == ("TASK_FAILED", words, hopeless)


def test_a_job_that_breaks_leaves_its_traceback_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(tmp_path, _fails(ZeroDivisionError("by zero")))
    bench.start()
    bench.sent.end("j1")
    assert "in work\n" in caplog.text
    assert "ZeroDivisionError: by zero" in caplog.text


def test_a_result_that_is_no_json_is_a_failure(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda context: {"path": tmp_path})
    bench.start()
    state, result = bench.sent.end("j1")
    assert state == "TASK_FAILED"
    assert result.error.startswith("TypeError: ")


def test_an_error_without_end_is_cut(tmp_path: Path) -> None:
    bench = Bench(tmp_path, _fails(JobError("step", "x" * 1_000_000)))
    bench.start()
    assert len(bench.sent.end("j1")[1].error) < 3000


def test_a_result_that_is_too_big_keeps_its_numbers_and_says_so(tmp_path: Path) -> None:
    tables = {f"key_space.table_{number}": "done" for number in range(5000)}
    bench = Bench(tmp_path, lambda context: {"tables": tables, "done": 5000, "failed": 0})
    bench.start()
    state, result = bench.sent.end("j1")
    assert (state, result.result) == ("TASK_FINISHED", {"done": 5000, "failed": 0, "cut": ["tables"]})
    assert len(encode_result(result)) < 60_000


def test_many_jobs_side_by_side(tmp_path: Path) -> None:
    together = threading.Barrier(3)

    def work(context: JobContext) -> Mapping[str, Any]:
        together.wait(10)
        return {"n": context.launch.parameters["n"]}

    bench = Bench(tmp_path, work)
    for number in range(3):
        bench.start(job_launch("work", n=number), f"j{number}")
    assert [bench.sent.end(f"j{number}")[1].result["n"] for number in range(3)] == [0, 1, 2]


def test_a_launch_that_comes_twice_is_one_job(tmp_path: Path) -> None:
    bench = Bench(tmp_path, waits)
    bench.start()
    bench.start()
    assert bench.runner.cancel("j1", "killed")
    assert bench.sent.end("j1")[0] == "TASK_KILLED"
    assert bench.sent.states("j1").count("TASK_RUNNING") == 1


def test_an_unknown_job_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path, waits)
    bench.start(job_launch("dance"))
    state, result = bench.sent.end("j1")
    assert (state, result.error) == (
        "TASK_FAILED",
        "this executor does not know the job dance: it is older than the scheduler",
    )
    assert not bench.runner.cancel("j1", "killed")


def test_a_job_can_be_cancelled_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, waits)
    for task in ("j1", "j2"):
        bench.start(task_id=task)
    assert bench.runner.cancel("j1", "killed")
    state, result = bench.sent.end("j1")
    assert (state, result.error, result.progress.doing) == ("TASK_KILLED", "killed", "waiting")
    assert "TASK_KILLED" not in bench.sent.states("j2")
    assert not bench.runner.cancel("j9", "killed")
    bench.runner.stop("end of test")


def test_the_end_of_the_node_does_not_wait_for_a_job(tmp_path: Path) -> None:
    free = threading.Event()
    deaf_ended = threading.Event()

    def deaf(context: JobContext) -> Mapping[str, Any]:
        free.wait(30)
        deaf_ended.set()
        return {"late": True}

    bench = Bench(tmp_path, deaf)
    bench.start()
    bench.runner.stop("the node stops: killed")
    assert not deaf_ended.is_set()
    assert bench.sent.end("j1")[0] == "TASK_KILLED"
    free.set()
    assert deaf_ended.wait(10)
    for thread in [item for item in threading.enumerate() if item.name == "job work"]:
        thread.join(10)
    assert bench.sent.end("j1")[1].error == "the node stops: killed"


# Progress.


def test_progress_is_told_at_most_every_two_seconds_and_at_once_when_tuned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Mapping[str, Any]] = []

    def work(context: JobContext) -> Mapping[str, Any]:
        number = 0
        while True:
            number += 1
            used.append(dict(context.tuning))
            context.tell(JobProgress(done={"files": number}))
            context.wait(0.01)

    bench = Bench(tmp_path, work)
    begin = time.monotonic()
    bench.start(job_launch("work", tuning={"throttle": 1}))
    bench.sent.until("three reports", lambda: len(bench.sent.of(JobReport)) >= 3)
    assert time.monotonic() - begin >= 4.0
    told = [report.progress for report in bench.sent.of(JobReport)][:3]
    assert [item.tuning for item in told] == [{"throttle": 1}] * 3
    assert told[0].done["files"] < told[1].done["files"] < told[2].done["files"]
    monkeypatch.setattr("executor.jobs.runner.REPORT_SECONDS", 3600.0)
    bench.runner.tune(JobTuning("j9", {"throttle": 9}))
    for throttle in range(10, 4, -1):
        change = {"throttle": throttle}
        bench.runner.tune(JobTuning("j1", change))
        bench.sent.until("its report", lambda: bench.sent.of(JobReport)[-1].progress.tuning == change)  # noqa: B023
    wait_for("the job to use the change", lambda: used[-1] == {"throttle": 5})
    bench.runner.cancel("j1", "killed")
    bench.sent.end("j1")


def test_what_does_not_change_is_told_once_and_not_after_the_end(tmp_path: Path) -> None:
    contexts: list[JobContext] = []

    def work(context: JobContext) -> Mapping[str, Any]:
        contexts.append(context)
        for _ in range(30):
            context.tell(JobProgress(doing="the same"))
            context.wait(0.1)
        return {}

    bench = Bench(tmp_path, work)
    bench.start()
    bench.sent.end("j1")
    assert len(bench.sent.of(JobReport)) == 1
    contexts[0].tell(JobProgress(doing="too late"))
    assert len(bench.sent.of(JobReport)) == 1


# Secrets.


def test_a_job_without_secrets_asks_for_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda context: {"secrets": dict(context.secrets())})
    bench.start()
    assert bench.sent.end("j1")[1].result == {"secrets": {}}
    assert bench.sent.of(SecretQuery) == []


def test_secrets_are_asked_for_until_they_come(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench = Bench(tmp_path, lambda context: {"length": len(context.secrets()["s3_secret_key"])})
    begin = time.monotonic()
    bench.start(job_launch("work", secret=True))
    bench.sent.until("two queries", lambda: bench.sent.of(SecretQuery) == [SecretQuery("j1")] * 2)
    assert time.monotonic() - begin >= 2.0
    bench.runner.take_secrets(SecretReply("j9", {"s3_secret_key": "another job's"}))
    bench.runner.take_secrets(SecretReply("j1", {"s3_secret_key": KEY}))
    assert bench.sent.end("j1")[1].result == {"length": len(KEY)}
    assert KEY not in caplog.text


def test_a_reason_for_no_secrets_is_the_jobs_failure(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda context: context.secrets())
    bench.start(job_launch("work", secret=True))
    bench.runner.take_secrets(SecretReply("j1", problem="the key that sealed them is gone"))
    assert bench.sent.end("j1")[1].error == "secrets: the key that sealed them is gone"


def test_a_job_that_waits_for_secrets_can_be_cancelled(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda context: context.secrets())
    bench.start(job_launch("work", secret=True))
    bench.sent.until("a query", lambda: bool(bench.sent.of(SecretQuery)))
    bench.runner.cancel("j1", "killed")
    assert bench.sent.end("j1")[0] == "TASK_KILLED"


@pytest.mark.parametrize("error", [JobError("sign", f"bad header {KEY}"), ValueError(f"bad header {KEY}")])
def test_no_secret_gets_into_status_and_log(tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    def work(context: JobContext) -> Mapping[str, Any]:
        context.secrets()
        raise error

    bench = Bench(tmp_path, work)
    bench.start(job_launch("work", secret=True))
    bench.runner.take_secrets(SecretReply("j1", {"s3_secret_key": KEY, "region": "", "s3_access_key": "AK"}))
    _, result = bench.sent.end("j1")
    assert result.error.endswith("bad header …")
    assert KEY not in caplog.text


# Checkpoints.


def _counts(context: JobContext) -> Mapping[str, Any]:
    """Fails in the first and the second attempt, each after one thing done."""
    done = [*context.load().get("done", []), len(context.load().get("done", []))]
    context.save({"done": done})
    if len(done) < 3:
        raise JobError("count", str(len(done)))
    return {"done": done}


def test_another_attempt_takes_up_what_was_done(tmp_path: Path) -> None:
    bench = Bench(tmp_path, _counts)
    for attempt in ("j1", "j2"):
        bench.start(task_id=attempt)
        assert bench.sent.end(attempt)[0] == "TASK_FAILED"
    assert json.loads(bench.checkpoint().read_text()) == {"done": [0, 1]}
    bench.start(task_id="j3")
    assert bench.sent.end("j3")[1].result == {"done": [0, 1, 2]}
    assert list(bench.checkpoint().parent.iterdir()) == []


def test_operations_and_jobs_have_checkpoints_of_their_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda context: {"found": dict(context.load())})
    bench.checkpoint().parent.mkdir()
    for name in ("o1.other.json", "o2.work.json", "o10.work.json"):
        (bench.checkpoint().parent / name).write_text('{"of": "another"}')
    bench.start()
    assert bench.sent.end("j1")[1].result == {"found": {}}
    assert len(list(bench.checkpoint().parent.iterdir())) == 3


def test_old_checkpoints_that_nobody_came_back_for_go(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda context: {})
    bench.checkpoint().parent.mkdir()
    for name, days in (("old.work.json", 31), ("young.work.json", 29)):
        path = bench.checkpoint().parent / name
        path.write_text("{}")
        os.utime(path, (time.time() - days * 86400,) * 2)
    bench.start()
    bench.sent.end("j1")
    assert [path.name for path in bench.checkpoint().parent.iterdir()] == ["young.work.json"]


@pytest.mark.parametrize("text", ['{"done": [0', "[]", "null", '"x"'])
def test_a_checkpoint_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path, text: str) -> None:
    bench = Bench(tmp_path, _counts)
    bench.checkpoint().parent.mkdir()
    bench.checkpoint().write_text(text)
    bench.start()
    state, result = bench.sent.end("j1")
    assert state == "TASK_FAILED"
    assert result.error.startswith("checkpoint: o1.work.json cannot be read: ")
    assert bench.checkpoint().read_text() == text


def test_a_full_or_missing_volume_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "nowhere", _counts)
    bench.start()
    assert bench.sent.end("j1")[1].error.startswith("checkpoint: o1.work.json cannot be written: ")


def test_results_survive_the_wire(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda context: {"rows": 3, "names": ["é"]})
    bench.start()
    _, result = bench.sent.end("j1")
    assert parse_result(encode_result(result)).result == {"rows": 3, "names": ["é"]}


class _Slow(Sent):
    """Sent statuses, the last of which is queued once the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.free = threading.Event(), threading.Event()

    def update(self, task_id: str, state: str, message: str | None = None, data: str | None = None) -> None:
        if state == "TASK_FINISHED":
            self.begun.set()
            assert self.free.wait(10)
        super().update(task_id, state, message, data)


def test_a_stop_waits_until_the_last_status_of_a_job_is_queued(tmp_path: Path) -> None:
    slow = _Slow()
    bench = Bench(tmp_path, lambda context: {}, slow)
    bench.start()
    assert slow.begun.wait(10)
    stopped = threading.Thread(target=bench.runner.stop, args=("the node ends",))
    stopped.start()
    stopped.join(0.2)
    assert stopped.is_alive()
    slow.free.set()
    stopped.join(10)
    assert slow.end("j1")[0] == "TASK_FINISHED"


def _saves(context: JobContext) -> Mapping[str, Any]:
    context.save({"done": 1})
    return {}


def test_a_job_that_is_stopped_in_its_last_moment_keeps_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops: list[threading.Thread] = []
    remove = Checkpoint.remove

    def stopped_meanwhile(checkpoint: Checkpoint) -> None:
        remove(checkpoint)
        stops.append(threading.Thread(target=bench.runner.stop, args=("the node ends",)))
        stops[0].start()
        stops[0].join(0.2)

    monkeypatch.setattr(Checkpoint, "remove", stopped_meanwhile)
    bench = Bench(tmp_path, _saves)
    bench.start()
    state, _ = bench.sent.end("j1")
    stops[0].join(10)
    assert (state, bench.checkpoint().exists()) == ("TASK_FINISHED", False)


def test_a_job_without_a_thread_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    bench = Bench(tmp_path, lambda context: {})
    bench.start()
    assert bench.sent.end("j1")[1].error == "the executor cannot start a thread: can't start new thread"
    assert not bench.runner.cancel("j1", "it runs no more")
