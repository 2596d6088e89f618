"""Concern: reconcile every task with Mesos before anything is launched, killed as a stray, or released.

Explicit queries name the agent: otherwise Mesos does not find an unreachable one. After a master's restart an answer
can take minutes, and the queries are repeated. Any update of a task counts, TASK_UNREACHABLE too. Once all tasks are
reported, one implicit query (for all tasks) finds the strays; it is repeated every hour. In between, the scheduler
queries tasks that are in transition, or silent, for a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from scheduler.core.cycle.decision import Kill, Reconcile
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.mesos.task_info import node_of_task
from scheduler.core.state.cluster import Asked, ClusterState, Reconciliation, Stray
from scheduler.core.state.lifecycle import LIVE, UNSEEN, by_index, has_ended, is_disowned, may_live, task_agent
from scheduler.core.state.node import NodeRecord, TaskState
from scheduler.core.state.operation import JobTask, StepRecord, StepState
from scheduler.core.state.operation_kinds import KINDS

LONGEST_PAUSE = 30.0
IMPLICIT_EVERY = 3600.0
PROBE_EVERY = 30.0
PROBE_AFTER = 30.0
UNANSWERED_LIMIT = 3
KILL_AFTER = 5.0  # an agent that re-sends old updates can be about to send the last one
KILL_EVERY = 30.0
JOB_SILENCE = 60.0

_JOBS = frozenset(phase.job for kind in KINDS.values() for phase in kind.phases)
_UNSETTLED = UNSEEN | {TaskState.STAGING, TaskState.STARTING, TaskState.KILLING}


def reconcile(cycle: Cycle) -> None:
    """Decide on the query that is due, if one is."""
    progress = _awaited(cycle.state)
    if progress is not cycle.state.reconciliation:
        cycle.replace_state(replace(cycle.state, reconciliation=progress))
    if progress.pending:
        if cycle.now >= progress.next_at:
            cycle.reconcile = Reconcile(tuple(_pairs(cycle.state.nodes[name] for name in progress.pending)))
            attempts = progress.attempts + 1
            pause = min(LONGEST_PAUSE, 2.0 ** min(progress.attempts, 8))
            later = replace(progress, attempts=attempts, next_at=cycle.now + pause)
            cycle.replace_state(replace(cycle.state, reconciliation=later))
        return
    memory = cycle.state.memory
    if cycle.now >= memory.implicit_at:
        cycle.reconcile = Reconcile(())
        memory = replace(memory, implicit_at=cycle.now + IMPLICIT_EVERY)
    elif cycle.now >= memory.probe_at and (doubtful := _doubtful(cycle.state, cycle.now)):
        cycle.reconcile = Reconcile(tuple(doubtful))
        memory = replace(memory, probe_at=cycle.now + PROBE_EVERY)
    if memory is not cycle.state.memory:
        cycle.replace_state(replace(cycle.state, memory=memory))


def _awaited(state: ClusterState) -> Reconciliation:
    """Return the progress without nodes whose launch was given up meanwhile: Mesos is not asked for these."""
    progress = state.reconciliation
    left = frozenset(name for name in progress.pending if (node := state.nodes.get(name)) and may_live(node))
    return progress if left == progress.pending else replace(progress, pending=left)


def kill_strays(cycle: Cycle) -> None:
    """Kill live tasks whose node or step has a newer launch; repeated until they have ended.

    A task whose node has no record, or was never launched, stays: no record proves that it is superfluous.
    """
    strays = dict(cycle.state.memory.strays)
    for task_id, stray in sorted(strays.items()):
        reason = _why_superfluous(cycle.state, task_id)
        if reason is not None and _is_due(stray, cycle.now):
            grace = cycle.state.target.spec.executor.shutdown_grace_seconds
            cycle.kills.append(Kill(task_id, stray.agent_id, grace, reason))
            strays[task_id] = replace(stray, killed_at=cycle.now)
    if cycle.kills:
        cycle.replace_state(replace(cycle.state, memory=replace(cycle.state.memory, strays=strays)))


def _pairs(nodes: Iterable[NodeRecord]) -> list[tuple[str, str]]:
    found = ((node.task, task_agent(node)) for node in by_index(nodes))
    return [(task.id, agent.id) for task, agent in found if task and agent]


def _doubtful(state: ClusterState, now: float) -> list[tuple[str, str]]:
    nodes = [node for node in state.nodes.values() if _is_doubtful(state, node, now)]
    jobs = [
        (step.task.id, step.task.agent_id)
        for step in state.steps.values()
        if step.task is not None and step.state is StepState.RUNNING and _is_silent(state, step, step.task, now)
    ]
    return _pairs(nodes) + jobs


def _is_silent(state: ClusterState, step: StepRecord, task: JobTask, now: float) -> bool:
    """Return whether a job has sent no report, or is not known to run, for so long that Mesos has to be queried."""
    if task.state in _UNSETTLED:
        return now - task.updated_at >= PROBE_AFTER
    sighting = state.jobs.get(step.key)
    heard = task.updated_at if sighting is None or sighting.task_id != task.id else sighting.at
    return now - heard >= JOB_SILENCE


def _is_doubtful(state: ClusterState, node: NodeRecord, now: float) -> bool:
    task = node.task
    if task is None:
        return False
    if task.state in _UNSETTLED or _may_be_gone(node):
        return now - task.updated_at >= PROBE_AFTER
    return may_live(node) and state.memory.asked.get(node.name, Asked(0.0)).unanswered >= UNANSWERED_LIMIT


def _may_be_gone(node: NodeRecord) -> bool:
    """Return whether an operator may have marked the agent as gone on which the node is to be launched again.

    Mesos reports that of tasks that live; of one that has ended only if it is asked.
    """
    ended = has_ended(node) and node.known_task.state is not TaskState.GONE_BY_OPERATOR
    return ended and node.reservation is not None and node.reservation.seen


def _why_superfluous(state: ClusterState, task_id: str) -> str | None:
    name = node_of_task(task_id)
    if state.uninstall is not None:
        return "the service is removed"
    node = state.nodes.get(name)
    if node is not None and node.task is not None and node.task.id != task_id:
        return f"{name} has been launched anew since"
    if node is not None and is_disowned(node):
        return f"{name} has no place there any more"
    job, _, number = name.rpartition("-node-")
    # A job is recorded before it is launched: one without a step that waits for it was abandoned.
    if job in _JOBS and f"node-{number}" in state.nodes:
        return f"no step waits for the job {name} any more"
    return None


def _is_due(stray: Stray, now: float) -> bool:
    last, pause = (stray.seen_at, KILL_AFTER) if stray.killed_at is None else (stray.killed_at, KILL_EVERY)
    return stray.state in LIVE and now - last >= pause
