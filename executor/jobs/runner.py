"""Runs maintenance jobs beside the node's Cassandra: each on a thread of its own, each with exactly one last status.

The threads are daemons: a call that Cassandra does not answer any more must not hold up the executor's end.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from executor.cassandra.exit_cause import shorten
from executor.jobs.checkpoint import Checkpoint
from executor.jobs.context import Cancelled, Job, JobError, NodeFacts
from executor.protocol import (
    JobLaunch,
    JobProgress,
    JobReport,
    JobResult,
    JobTuning,
    SecretQuery,
    SecretReply,
    encode_message,
    encode_result,
)
from executor.redaction import traceback_of, without

_LOG = logging.getLogger(__name__)
REPORT_SECONDS = 2.0
QUIET_SECONDS = 10.0
SECRET_SECONDS = 60.0
SECRET_AGAIN_SECONDS = 2.0
# What the result of a job may take in ZooKeeper.
RESULT_BYTES = 60_000


class Reporter(Protocol):
    """The way to the agent."""

    def update(self, task_id: str, state: str, message: str | None = None, data: str | None = None) -> None: ...
    def send(self, data: str) -> None: ...


class Runner:
    """The jobs of one executor. Its methods may be called by any thread."""

    def __init__(self, agent: Reporter, jobs: Mapping[str, Job]) -> None:
        self._agent = agent
        self._jobs = jobs
        self._lock = threading.Lock()
        self._running: dict[str, RunningJob] = {}

    def start(self, task_id: str, launch: JobLaunch, node: NodeFacts) -> None:
        """Begin a job."""
        job = self._jobs.get(launch.job)
        if job is None:
            self.refuse(task_id, f"this executor does not know the job {launch.job}: it is older than the scheduler")
            return
        with self._lock:
            if task_id in self._running:
                return
            running = RunningJob(task_id, launch, node, self._agent)
            self._running[task_id] = running
        _LOG.info("job %s of operation %s begins as task %s", launch.job, launch.operation, task_id)
        self._agent.update(task_id, "TASK_STARTING")
        self._agent.update(task_id, "TASK_RUNNING")
        threading.Thread(target=self._run, args=(running, job), name=f"job {launch.job}", daemon=True).start()

    def refuse(self, task_id: str, words: str) -> None:
        """A job that cannot be run here."""
        _LOG.error("job %s refused: %s", task_id, words)
        self._agent.update(task_id, "TASK_FAILED", words, encode_result(JobResult(error=words)))

    def cancel(self, task_id: str, reason: str) -> bool:
        """Tell a job to stop; False if it does not run here."""
        with self._lock:
            running = self._running.get(task_id)
        if running is None:
            return False
        running.cancel(reason)
        return True

    def tune(self, message: JobTuning) -> None:
        """Pass on what is to be used from now on."""
        with self._lock:
            running = self._running.get(message.task_id)
        if running is not None:
            running.tune(message.values)

    def take_secrets(self, message: SecretReply) -> None:
        """Pass on what a job has asked for."""
        with self._lock:
            running = self._running.get(message.task_id)
        if running is not None:
            running.take_secrets(message)

    def stop(self, reason: str) -> None:
        """The node ends: so do its jobs, now; what they still do is of no consequence."""
        with self._lock:
            running, self._running = list(self._running.values()), {}
        for item in running:
            item.cancel(reason)
            item.end("TASK_KILLED", reason, JobResult(progress=item.progress, error=reason))

    def _run(self, running: RunningJob, job: Job) -> None:
        state, result = _outcome(running, job)
        with self._lock:
            self._running.pop(running.task_id, None)
        running.end(state, result.error, result)


def _outcome(running: RunningJob, job: Job) -> tuple[str, JobResult]:
    try:
        found = _bounded(job(running))
    except Cancelled:
        return "TASK_KILLED", JobResult(progress=running.progress, error=running.reason or "cancelled")
    except JobError as error:
        return "TASK_FAILED", JobResult(
            progress=running.progress, error=_words(running, error), hopeless=error.hopeless
        )
    except Exception as error:  # noqa: BLE001 the border of a job: whatever goes wrong in it must not end the node
        _LOG.error("the job %s broke: %s", running.launch.job, without(running.known_secrets, traceback_of(error)))
        words = f"{type(error).__name__}: {_words(running, error)}"
        return "TASK_FAILED", JobResult(progress=running.progress, error=words)
    running.forget()
    return "TASK_FINISHED", JobResult(progress=running.progress, result=found)


def _words(running: RunningJob, error: Exception) -> str:
    return shorten(without(running.known_secrets, str(error)))


def _bounded(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result, without its long parts where it would be too long to be stored."""
    if len(json.dumps(found)) <= RESULT_BYTES:
        return found
    kept = {name: value for name, value in found.items() if len(json.dumps(value)) < 1000}
    return {**kept, "cut": sorted(found.keys() - kept.keys())}


class RunningJob:
    """One job, as its JobContext."""

    def __init__(self, task_id: str, launch: JobLaunch, node: NodeFacts, agent: Reporter) -> None:
        self.task_id = task_id
        self._launch = launch
        self._node = node
        self._agent = agent
        self._condition = threading.Condition()
        self._stopped = False
        self._ended = False
        self._tuning: Mapping[str, Any] = dict(launch.tuning)
        self._secrets: SecretReply | None = None
        self._reported: JobProgress | None = None
        self._reported_at = float("-inf")
        self._checkpoint = Checkpoint(node.scratch, launch.operation, launch.job)
        self.progress = JobProgress(tuning=self._tuning)
        self.reason = ""

    @property
    def launch(self) -> JobLaunch:
        return self._launch

    @property
    def node(self) -> NodeFacts:
        return self._node

    @property
    def tuning(self) -> Mapping[str, Any]:
        return self._tuning

    def tell(self, progress: JobProgress) -> None:
        now = time.monotonic()
        with self._condition:
            self.progress = replace(progress, tuning=self._tuning)
            changed = self.progress != self._reported
            if self._ended or now - self._reported_at < (REPORT_SECONDS if changed else QUIET_SECONDS):
                return
            self._reported, self._reported_at = self.progress, now
            report = JobReport(self.task_id, self.progress)
        self._agent.send(encode_message(report))

    def check(self) -> None:
        if self._stopped:
            raise Cancelled

    def wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._condition:
            while not self._stopped and (left := deadline - time.monotonic()) > 0:
                self._condition.wait(left)
        self.check()

    def secrets(self) -> Mapping[str, str]:
        if not self._launch.secret:
            return {}
        deadline = time.monotonic() + SECRET_SECONDS
        while (reply := self._secrets) is None:
            self.check()
            if time.monotonic() > deadline:
                raise JobError("secrets", f"the scheduler did not send them within {SECRET_SECONDS:.0f} s")
            self._agent.send(encode_message(SecretQuery(self.task_id)))
            with self._condition:
                self._condition.wait_for(lambda: self._secrets is not None or self._stopped, SECRET_AGAIN_SECONDS)
        if reply.problem:
            raise JobError("secrets", reply.problem)
        return reply.values

    def load(self) -> Mapping[str, Any]:
        return self._checkpoint.load()

    def save(self, checkpoint: Mapping[str, Any]) -> None:
        self._checkpoint.save(checkpoint)

    @property
    def known_secrets(self) -> Mapping[str, str]:
        """What must not be in any text of this job's, by name."""
        return {} if self._secrets is None else self._secrets.values

    def forget(self) -> None:
        """The job has succeeded: nothing is left to be taken up."""
        self._checkpoint.remove()

    # What the runner does to it.

    def cancel(self, reason: str) -> None:
        """Tell it to stop; the first reason holds."""
        with self._condition:
            self.reason = self.reason or reason
            self._stopped = True
            self._condition.notify_all()

    def tune(self, values: Mapping[str, Any]) -> None:
        """Use these values from now on."""
        with self._condition:
            self._tuning = {**self._tuning, **values}
            self._reported_at = float("-inf")
        self.tell(self.progress)

    def take_secrets(self, reply: SecretReply) -> None:
        """What it asked for."""
        with self._condition:
            self._secrets = reply
            self._condition.notify_all()

    def end(self, state: str, message: str, result: JobResult) -> None:
        """Say how it ended; only the first time counts."""
        with self._condition:
            if self._ended:
                return
            self._ended = True
            # Within the lock: who finds the job ended may rely on its status being before what he sends himself.
            self._agent.update(self.task_id, state, message or None, encode_result(result))
        level = logging.ERROR if state == "TASK_FAILED" else logging.INFO
        _LOG.log(level, "job %s: %s %s", self.task_id, state, message)
