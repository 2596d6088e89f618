"""A clock that was set back: what lies ahead of it is taken for now, so that nothing waits until it has caught up.

One that jumps ahead needs nothing: what is due is done a little early, and all of it can be done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from scheduler.core.state.cluster import ClusterState, Memory, Stray
from scheduler.core.state.lifecycle import delay_after
from scheduler.core.state.node import Failures, Intent, NodeRecord, TaskRecord
from scheduler.core.state.operation import JobTask, StepRecord
from scheduler.core.state.operation import delay_after as job_delay_after

Key = TypeVar("Key")
Value = TypeVar("Value")
Task = TypeVar("Task", TaskRecord, JobTask)


def set_back(state: ClusterState, now: float) -> ClusterState:
    """The state as of `now`; the same where that is later than the last cycle.

    What has happened, happened at the latest just now; what is waited for takes at the most its whole pause from now.
    """
    if 0.0 < state.memory.at <= now:
        return state
    nodes = _each(state.nodes, lambda node: _node(node, now))
    steps = _each(state.steps, lambda step: _step(step, now))
    garbage = _each(state.garbage, lambda found: replace(found, found_at=min(found.found_at, now)))
    state = replace(state, nodes=nodes, steps=steps, garbage=garbage)
    # In its first cycle a process knows nothing but the records, which another clock may have written.
    return state if state.memory.at == 0.0 else _forget_ahead(state, now)


def _forget_ahead(state: ClusterState, now: float) -> ClusterState:
    """What only this process knows."""
    progress = state.reconciliation
    return replace(
        state,
        sightings=_each(state.sightings, lambda seen: replace(seen, at=now) if seen.at > now else seen),
        jobs=_each(state.jobs, lambda seen: replace(seen, at=now) if seen.at > now else seen),
        reconciliation=replace(
            progress, next_at=min(progress.next_at, now), requested_at=min(progress.requested_at, now)
        ),
        memory=_memory(state.memory, now),
    )


def _memory(memory: Memory, now: float) -> Memory:
    return replace(
        memory,
        strays=_each(memory.strays, lambda stray: _stray(stray, now)),
        asked=_each(memory.asked, lambda asked: replace(asked, at=min(asked.at, now))),
        told=_each(memory.told, lambda at: min(at, now)),
        refused=_each(memory.refused, lambda refused: replace(refused, at=min(refused.at, now))),
        calm_since=None if memory.calm_since is None else min(memory.calm_since, now),
        revived_at=min(memory.revived_at, now),
        heard_at=min(memory.heard_at, now),
        probe_at=min(memory.probe_at, now),
        implicit_at=min(memory.implicit_at, now),
    )


def _stray(stray: Stray, now: float) -> Stray:
    killed_at = stray.killed_at if stray.killed_at is None else min(stray.killed_at, now)
    return replace(stray, seen_at=min(stray.seen_at, now), killed_at=killed_at)


def _node(node: NodeRecord, now: float) -> NodeRecord:
    task = node.task if node.task is None else _task(node.task, now)
    failures = _failures(node.failures, now, delay_after)
    intent = node.intent if node.intent is None else _intent(node.intent, now)
    same = task is node.task and failures is node.failures and intent is node.intent
    return node if same else replace(node, task=task, failures=failures, intent=intent)


def _intent(intent: Intent, now: float) -> Intent:
    if intent.begun_at is None or intent.begun_at <= now:
        return intent
    return replace(intent, begun_at=now)


def _step(step: StepRecord, now: float) -> StepRecord:
    task = step.task if step.task is None else _task(step.task, now)
    failures = _failures(step.failures, now, job_delay_after)
    same = task is step.task and failures is step.failures
    return step if same else replace(step, task=task, failures=failures)


def _task(task: Task, now: float) -> Task:
    if task.launched_at <= now and task.updated_at <= now:
        return task
    return replace(task, launched_at=min(task.launched_at, now), updated_at=min(task.updated_at, now))


def _failures(failures: Failures, now: float, delay: Callable[[int], float]) -> Failures:
    latest = now + delay(failures.count)
    return failures if failures.not_before <= latest else replace(failures, not_before=latest)


def _each(values: Mapping[Key, Value], change: Callable[[Value], Value]) -> Mapping[Key, Value]:
    return {key: change(value) for key, value in values.items()}
