"""The credentials of jobs, sent to their executors. They leave the scheduler nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from executor.protocol import SecretQuery, SecretReply, encode_message
from scheduler.core.cycle.decision import Ask
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import JobTask, OperationRecord, is_live, needs_keys
from scheduler.core.state.operation_kinds import AUTHENTICATION, ROTATION
from scheduler.errors import NotConnectedError
from scheduler.loop.dispatch import Sender
from scheduler.loop.logins import completed, job_logins
from scheduler.security.sealing import SETTINGS, SealError
from scheduler.security.secrets import Secrets
from scheduler.security.superuser import read_superuser

logger = logging.getLogger(__name__)


class Credentials:
    """Replies to `SecretQuery`, to the job's executor only and only until its operation ends."""

    def __init__(self, sender: Sender, secrets: Secrets) -> None:
        self._sender = sender
        self._sealer = secrets.sealer
        self._keys = secrets.backup_keys
        self._superuser_file = secrets.superuser_file

    def answer(self, query: SecretQuery, state: ClusterState) -> None:
        """Send the credentials, or the reason why there are none. A query of an unknown task gets no reply."""
        found = _find(state, query.task_id)
        if found is None:
            logger.warning("credentials not sent: %s is no job of any operation", query.task_id)
            return
        operation, task = found
        reply = self._reply(operation, query.task_id, state)
        if reply.problem:
            logger.error("credentials not sent to %s: %s", query.task_id, reply.problem)
        try:
            self._sender.message(Ask(task.node, task.executor_id, task.agent_id, task.id), encode_message(reply))
        except NotConnectedError as error:  # the executor asks again
            logger.warning("%s", error)

    def _reply(self, operation: OperationRecord, task_id: str, state: ClusterState) -> SecretReply:
        if not is_live(operation) or not (operation.sealed or needs_keys(operation) or state.logins):
            return SecretReply(task_id, problem="no credentials are stored for this operation")
        if problem := self._keys.problem(operation.facts):
            return SecretReply(task_id, problem=problem)
        if operation.sealed and self._sealer is None:
            return SecretReply(task_id, problem=f"the credentials cannot be opened: {SETTINGS} is not set any more")
        # The keys of backups are stored nowhere: they follow from the files of keys each time.
        keys = self._keys.secrets if needs_keys(operation) else {}
        try:
            return SecretReply(task_id, {**self._values(operation, state), **keys})
        except SealError as error:
            return SecretReply(task_id, problem=str(error))
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) else error
            return SecretReply(task_id, problem=f"SECURITY_SUPERUSER_FILE {self._superuser_file}: {words}")

    def _values(self, operation: OperationRecord, state: ClusterState) -> Mapping[str, str]:
        """Return the request's credentials, with the service's own login if they hold none. Raises SealError."""
        if operation.kind in (AUTHENTICATION, ROTATION):
            operator = read_superuser(self._superuser_file)
            more = {} if operator is None else {"operator_username": operator[0], "operator_password": operator[1]}
            return {**job_logins(state, self._sealer, operation), **more}
        given: Mapping[str, str] = {}
        if operation.sealed and self._sealer is not None:
            given = self._sealer.open(operation.id, operation.sealed)
        return completed(given, state, self._sealer)


def _find(state: ClusterState, task_id: str) -> tuple[OperationRecord, JobTask] | None:
    for step in state.steps.values():
        if step.task is not None and step.task.id == task_id:
            operation = state.operations.get(step.kind)
            if operation is not None and operation.id == step.operation:
                return operation, step.task
    return None
