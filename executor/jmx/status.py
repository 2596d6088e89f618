"""The status of a Cassandra process, read over Jolokia, as a NodeStatus."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from executor.jmx.jolokia import ENDPOINT_SNITCH, FAILURE_DETECTOR, STORAGE_SERVICE, Attribute, Jolokia, JolokiaError
from executor.jmx.replication import Replication
from executor.protocol import NodeStatus

PAUSED = "PAUSED"
UNKNOWN = "UNKNOWN"
STARTING = "STARTING"
# Cassandra still reports NORMAL after it has stopped its gossip, as its failure policies do.
ISOLATED = "ISOLATED"
# A stream of the join broke. Cassandra goes on running without a place in the ring.
JOINING_FAILED = "JOINING_FAILED"

_STORAGE_SERVICE = (
    "OperationMode", "Joined", "NativeTransportRunning", "Initialized", "GossipRunning", "LocalHostId", "Tokens",
    "ReleaseVersion", "SchemaVersion", "LiveNodes", "UnreachableNodes", "JoiningNodes",
)  # fmt: skip
_SNITCH = ("Datacenter", "Rack")
_LOAD = Attribute("org.apache.cassandra.metrics:type=Storage,name=Load", "Count")
_PHI = Attribute(FAILURE_DETECTOR, "PhiValues")
# Cassandra marks a peer as down at 8, after some 18 s without a message (after half of that soon after a start). At a
# fifth of it, the scheduler queries that peer's executor, which answers while its Cassandra only pauses.
_DOUBT = 1.5
_WANTED = tuple(
    [Attribute(STORAGE_SERVICE, name) for name in _STORAGE_SERVICE]
    + [Attribute(ENDPOINT_SNITCH, name) for name in _SNITCH]
    + [_LOAD, _PHI]
)


def poll(jolokia: Jolokia, timeout: float, address: str = "") -> NodeStatus:
    """Poll Cassandra. Never raises: without an answer, the mode is UNKNOWN and `error` the cause."""
    try:
        values = jolokia.read(_WANTED, timeout)
    except JolokiaError as error:
        return NodeStatus(mode=UNKNOWN, endpoint=address or jolokia.address, error=str(error))
    load = values.get(_LOAD)
    status = interpret({item.name: value for item, value in values.items()}, address or jolokia.address)
    return replace(status, load_bytes=load if type(load) is int and load >= 0 else None)


def interpret(values: Mapping[str, Any], address: str) -> NodeStatus:
    """Return the NodeStatus for attribute values by name. An attribute without a value keeps its default.

    Without a mode the storage service is not registered yet: Cassandra is starting. A peer that is up counts as live
    once this node knows it as a member: until then this node still serves its ranges.
    """
    joining = _texts(values, "JoiningNodes")
    mode = _text(values, "OperationMode") or STARTING
    return NodeStatus(
        mode=ISOLATED if mode == "NORMAL" and values.get("GossipRunning") is False else mode,
        joined=values.get("Joined") is True,
        native_transport_running=values.get("NativeTransportRunning") is True,
        gossip_initialized=values.get("Initialized") is True,
        gossip_running=values.get("GossipRunning") is True,
        host_id=_text(values, "LocalHostId"),
        endpoint=address,
        token_count=len(_texts(values, "Tokens")),
        data_center=_text(values, "Datacenter"),
        rack=_text(values, "Rack"),
        version=_text(values, "ReleaseVersion"),
        schema=_text(values, "SchemaVersion"),
        live=tuple(peer for peer in _texts(values, "LiveNodes") if peer not in joining),
        unreachable=_texts(values, "UnreachableNodes"),
        doubted=tuple(peer for peer in _texts(values, "LiveNodes") if peer in _suspects(values.get(_PHI.name))),
    )


def _suspects(values: Any) -> set[str]:
    """Return the addresses from which Cassandra's failure detector has received nothing for some seconds."""
    rows = values.values() if isinstance(values, dict) else ()
    found = [row for row in rows if isinstance(row, dict) and isinstance(row.get("PHI"), int | float)]
    return {str(row.get("Endpoint")).rpartition("/")[2] for row in found if row["PHI"] >= _DOUBT}


def with_process(status: NodeStatus, pid: int, volume: Path) -> NodeStatus:
    """Return the status with its process, and the free space on the disk of its volume."""
    try:
        disk = os.statvfs(volume)
    except OSError:
        return replace(status, pid=pid)
    return replace(status, pid=pid, room_bytes=disk.f_bavail * disk.f_frsize)


def with_replication(status: NodeStatus, found: Replication) -> NodeStatus:
    """Return the status with the replication; of the keyspaces that disregard racks it names one."""
    disregarding = next(iter(found.disregards_racks), None)
    return replace(
        status,
        most_replicas=found.most_replicas,
        disregards_racks=disregarding,
        auth_replicas=found.auth_replicas,
    )


def with_details(status: NodeStatus, errors: str, shortage: str) -> NodeStatus:
    """Return the status with the operator's information: Cassandra's errors if ISOLATED, and a lack of space.

    Args:
        status: The polled status.
        errors: The errors of Cassandra's log with which it became ISOLATED.
        shortage: A sentence about the disk; empty if there is enough space.
    """
    words = [status.error or "", shortage]
    if status.mode == ISOLATED:
        words[:0] = ["Cassandra has stopped its gossip: restart it once the cause is gone", errors]
    return replace(status, error="\n".join(filter(None, words)) or None)


def without_sizes(status: NodeStatus) -> NodeStatus:
    """Return the status without the values that change all the time and are no news by themselves."""
    return replace(status, load_bytes=None, room_bytes=None)


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None


def _texts(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = values.get(name)
    return tuple(sorted(str(item) for item in value)) if isinstance(value, list) else ()
