"""The fold: Mesos' updates, executors' replies and registrations, applied to the state.

Effect of an update on a node whose newest task it names (all others: see `_note_stray`):

| state                          | effect                                                                       |
| ------------------------------ | ---------------------------------------------------------------------------- |
| STAGING, STARTING, RUNNING, KILLING | recorded if it is later than the recorded one, or the task was unseen    |
| RUNNING with data              | mode, host id and address recorded when they changed; sighting               |
| UNREACHABLE, UNKNOWN           | recorded; the node waits: its task may live                                  |
| FAILED, FINISHED, ERROR        | ended; counts as failure with back-off                                       |
| DROPPED                        | ended; back-off, but never reaches the limit                                 |
| KILLED, LOST, GONE             | ended; relaunched where its volume is offered, no failure                    |
| GONE_BY_OPERATOR               | ended; its agent will not come back, so the node waits for its replacement   |

The effect of a job's update on its step is in `scheduler.core.maintenance.steps`.

FAILED, FINISHED, KILLED, ERROR and GONE_BY_OPERATOR are final: agents re-send older updates, which are ignored then.
That its agent is gone counts for a task that has ended, too.
LOST, DROPPED and GONE are not final: a later update of the task overrides them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from executor.certificate_messages import CertificateFacts
from executor.figures import is_sound as is_sound_figures
from executor.protocol import Answer, JobReport, NodeStatus, ProtocolError, StatusReply, parse_status
from executor.sentences import has_date
from scheduler.core.configuration.trial import fold_answer
from scheduler.core.maintenance.steps import advance_job, expects, is_sound
from scheduler.core.mesos.offer_operations import operation_task, parse_release
from scheduler.core.mesos.task_info import node_of_executor, node_of_task
from scheduler.core.mesos.updates import (
    Disconnected,
    Event,
    ExecutorEnded,
    ExecutorWords,
    OperationUpdate,
    Registered,
    TaskUpdate,
)
from scheduler.core.nodes.clocks import clock_offset
from scheduler.core.nodes.replacement import take_back
from scheduler.core.state.cluster import Asked, ClusterState, JobSighting, Reconciliation, Refused, Sighting, Stray
from scheduler.core.state.lifecycle import (
    BLAMED,
    ENDED,
    FINAL,
    LIVE,
    LIVE_ORDER,
    PRESUMED,
    UNSEEN,
    add_failure,
    is_disowned,
    may_live,
    shorten,
)
from scheduler.core.state.node import NodeRecord, TaskRecord, TaskState
from scheduler.core.state.operation import OperationState, StepState, is_live

_BAD_OPERATIONS = {"OPERATION_ERROR", "OPERATION_FAILED", "OPERATION_DROPPED"}
MESSAGE_LIMIT = 500
# The most that are kept in memory: an agent can name as many tasks and operations as it likes.
STRAYS, REFUSALS = 10_000, 1_000
_EXECUTOR = "its executor ended"
# Addresses become parts of other nodes' files, of clients' files, and of sentences.
_ADDRESS = re.compile(r"[0-9A-Za-z._:-]{1,253}")


def fold_updates(state: ClusterState, events: Iterable[Event], now: float) -> ClusterState:
    """Return the state after these events, applied in their order at `now`; each map is copied once."""
    taken = list(events)
    if not taken:
        return state
    fold = _Fold(state, now)
    for event in taken:
        fold.take(event)
    return fold.result()


class _Fold:
    """The state while a batch of events is folded, with maps to write to."""

    def __init__(self, state: ClusterState, now: float) -> None:
        self._state = state
        self._now = now
        self._nodes = dict(state.nodes)
        self._sightings = dict(state.sightings)
        self._strays = dict(state.memory.strays)
        self._asked: dict[str, Asked] = dict(state.memory.asked)
        self._pending = set(state.reconciliation.pending)
        self._steps = dict(state.steps)
        self._jobs = dict(state.jobs)
        live = {operation.id for operation in state.operations.values() if is_live(operation)}
        self._keys = {
            step.task.id: key
            for key, step in state.steps.items()
            if step.task and step.operation in live and expects(step)
        }

    def take(self, event: Event) -> None:
        match event:
            case TaskUpdate():
                self._task(event)
            case StatusReply():
                self._reply(event)
            case JobReport():
                self._report(event)
            case Answer():
                self._state = fold_answer(self._state, event)
            case OperationUpdate():
                self._operation(event)
            case ExecutorEnded():
                self._executor(event)
            case ExecutorWords():
                self._words(event)
            case Registered():
                self._register(event)
            case Disconnected():
                self._state = replace(self._state, registered=False)

    def result(self) -> ClusterState:
        state, pending = self._state, frozenset(self._pending)
        progress = state.reconciliation
        return replace(
            state,
            nodes=self._nodes,
            sightings=self._sightings,
            steps=self._steps,
            jobs=self._jobs,
            reconciliation=progress if pending == progress.pending else replace(progress, pending=pending),
            memory=replace(state.memory, strays=self._strays, asked=self._asked),
        )

    def _current(self, task_id: str) -> NodeRecord | None:
        node = self._nodes.get(node_of_task(task_id))
        return node if node is not None and node.task is not None and node.task.id == task_id else None

    def _task(self, update: TaskUpdate) -> None:
        node = self._current(update.task_id)
        if node is not None and is_disowned(node):
            node = take_back(node, update.agent_id) if update.state in LIVE else None
        if node is None:
            if update.task_id in self._keys:
                self._job(self._keys[update.task_id], update)
            else:
                self._note_stray(update)
            return
        if not _is_from(update, node):
            return
        self._pending.discard(node.name)
        status = _status_of(update)
        after = advance(node, update, status, self._now)
        if after is not self._nodes[node.name]:
            self._nodes[node.name] = after
        if not may_live(after):
            self._sightings.pop(node.name, None)
            self._asked.pop(node.name, None)
        elif status is not None:
            self._see(after, status)

    def _reply(self, reply: StatusReply) -> None:
        node = self._current(reply.task_id)
        if node is None or not may_live(node):
            return
        self._pending.discard(node.name)
        status = _with_address(reply.status)
        if (task := node.known_task).state in UNSEEN:  # its executor answered, so the task lives
            node = _with_state(node, task, TaskState.RUNNING, "", "the executor answered", self._now)
        self._nodes[node.name] = learn(node, status)
        before, asked = self._sightings.get(node.name), self._asked.get(node.name)
        self._see(self._nodes[node.name], status)
        offset = clock_offset(reply.clock, asked, self._now, 0.0 if before is None else before.clock_offset)
        self._sightings[node.name] = replace(self._sightings[node.name], clock_offset=offset)

    def _see(self, node: NodeRecord, status: NodeStatus) -> None:
        found = _sighting(self._sightings.get(node.name), node.known_task.id, status, self._now)
        was_away = (known := self._state.nodes.get(node.name)) is not None and known.missing is not None
        self._sightings[node.name] = replace(found, mode_since=self._now) if was_away else found
        if (asked := self._asked.get(node.name)) is not None:
            self._asked[node.name] = Asked(asked.at)

    def _job(self, key: str, update: TaskUpdate) -> None:
        before = self._steps[key]
        if not expects(before) or (before.task and update.agent_id not in (None, before.task.agent_id)):
            return
        self._strays.pop(update.task_id, None)
        operation = self._state.operations.get(before.kind)
        stopping = operation is not None and operation.state is OperationState.STOPPING
        after = advance_job(before, update, stopping, self._now)
        self._steps[key] = after
        if after.state is not StepState.RUNNING:
            self._jobs.pop(key, None)

    def _report(self, report: JobReport) -> None:
        key = self._keys.get(report.task_id)
        if key is None or self._steps[key].state is not StepState.RUNNING or not is_sound(report.progress):
            return
        self._jobs[key] = JobSighting(report.task_id, report.progress, self._now)
        task = self._steps[key].task
        if task is not None and task.state in UNSEEN:  # its executor reported, so the job lives
            self._steps[key] = replace(self._steps[key], task=replace(task, state=TaskState.RUNNING))

    def _operation(self, update: OperationUpdate) -> None:
        if (released := parse_release(update.operation_id)) is not None:
            self._release(*released, update)
            return
        kind, task_id = operation_task(update.operation_id)
        node = self._current(task_id)
        if node is None or node.task is None or update.state not in _BAD_OPERATIONS:
            return
        words = f"{kind} refused: {update.message or update.state}"
        task, failures = node.task, node.failures
        if task.state not in ENDED:
            task = replace(task, message=shorten(f"{task.message}\n{words}", MESSAGE_LIMIT))
        elif words not in failures.message:
            # The launch has failed already, with a less specific message: this is its cause.
            failures = replace(failures, message=shorten(f"{failures.message}\n{words}"))
        self._nodes[node.name] = replace(node, task=task, failures=failures)

    def _executor(self, ended: ExecutorEnded) -> None:
        """Record the exit of an executor that sent no last update of its task; a clean exit explains nothing."""
        node = self._nodes.get(node_of_executor(ended.executor_id))
        if node is None or node.task is None or node.task.executor_id != ended.executor_id or ended.status == 0:
            return
        words = f"{_EXECUTOR} {describe_wait_status(ended.status)}"
        if node.task.state not in ENDED:
            task = replace(node.task, message=shorten(f"{node.task.message}\n{words}", MESSAGE_LIMIT))
            self._nodes[node.name] = replace(node, task=task)
        elif node.task.reason == "REASON_EXECUTOR_TERMINATED":
            self._nodes[node.name] = _add_words(node, words)

    def _words(self, event: ExecutorWords) -> None:
        node = self._current(event.task_id)
        if node is not None and node.task is not None and node.task.state is TaskState.FAILED:
            self._nodes[node.name] = _add_words(node, event.words)

    def _release(self, kind: str, resource_id: str, attempt: str, update: OperationUpdate) -> None:
        """Record why a release was refused: a refused DESTROY is the cause of the refused UNRESERVE after it."""
        refused = dict(self._state.memory.refused)
        before = refused.get(resource_id)
        if update.state not in _BAD_OPERATIONS:
            refused.pop(resource_id, None)
        elif (before is None and len(refused) < REFUSALS) or (before is not None and before.attempt != attempt):
            words = shorten(f"{kind} refused: {update.message or update.state}")
            refused[resource_id] = Refused(words, self._now, attempt)
        self._state = replace(self._state, memory=replace(self._state.memory, refused=refused))

    def _register(self, event: Registered) -> None:
        self._state = replace(
            self._state,
            framework_id=event.framework_id,
            registered=True,
            suppressed=False,
            reconciliation=Reconciliation(started=True, next_at=self._now, requested_at=self._now),
            memory=replace(self._state.memory, wanted=frozenset(), revivals=0, implicit_at=0.0, probe_at=0.0),
        )
        self._pending = {node.name for node in self._nodes.values() if may_live(node)}
        self._asked.clear()

    def _note_stray(self, update: TaskUpdate) -> None:
        """Keep a live task that no record names as its newest, for `decide` to judge."""
        if update.state not in LIVE:
            self._strays.pop(update.task_id, None)
            return
        if update.task_id not in self._strays and len(self._strays) >= STRAYS:
            return
        before = self._strays.get(update.task_id) or Stray(None, update.state, seen_at=self._now)
        self._strays[update.task_id] = replace(before, agent_id=update.agent_id, state=update.state)


def _is_from(update: TaskUpdate, node: NodeRecord) -> bool:
    """Return whether an update comes from the agent of the node's task: the master passes on what any agent sends."""
    return update.agent_id is None or node.agent is None or update.agent_id == node.agent.id


def _sighting(before: Sighting | None, task_id: str, status: NodeStatus, now: float) -> Sighting:
    """Return the sighting of a status; without figures of its own it keeps those of the same task."""
    figures, status = status.figures, replace(status, figures=None, certificate=_certificate(status.certificate))
    same = before if before is not None and before.task_id == task_id else None
    known: Mapping[str, float] = {} if same is None else same.blind_since
    blind = {address: known.get(address, now) for address in status.unreachable}
    since = now if same is None or same.status.mode != status.mode else same.mode_since
    if figures is not None and is_sound_figures(figures):
        offset = 0.0 if before is None else before.clock_offset
        return Sighting(task_id, status, now, figures, now, offset, blind, since)
    if same is None:
        return Sighting(task_id, status, now, blind_since=blind, mode_since=since)
    return replace(same, status=status, at=now, blind_since=blind, mode_since=since)


def _with_address(status: NodeStatus) -> NodeStatus:
    """Return the status without an address that is none, such as one of two lines."""
    return status if _ADDRESS.fullmatch(status.endpoint or "-") else replace(status, endpoint=None)


def _certificate(facts: CertificateFacts | None) -> CertificateFacts | None:
    """Return what can be shown: health checks and events name the times of a certificate."""
    if facts is None or (has_date(facts.not_before) and has_date(facts.not_after)):
        return facts
    return CertificateFacts(problem="its executor reports a certificate with times that no date can hold")


def advance(node: NodeRecord, update: TaskUpdate, status: NodeStatus | None, now: float) -> NodeRecord:
    """Return the node after an update of its newest task; the same object if nothing changes."""
    task = node.known_task
    if update.state is not task.state and _believed(task.state, update.state):
        node = _with_state(node, task, update.state, update.reason, update.message, now)
        if update.state in ENDED:
            known = any(word in task.message for word in ("refused: ", _EXECUTOR))
            node = _end(node, update, now, (_error(status), task.message if known else ""))
        elif update.state in (TaskState.STARTING, TaskState.RUNNING):
            node = _show_reservation(node)
    if status is not None and may_live(node):
        node = learn(node, status)
    return node


def learn(node: NodeRecord, status: NodeStatus) -> NodeRecord:
    """Return the node with the mode, host id and address of a status; the same object if nothing changes."""
    host_id, address = status.host_id or node.host_id, status.endpoint or node.address
    if (status.mode, host_id, address, None) == (node.mode, node.host_id, node.address, node.missing):
        return node
    return replace(node, mode=status.mode, host_id=host_id, address=address, missing=None)


def _add_words(node: NodeRecord, words: str) -> NodeRecord:
    """Return the node with more text on its last failure, unless the failure has it already."""
    known = node.failures
    if not known.count or words in known.message:
        return node
    return replace(node, failures=replace(known, message=shorten(f"{known.message}\n{words}")))


def describe_wait_status(status: int) -> str:
    """Return Mesos' raw wait status in words, such as `with exit code 1`; -1 if the agent could not read it."""
    if status < 0:
        return "in a way that its agent does not know"
    return f"with exit code {status >> 8}" if status & 0x7F == 0 else f"by signal {status & 0x7F}"


def _believed(before: TaskState, after: TaskState) -> bool:
    if before in FINAL:
        return after is TaskState.GONE_BY_OPERATOR
    if before in PRESUMED:
        return after in LIVE or after is TaskState.GONE_BY_OPERATOR
    if before in LIVE and after in LIVE:
        return LIVE_ORDER[after] > LIVE_ORDER[before]
    return True


def _with_state(
    node: NodeRecord, task: TaskRecord, state: TaskState, reason: str, message: str, now: float
) -> NodeRecord:
    words = shorten(message, MESSAGE_LIMIT)
    return replace(node, task=replace(task, state=state, reason=reason, message=words, updated_at=now))


def _end(node: NodeRecord, update: TaskUpdate, now: float, more: tuple[str, ...]) -> NodeRecord:
    node = replace(node, mode="UNKNOWN", missing=None)
    if update.state in (TaskState.FAILED, TaskState.FINISHED, TaskState.KILLED):  # it has been on its agent
        node = _show_reservation(node)
    if update.state not in BLAMED:
        return node
    words = "\n".join(part for part in dict.fromkeys((update.message, *more)) if part)
    return add_failure(node, update.state, words or update.reason or update.state.value, now)


def _error(status: NodeStatus | None) -> str:
    return status.error or "" if status is not None else ""


def _show_reservation(node: NodeRecord) -> NodeRecord:
    if node.reservation is None or node.reservation.seen:
        return node
    return replace(node, reservation=replace(node.reservation, seen=True))


def _status_of(update: TaskUpdate) -> NodeStatus | None:
    if not update.data:
        return None
    try:
        return _with_address(parse_status(update.data))
    except ProtocolError:  # of another version: a status query follows, and the state of the task counts anyway
        return None
