"""Offer operations and resources of Mesos as JSON, for one node's reservation, volume and launch.

Each offer operation has an id, so that Mesos reports why it refused one. Only LAUNCH has none: its task has updates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler.core.mesos.offer import CLUSTER_ID, RESOURCE_ID
from scheduler.core.mesos.resources import Share, to_ranges, to_scalar

Json = Mapping[str, Any]

VOLUME_PATH = "volume"
DESTROY, UNRESERVE = "destroy", "unreserve"


@dataclass(frozen=True)
class Hold:
    """An owner of resources: the reservation as JSON, and the role to which the resources are allocated."""

    reservations: tuple[Json, ...]
    role: str


def new_hold(role: str, principal: str, resource_id: str, cluster_id: str) -> Hold:
    """Return a new dynamic reservation.

    Args:
        role: The role for which the resources are reserved.
        principal: The principal that reserves them.
        resource_id: The reservation's own id, its first label.
        cluster_id: The cluster's id, its second label; empty for none.
    """
    own = [{"key": CLUSTER_ID, "value": cluster_id}] if cluster_id else []
    labels = {"labels": [{"key": RESOURCE_ID, "value": resource_id}, *own]}
    return Hold(({"type": "DYNAMIC", "role": role, "principal": principal, "labels": labels},), role)


def shares(hold: Hold, share: Share) -> list[Json]:
    """Return cpus and memory as resources, without amounts of zero: Mesos refuses empty resources."""
    amounts = (("cpus", share.cpus), ("mem", share.mem))
    return [_scalar(hold, name, amount) for name, amount in amounts if amount > 0]


def ports(hold: Hold, numbers: Iterable[int]) -> Json:
    """Return a ports resource."""
    ranges = [{"begin": low, "end": high} for low, high in to_ranges(numbers)]
    return _owned(hold, {"name": "ports", "type": "RANGES", "ranges": {"range": ranges}})


def disk(hold: Hold, size: int, source: Json | None) -> Json:
    """Return reserved disk without a volume; `size` in thousandths of MB, `source` only for a MOUNT disk."""
    resource = _scalar(hold, "disk", size)
    return resource if source is None else {**resource, "disk": {"source": source}}


def volume(hold: Hold, size: int, source: Json | None, volume_id: str, principal: str) -> Json:
    """Return a persistent volume, mounted into the sandbox as `volume`; `size` in thousandths of MB."""
    content: dict[str, Any] = {
        "persistence": {"id": volume_id, "principal": principal},
        "volume": {"mode": "RW", "container_path": VOLUME_PATH},
    }
    if source is not None:
        content["source"] = source
    return {**_scalar(hold, "disk", size), "disk": content}


def build_reserve(operation_id: str, resources: Iterable[Json]) -> Json:
    """Return a RESERVE of these resources."""
    return {"type": "RESERVE", "id": {"value": operation_id}, "reserve": {"resources": list(resources)}}


def build_create(operation_id: str, volumes: Iterable[Json]) -> Json:
    """Return a CREATE of these volumes."""
    return {"type": "CREATE", "id": {"value": operation_id}, "create": {"volumes": list(volumes)}}


def build_destroy(operation_id: str, volumes: Iterable[Json]) -> Json:
    """Return a DESTROY of these volumes."""
    return {"type": "DESTROY", "id": {"value": operation_id}, "destroy": {"volumes": list(volumes)}}


def build_unreserve(operation_id: str, resources: Iterable[Json]) -> Json:
    """Return an UNRESERVE of these resources."""
    return {"type": "UNRESERVE", "id": {"value": operation_id}, "unreserve": {"resources": list(resources)}}


def without_volume(volume_json: Json) -> Json:
    """Return the reserved disk that remains after the DESTROY of a volume."""
    source = volume_json["disk"].get("source")
    plain = {key: value for key, value in volume_json.items() if key != "disk"}
    return plain if source is None else {**plain, "disk": {"source": source}}


def build_launch(task: Json) -> Json:
    """Return a LAUNCH of one task."""
    return {"type": "LAUNCH", "launch": {"task_infos": [task]}}


def operation_id(kind: str, task_id: str) -> str:
    """Return the id of the RESERVE or CREATE of a launch, such as `reserve.node-0__<unique>`."""
    return f"{kind}.{task_id}"


def release_id(kind: str, resource_id: str, unique: str) -> str:
    """Return the id of a DESTROY or UNRESERVE, such as `destroy.<resource id>.<unique>`.

    `unique` tells the attempts apart, since a refused release is repeated.
    """
    return f"{kind}.{resource_id}.{unique}"


def parse_release(identifier: str) -> tuple[str, str, str] | None:
    """Return kind, resource id and unique part of an id of `release_id`; None for any other operation."""
    kind, _, rest = identifier.partition(".")
    resource_id, _, unique = rest.partition(".")
    return (kind, resource_id, unique) if kind in (DESTROY, UNRESERVE) else None


def operation_task(identifier: str) -> tuple[str, str]:
    """Return the kind and the task id of an id of `operation_id`."""
    kind, _, task_id = identifier.partition(".")
    return kind, task_id


def _scalar(hold: Hold, name: str, amount: int) -> Json:
    return _owned(hold, {"name": name, "type": "SCALAR", "scalar": {"value": to_scalar(amount)}})


def _owned(hold: Hold, resource: Json) -> Json:
    return {**resource, "reservations": list(hold.reservations), "allocation_info": {"role": hold.role}}
