"""The runner of maintenance jobs beside the node's Cassandra: each has a thread of its own and one last status.

The threads are daemons: a call that Cassandra never answers must not delay the executor's end.
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
from executor.redaction import redact, traceback_of

_LOG = logging.getLogger(__name__)
REPORT_SECONDS = 2.0
QUIET_SECONDS = 10.0
SECRET_SECONDS = 60.0
SECRET_AGAIN_SECONDS = 2.0
# The longest result in ZooKeeper.
RESULT_BYTES = 60_000


class Reporter(Protocol):
    """The connection to the agent."""

    def update(self, task_id: str, state: str, message: str | None = None, data: str | None = None) -> None:
        """Queue a status update, which is sent until the agent has acknowledged it."""

    def send(self, data: str) -> None:
        """Queue a framework message (base64), which can get lost."""


class Runner:
    """The jobs of one executor. Any thread can call its methods."""

    def __init__(self, agent: Reporter, jobs: Mapping[str, Job]) -> None:
        self._agent = agent
        self._jobs = jobs
        self._lock = threading.Lock()
        self._running: dict[str, RunningJob] = {}

    def start(self, task_id: str, launch: JobLaunch, node: NodeFacts) -> None:
        """Start a job on a thread; refuse one that this executor does not know."""
        job = self._jobs.get(launch.job)
        if job is None:
            self.refuse(task_id, f"this executor does not know the job {launch.job}: it is older than the scheduler")
            return
        with self._lock:
            if task_id in self._running:
                return
            running = RunningJob(task_id, launch, node, self._agent)
            self._running[task_id] = running
        _LOG.info("job %s of operation %s starts as task %s", launch.job, launch.operation, task_id)
        self._agent.update(task_id, "TASK_STARTING")
        self._agent.update(task_id, "TASK_RUNNING")
        try:
            threading.Thread(target=self._run, args=(running, job), name=f"job {launch.job}", daemon=True).start()
        except RuntimeError as error:  # the container has all threads that it may have; Cassandra must not end with it
            words = f"the executor cannot start a thread: {error}"
            self._end(running, "TASK_FAILED", JobResult(error=words))

    def refuse(self, task_id: str, words: str) -> None:
        """Report a job that cannot run here as failed.

        Args:
            task_id: The job's task.
            words: The cause.
        """
        _LOG.error("job %s refused: %s", task_id, words)
        self._agent.update(task_id, "TASK_FAILED", words, encode_result(JobResult(error=words)))

    def cancel(self, task_id: str, reason: str) -> bool:
        """Cancel a job; return False if it does not run here."""
        with self._lock:
            running = self._running.get(task_id)
        if running is None:
            return False
        running.cancel(reason)
        return True

    def tune(self, message: JobTuning) -> None:
        """Pass new tuning values to their job."""
        with self._lock:
            running = self._running.get(message.task_id)
        if running is not None:
            running.tune(message.values)

    def take_secrets(self, message: SecretReply) -> None:
        """Pass secrets to the job that requested them."""
        with self._lock:
            running = self._running.get(message.task_id)
        if running is not None:
            running.take_secrets(message)

    def stop(self, reason: str) -> None:
        """End all jobs at once, since the node ends; results that they still produce are ignored."""
        with self._lock:
            running, self._running = list(self._running.values()), {}
        for item in running:
            item.cancel(reason)
            item.end("TASK_KILLED", reason, JobResult(progress=item.progress, error=reason))

    def _run(self, running: RunningJob, job: Job) -> None:
        state, result = _outcome(running, job)
        self._end(running, state, result)

    def _end(self, running: RunningJob, state: str, result: JobResult) -> None:
        running.end(state, result.error, result)
        # Not before: `stop` must find each job whose last status is not queued yet.
        with self._lock:
            self._running.pop(running.task_id, None)


def _outcome(running: RunningJob, job: Job) -> tuple[str, JobResult]:
    try:
        found = _bounded(job(running))
    except Cancelled:
        return "TASK_KILLED", JobResult(progress=running.progress, error=running.reason or "cancelled")
    except JobError as error:
        return "TASK_FAILED", JobResult(
            progress=running.progress, error=_words(running, error), hopeless=error.hopeless
        )
    except Exception as error:  # noqa: BLE001 the border of a job: none of its failures must end the node
        _LOG.error("job %s failed: %s", running.launch.job, redact(running.known_secrets, traceback_of(error)))
        words = f"{type(error).__name__}: {_words(running, error)}"
        return "TASK_FAILED", JobResult(progress=running.progress, error=words)
    return "TASK_FINISHED", JobResult(progress=running.progress, result=found)


def _words(running: RunningJob, error: Exception) -> str:
    return shorten(redact(running.known_secrets, str(error)))


def _bounded(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the result, without its long parts if it is too long for ZooKeeper."""
    if len(json.dumps(found)) <= RESULT_BYTES:
        return found
    kept = {name: value for name, value in found.items() if len(json.dumps(value)) < 1000}
    return {**kept, "cut": sorted(found.keys() - kept.keys())}


class RunningJob:
    """One running job, as its JobContext."""

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
        """Return the job's launch."""
        return self._launch

    @property
    def node(self) -> NodeFacts:
        """Return the node."""
        return self._node

    @property
    def tuning(self) -> Mapping[str, Any]:
        """Return the newest tuning values."""
        return self._tuning

    def tell(self, progress: JobProgress) -> None:
        """Report the progress: every REPORT_SECONDS if it changes, else every QUIET_SECONDS."""
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
        """Raise Cancelled if the job must stop."""
        if self._stopped:
            raise Cancelled

    def wait(self, seconds: float) -> None:
        """Wait for a number of seconds; raise Cancelled if the job must stop."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while not self._stopped and (left := deadline - time.monotonic()) > 0:
                self._condition.wait(left)
        self.check()

    def secrets(self) -> Mapping[str, str]:
        """Return the secrets, queried from the scheduler once. Raises JobError."""
        if not self._launch.secret:
            return {}
        deadline = time.monotonic() + SECRET_SECONDS
        while (reply := self._secrets) is None:
            self.check()
            if time.monotonic() > deadline:
                text = f"the scheduler did not send them within {SECRET_SECONDS:.0f} s; check that it runs"
                raise JobError("secrets", text)
            self._agent.send(encode_message(SecretQuery(self.task_id)))
            with self._condition:
                self._condition.wait_for(lambda: self._secrets is not None or self._stopped, SECRET_AGAIN_SECONDS)
        if reply.problem:
            raise JobError("secrets", reply.problem)
        return reply.values

    def load(self) -> Mapping[str, Any]:
        """Return the checkpoint. Raises JobError."""
        return self._checkpoint.load()

    def save(self, checkpoint: Mapping[str, Any]) -> None:
        """Save the checkpoint. Raises JobError."""
        self._checkpoint.save(checkpoint)

    @property
    def known_secrets(self) -> Mapping[str, str]:
        """Return the secrets that no text of this job can contain, by name."""
        return {} if self._secrets is None else self._secrets.values

    # The runner's side.

    def cancel(self, reason: str) -> None:
        """Cancel the job; the first reason is kept."""
        with self._condition:
            self.reason = self.reason or reason
            self._stopped = True
            self._condition.notify_all()

    def tune(self, values: Mapping[str, Any]) -> None:
        """Set tuning values."""
        with self._condition:
            self._tuning = {**self._tuning, **values}
            self._reported_at = float("-inf")
        self.tell(self.progress)

    def take_secrets(self, reply: SecretReply) -> None:
        """Accept the scheduler's reply to the query for secrets."""
        with self._condition:
            self._secrets = reply
            self._condition.notify_all()

    def end(self, state: str, message: str, result: JobResult) -> None:
        """Report the end with the last status; only the first call has an effect.

        Args:
            state: Mesos' name of the state.
            message: A sentence for the operator; can be empty.
            result: The job's result.
        """
        with self._condition:
            if self._ended:
                return
            self._ended = True
            if state == "TASK_FINISHED":
                # Not before: the job may just have been stopped, and be tried again.
                self._checkpoint.remove()
            # Within the lock: a thread that sees the job ended can rely on its status being queued before its own.
            self._agent.update(self.task_id, state, message or None, encode_result(result))
        level = logging.ERROR if state == "TASK_FAILED" else logging.INFO
        _LOG.log(level, "job %s: %s %s", self.task_id, state, message)
