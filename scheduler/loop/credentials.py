"""Gives an executor the credentials of the job that it runs: the only place where they leave the scheduler."""

from __future__ import annotations

import logging

from executor.protocol import SecretQuery, SecretReply, encode_message
from scheduler.core.cycle.decision import Ask
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import JobTask, OperationRecord, is_live
from scheduler.errors import NotConnectedError
from scheduler.loop.dispatch import Sender
from scheduler.security.sealing import SETTINGS, Sealer, SealError

logger = logging.getLogger(__name__)


class Credentials:
    """Answers to `SecretQuery`: to the executor that runs the job, and only while its operation is under way."""

    def __init__(self, sender: Sender, sealer: Sealer | None) -> None:
        self._sender = sender
        self._sealer = sealer

    def answer(self, query: SecretQuery, state: ClusterState) -> None:
        """Send them, or the reason why there are none. A query of a task that nobody knows has no answer."""
        found = _find(state, query.task_id)
        if found is None:
            logger.warning("credentials were asked for by a task that is no job of any operation: %s", query.task_id)
            return
        operation, task = found
        reply = self._reply(operation, query.task_id)
        if reply.problem:
            logger.error("%s gets no credentials: %s", query.task_id, reply.problem)
        try:
            self._sender.message(Ask(task.node, task.executor_id, task.agent_id, task.id), encode_message(reply))
        except NotConnectedError as error:  # it asks again
            logger.warning("%s", error)

    def _reply(self, operation: OperationRecord, task_id: str) -> SecretReply:
        if not operation.sealed or not is_live(operation):
            return SecretReply(task_id, problem="no credentials are kept for this operation")
        if self._sealer is None:
            return SecretReply(task_id, problem=f"the credentials cannot be opened: {SETTINGS} is not set any more")
        try:
            return SecretReply(task_id, self._sealer.open(operation.id, operation.sealed))
        except SealError as error:
            return SecretReply(task_id, problem=str(error))


def _find(state: ClusterState, task_id: str) -> tuple[OperationRecord, JobTask] | None:
    for step in state.steps.values():
        if step.task is not None and step.task.id == task_id:
            operation = state.operations.get(step.kind)
            if operation is not None and operation.id == step.operation:
                return operation, step.task
    return None
