"""The job `decommission`: this node streams its ranges to the others and leaves the ring.

Cassandra has no call to undo it. A node that is restarted before it has left is a member as before. Cassandra still
knows which ranges it had streamed, and a later decommission would leave them out. It would lose what was written since.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from executor.jmx import java_agent
from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, JolokiaError
from executor.jmx.replication import UNIMPORTANT
from executor.jmx.status import UNKNOWN
from executor.jobs import schema
from executor.jobs.blocking import LONGEST_SECONDS, call_watched
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress

_MODE = Attribute(STORAGE_SERVICE, "OperationMode")
_HOST_ID = Attribute(STORAGE_SERVICE, "LocalHostId")
_MEMBERS = Attribute(STORAGE_SERVICE, "EndpointToHostId")
_LEAVING, _LEFT, _FAILED = "LEAVING", "DECOMMISSIONED", "DECOMMISSION_FAILED"
_POLL_SECONDS = 1.0
_SECONDS = 15.0


def decommission(context: JobContext) -> Mapping[str, Any]:
    """Leave the ring; the result's `host_id` is that of the node that left. Raises JobError."""
    jolokia = context.node.jolokia
    try:
        host_id = jolokia.read([_HOST_ID], _SECONDS).get(_HOST_ID)
        if not context.launch.parameters.get("force", False):
            context.tell(JobProgress(doing="checking the replication of every keyspace"))
            _check_replicas(jolokia)
    except JolokiaError as error:
        raise JobError("check", str(error)) from error
    _start_anew(jolokia)
    leave = partial(jolokia.execute, STORAGE_SERVICE, "decommission(boolean)", [True], LONGEST_SECONDS)
    try:
        call_watched(leave, partial(_watch, context))
    except JolokiaError as error:
        if _mode(jolokia) != _LEFT:
            raise JobError("leave", f"{error}; restart the node to make it a member as before") from error
    _wait_left(context)
    return {"host_id": host_id}


def _wait_left(context: JobContext) -> None:
    """Wait while an earlier call still streams: Cassandra ends the next one at once. Raises JobError unless it left."""
    while (mode := _mode(context.node.jolokia)) in (_LEAVING, UNKNOWN):
        _watch(context)
        context.wait(_POLL_SECONDS)
    if mode != _LEFT:
        text = f"Cassandra ended the decommission in mode {mode}; restart the node to make it a member as before"
        raise JobError("leave", text)


def _start_anew(jolokia: Jolokia) -> None:
    """Have Cassandra forget the ranges that a stopped decommission has streamed. Raises JobError."""
    if _mode(jolokia) == _FAILED:  # the others still send it a copy of each write
        return
    try:
        jolokia.execute(java_agent.attach(jolokia, "Departure"), "forget", [], _SECONDS)
    except JolokiaError as error:
        text = f"Cassandra could not forget what an earlier decommission has streamed, and would leave it out: {error}"
        raise JobError("leave", text) from error


def _check_replicas(jolokia: Jolokia) -> None:
    """Raise JobError if a keyspace has more replicas than nodes would remain."""
    members = jolokia.read([_MEMBERS], _SECONDS).get(_MEMBERS)
    if not members or not isinstance(members, dict):
        raise JolokiaError("Cassandra does not report the members of the ring")
    left = len(members) - 1
    local = schema.key_spaces(jolokia)
    short = []
    for name in sorted(local):
        if local[name] or name in UNIMPORTANT:
            continue
        replicas = _replicas(jolokia, name)
        if replicas > left:
            short.append(f"{name} has {replicas} replicas")
    if short:
        raise JobError(
            "check",
            f"{left} nodes would be left, but {', '.join(short)}: alter the replication of these keyspaces first",
            hopeless=True,
        )


def _replicas(jolokia: Jolokia, key_space: str) -> int:
    ranges = jolokia.execute(STORAGE_SERVICE, "getRangeToEndpointMap", [key_space], _SECONDS)
    if not ranges or not isinstance(ranges, dict) or not all(isinstance(found, list) for found in ranges.values()):
        raise JolokiaError(f"Cassandra does not report the replicas of {key_space}")
    return max(len(endpoints) for endpoints in ranges.values())


def _watch(context: JobContext) -> None:
    context.check()
    context.tell(JobProgress(doing=f"streaming its ranges to the other nodes; mode {_mode(context.node.jolokia)}"))


def _mode(jolokia: Jolokia) -> str:
    try:
        return str(jolokia.read([_MODE], _SECONDS).get(_MODE))
    except JolokiaError:
        return UNKNOWN
