"""Records whose times lie in the future, after the clock was set back: clamped to now, so that no back-off grows.

Each function returns the same record if none of its times has to change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from scheduler.core.state.cluster import GarbageRecord
from scheduler.core.state.lifecycle import delay_after
from scheduler.core.state.node import Failures, Intent, NodeRecord, TaskRecord
from scheduler.core.state.operation import JobTask, StepRecord
from scheduler.core.state.operation import delay_after as job_delay_after

Task = TypeVar("Task", TaskRecord, JobTask)


def clamp_node(node: NodeRecord, now: float) -> NodeRecord:
    """Return the node's record with no time after `now`, and with the whole back-off at most."""
    task = node.task if node.task is None else _task(node.task, now)
    failures = _failures(node.failures, now, delay_after)
    intent = node.intent if node.intent is None else _intent(node.intent, now)
    same = task is node.task and failures is node.failures and intent is node.intent
    return node if same else replace(node, task=task, failures=failures, intent=intent)


def clamp_step(step: StepRecord, now: float) -> StepRecord:
    """Return the step's record with no time of its job after `now`, and with the whole back-off at most."""
    task = step.task if step.task is None else _task(step.task, now)
    failures = _failures(step.failures, now, job_delay_after)
    same = task is step.task and failures is step.failures
    return step if same else replace(step, task=task, failures=failures)


def clamp_garbage(record: GarbageRecord, now: float) -> GarbageRecord:
    """Return the garbage as found at the latest now."""
    return record if record.found_at <= now else replace(record, found_at=now)


def _intent(intent: Intent, now: float) -> Intent:
    if intent.begun_at is None or intent.begun_at <= now:
        return intent
    return replace(intent, begun_at=now)


def _task(task: Task, now: float) -> Task:
    if task.launched_at <= now and task.updated_at <= now:
        return task
    return replace(task, launched_at=min(task.launched_at, now), updated_at=min(task.updated_at, now))


def _failures(failures: Failures, now: float, delay: Callable[[int], float]) -> Failures:
    latest = now + delay(failures.count)
    return failures if failures.not_before <= latest else replace(failures, not_before=latest)
