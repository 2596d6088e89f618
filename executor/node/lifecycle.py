"""The life of one Cassandra node from its launch to its one terminal status: a state machine that never blocks.

Threads prepare, poll and drain, and report with events. So a kill is handled at any time.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Protocol

from executor.cassandra import exit_cause
from executor.cassandra.install import Installation, LaunchError, Surroundings, hold, install
from executor.cassandra.process import Cassandra
from executor.cassandra.volume import VolumeLock
from executor.certificate_messages import CertificateCall, CertificateReply
from executor.jmx.status import JOINING_FAILED, PAUSED, UNKNOWN
from executor.jobs.context import NodeFacts
from executor.jobs.runner import Runner
from executor.node import launch_rules, reporting
from executor.node.encryption import NodeEncryption, facts
from executor.node.events import Drained, Event, Held, Installed, Kill, Launch, Message, Polled, Shutdown, Subscribed
from executor.node.job_table import JOBS
from executor.node.poller import Poller
from executor.node.questions import Questions
from executor.protocol import (
    JobLaunch,
    JobTuning,
    NodeLaunch,
    NodeStatus,
    ProtocolError,
    Question,
    SecretReply,
    StatusQuery,
    StatusReply,
    encode_message,
    encode_status,
    parse_message,
    parse_task,
)

_LOG = logging.getLogger(__name__)
_TICK_SECONDS = 0.1
# The time from SIGTERM to SIGKILL, for a kill without a policy.
DEFAULT_GRACE_SECONDS = 30.0
# Shares of the time that an agent gives for a shutdown: for the drain, and for the report after SIGKILL.
_DRAIN_SHARE = 0.5
_REPORT_SHARE = 0.15
ACKNOWLEDGE_SECONDS = 30.0


class Reporter(Protocol):
    """The connection to the agent, as `executor.agent.connection.Agent` implements it."""

    @property
    def subscribed(self) -> bool:
        """Return whether the agent has accepted this executor and is still connected."""

    def update(self, task_id: str, state: str, message: str | None = None, data: str | None = None) -> None:
        """Queue a status update, which is sent until the agent has acknowledged it."""

    def send(self, data: str) -> None:
        """Queue a framework message (base64), which can get lost."""

    def is_settled(self) -> bool:
        """Return whether no wait is left: the agent has acknowledged every update, or no more attempts are made."""


@dataclass
class _Stop:
    """A stop that has begun; times are of the monotonic clock."""

    reason: str
    terminate_at: float
    grace: float  # from SIGTERM to SIGKILL
    state: str = "TASK_KILLED"
    kill_at: float | None = None
    terminated: bool = False
    killed: bool = False
    drained: str = "not drained"


class Node:
    """The executor's state machine: runs at most one Cassandra, and maintenance jobs beside it.

    The main thread, which must outlive Cassandra, calls `run`.
    """

    def __init__(self, agent: Reporter, where: Surroundings, events: SimpleQueue[Event]) -> None:
        self._agent = agent
        self._where = where
        self._events = events
        self._task_id: str | None = None
        self._launch: NodeLaunch | None = None
        self._cassandra: Cassandra | None = None
        self._held: VolumeLock | None = None  # in place of Cassandra, while the node is paused
        self._facts: NodeFacts | None = None
        self._encryption: NodeEncryption | None = None
        self._poller: Poller | None = None
        self._report: reporting.Report | None = None
        self._stop: _Stop | None = None
        self._ended = False
        self._jobs = Runner(agent, JOBS)
        self._questions = Questions(agent)

    def run(self, recovery_timeout: float) -> None:
        """Handle events until the task has ended and the agent has acknowledged its last status.

        The wait for that acknowledgement is at most ACKNOWLEDGE_SECONDS with a connected agent, and `recovery_timeout`
        seconds without one.
        """
        while not self._ended:
            self._next(_TICK_SECONDS)
            self._watch()
        ended = time.monotonic()
        while not self._agent.is_settled():
            waited = time.monotonic() - ended
            if waited > (ACKNOWLEDGE_SECONDS if self._agent.subscribed else recovery_timeout):
                _LOG.error("last status not acknowledged by the agent: the executor ends without it")
                return
            self._next(_TICK_SECONDS)

    def _next(self, timeout: float) -> None:
        try:
            self._handle(self._events.get(timeout=timeout))
        except Empty:
            return

    def _handle(self, event: Event) -> None:
        match event:
            case Subscribed():
                _LOG.info("the agent has accepted this executor")
            case Launch():
                self._on_launch(event)
            case Installed(result):
                self._on_installed(result)
            case Held(lock):
                self._on_held(lock)
            case Polled():
                self._on_polled(event)
            case Kill():
                self._on_kill(event)
            case Shutdown():
                self._on_shutdown(event)
            case Drained(problem):
                self._on_drained(problem)
            case Message(data):
                self._on_message(data)

    # Launch.

    def _on_launch(self, event: Launch) -> None:
        try:
            launch = parse_task(event.data)
        except (ProtocolError, RecursionError) as error:
            self._refuse_launch(event.task_id, str(error))
            return
        if isinstance(launch, JobLaunch):
            self._on_job(event.task_id, launch)
        elif (rule := launch_rules.problem(launch)) is not None:
            self._refuse_launch(event.task_id, rule)
        else:
            self._on_node(event, launch)

    def _refuse_launch(self, task_id: str, why: str) -> None:
        _LOG.error("task %s refused: its launch data cannot be read: %s", task_id, why)
        self._agent.update(task_id, "TASK_FAILED", f"launch data: {why}")
        self._ended = self._ended or self._task_id is None

    def _on_job(self, task_id: str, launch: JobLaunch) -> None:
        if self._task_id is None:
            # Mesos starts a new executor for a job whose executor has just ended: there is no node to work on.
            self._jobs.refuse(task_id, f"Cassandra of {launch.node} does not run")
            self._ended = True
        elif launch.node_task_id != self._task_id:
            self._jobs.refuse(task_id, f"it belongs to {launch.node_task_id}, but {self._task_id} runs here")
        elif self._facts is None or self._stop is not None or self._ended:
            self._jobs.refuse(task_id, f"Cassandra of {launch.node} does not run")
        elif (rule := launch_rules.job_problem(launch)) is not None:
            self._jobs.refuse(task_id, f"launch data: {rule}")
        else:
            self._jobs.start(task_id, launch, self._facts)

    def _on_node(self, event: Launch, launch: NodeLaunch) -> None:
        if event.task_id == self._task_id:
            _LOG.warning("task %s was sent again, and runs already", event.task_id)
            return
        if self._task_id is not None:
            _LOG.error("task %s refused: this executor runs %s", event.task_id, self._task_id)
            self._agent.update(event.task_id, "TASK_FAILED", f"launch: this executor already runs {self._task_id}")
            return
        self._task_id = event.task_id
        self._launch = launch
        _LOG.info("launching %s as task %s", self._launch.node, event.task_id)
        self._agent.update(event.task_id, "TASK_STARTING")
        self._encryption = NodeEncryption(event.task_id, launch, self._where, self._agent.send)
        arguments = (self._launch, self._encryption)
        worker = threading.Thread(target=self._install, args=arguments, name="installation", daemon=True)
        worker.start()

    def _install(self, launch: NodeLaunch, encryption: NodeEncryption) -> None:
        try:
            encryption.prepare()
            if launch.paused:
                self._events.put(Held(hold(launch, self._where, _LOG.info)))
            else:
                self._events.put(Installed(install(launch, self._where, _LOG.info)))
        except LaunchError as error:
            self._events.put(Installed(error))
        except Exception as error:  # noqa: BLE001 - a thread that just ended would leave the task in TASK_STARTING
            _LOG.exception("the installation broke")
            self._events.put(Installed(LaunchError("installation", f"{type(error).__name__}: {str(error)!a}")))

    def _on_installed(self, result: Installation | LaunchError) -> None:
        if self._ended:
            if isinstance(result, Installation):
                result.lock.close()
            return
        if isinstance(result, LaunchError):
            self._finish("TASK_FAILED", str(result))
            return
        try:
            self._cassandra = Cassandra(result)
        except LaunchError as error:
            self._finish("TASK_FAILED", str(error))
            return
        assert self._launch is not None
        assert self._encryption is not None
        self._facts = facts(self._launch, self._where, self._cassandra)
        self._encryption.begin(self._cassandra)
        _LOG.info("Cassandra is process %d, its log is %s", self._cassandra.pid, result.logs)
        self._report = reporting.begin(self._cassandra.pid, self._where.address, time.monotonic())
        self._send_status(self._report.sent)
        self._poller = Poller(self._cassandra, self._events)

    def _on_held(self, lock: VolumeLock) -> None:
        if self._ended:
            lock.close()
            return
        assert self._launch is not None
        self._held = lock
        _LOG.info("paused: Cassandra stays off, the volume is at %s", self._where.sandbox / self._launch.volume)
        self._report = reporting.Report(NodeStatus(mode=PAUSED, endpoint=self._where.address))
        self._send_status(self._report.sent)

    # Status.

    def _on_polled(self, event: Polled) -> None:
        status = event.status if self._report is None else reporting.believed(self._report, event.status)
        if self._encryption is not None:
            status = self._encryption.add_to(status)
        for query in event.queries:
            self._reply(query, replace(status, figures=event.figures))
        if self._report is None or self._ended:
            return
        if self._cassandra is not None and status.native_transport_running:
            self._cassandra.mark_serving()
        self._report, changed = reporting.fold(self._report, status, time.monotonic())
        if changed is not None:
            _LOG.info("mode %s, native transport %s", changed.mode, changed.native_transport_running)
            self._send_status(changed)
            if changed.mode == JOINING_FAILED:  # Cassandra would stay so, and own no ranges
                self._begin_stop("it could not join the ring", 0.0, DEFAULT_GRACE_SECONDS, "TASK_FAILED")

    def _send_status(self, status: NodeStatus) -> None:
        assert self._task_id is not None
        self._agent.update(self._task_id, "TASK_RUNNING", data=encode_status(status))

    def _on_message(self, data: str) -> None:
        try:
            message = parse_message(data)
        except (ProtocolError, RecursionError) as error:
            _LOG.warning("message ignored: it cannot be read: %s", error)
            return
        match message:
            case StatusQuery(id=query):
                if self._poller is not None:
                    self._poller.ask(query)
                elif self._held is not None and self._report is not None:
                    self._reply(query, self._report.sent)
                else:
                    self._reply(query, NodeStatus(mode=UNKNOWN, error="Cassandra does not run"))
            case JobTuning():
                self._jobs.tune(message)
            case SecretReply():
                self._jobs.take_secrets(message)
            case CertificateReply() | CertificateCall() if self._encryption is not None:
                self._encryption.take(message)
            case Question():
                self._questions.ask(message, self._task_id or "", None if self._stop else self._facts)
            case _:
                _LOG.warning("message %s ignored: it is not for an executor", type(message).__name__)

    def _reply(self, query: str, status: NodeStatus) -> None:
        node = "" if self._launch is None else self._launch.node
        self._agent.send(encode_message(StatusReply(query, node, self._task_id or "", status, time.time())))

    # Stopping.

    def _on_kill(self, event: Kill) -> None:
        if self._jobs.cancel(event.task_id, "killed"):
            return
        if event.task_id != self._task_id:
            _LOG.warning("kill of %s ignored: this task does not run here", event.task_id)
            return
        grace = DEFAULT_GRACE_SECONDS if event.grace is None else event.grace
        drain = 0.0 if self._launch is None else self._launch.drain_seconds
        self._begin_stop("killed", drain, grace)

    def _on_shutdown(self, event: Shutdown) -> None:
        _LOG.warning("shutting down: %s", event.reason)
        if self._task_id is None:
            self._ended = True
            return
        drain, grace = (0.0 if self._launch is None else self._launch.drain_seconds), DEFAULT_GRACE_SECONDS
        if event.grace is not None:
            drain = min(drain, event.grace * _DRAIN_SHARE)
            grace = event.grace * (1 - _REPORT_SHARE) - drain
        self._begin_stop(f"shut down: {event.reason}", drain, grace)

    def _begin_stop(self, reason: str, drain: float, grace: float, state: str = "TASK_KILLED") -> None:
        if self._ended:
            return
        if self._cassandra is None:
            how = "before Cassandra was started" if self._held is None else "while it was paused"
            self._finish("TASK_KILLED", f"{reason} {how}")
            return
        now = time.monotonic()
        if self._stop is not None:
            # A second request can only shorten the stop.
            self._stop.terminate_at = min(self._stop.terminate_at, now + drain)
            self._stop.grace = min(self._stop.grace, grace)
            if self._stop.kill_at is not None:
                self._stop.kill_at = min(self._stop.kill_at, now + grace)
            return
        self._jobs.stop(f"the node stops: {reason}")
        _LOG.info("stopping Cassandra (%s): drain for at most %.1f s, then %.1f s to end", reason, drain, grace)
        self._stop = _Stop(reason, now + drain, grace, state)
        worker = threading.Thread(target=self._drain, args=(self._cassandra, drain), name="drain", daemon=True)
        try:
            worker.start()
        except RuntimeError as error:  # Cassandra drains itself on SIGTERM, too
            self._on_drained(str(error))

    def _drain(self, cassandra: Cassandra, seconds: float) -> None:
        self._events.put(Drained(cassandra.drain(seconds) if seconds > 0 else "no time to drain"))

    def _on_drained(self, problem: str | None) -> None:
        if self._stop is None:
            return
        self._stop.drained = "drained" if problem is None else f"not drained ({problem})"
        self._stop.terminate_at = time.monotonic()

    def _watch(self) -> None:
        if self._cassandra is None or self._ended:
            return
        code = self._cassandra.exit_code()
        if code is not None:
            self._on_exit(self._cassandra, code)
        elif self._stop is not None:
            self._advance_stop(self._cassandra, self._stop)

    def _advance_stop(self, cassandra: Cassandra, stop: _Stop) -> None:
        now = time.monotonic()
        if not stop.terminated and now >= stop.terminate_at:
            stop.terminated, stop.kill_at = True, now + stop.grace
            cassandra.terminate()
        elif stop.kill_at is not None and not stop.killed and now >= stop.kill_at:
            stop.killed = True
            _LOG.warning("Cassandra still runs %.1f s after SIGTERM: sending SIGKILL", stop.grace)
            cassandra.kill()

    def _on_exit(self, cassandra: Cassandra, code: int) -> None:
        how = exit_cause.describe_exit(code)
        if self._stop is not None and self._stop.state == "TASK_KILLED":
            self._finish("TASK_KILLED", f"{self._stop.reason}: {self._stop.drained}, ended with {how}")
            return
        words = f"Cassandra ended with {how}" if self._stop is None else f"Cassandra was stopped: {self._stop.reason}"
        cause = exit_cause.shorten(cassandra.cause(code if self._stop is None else None))
        self._finish("TASK_FAILED", words + (f":\n{cause}" if cause else ""))

    def _finish(self, state: str, message: str) -> None:
        assert self._task_id is not None
        _LOG.log(logging.ERROR if state == "TASK_FAILED" else logging.INFO, "%s: %s", state, message)
        self._ended = True
        self._jobs.stop("the node ended")
        if self._held is not None:
            self._held.close()
        data = None if self._report is None else encode_status(self._report.sent)
        self._agent.update(self._task_id, state, message, data)
        if self._poller is not None:
            self._poller.stop()
        if self._encryption is not None:
            self._encryption.stop()
