"""What was reserved in addition, given back, or found without an owner; and that the service is removed."""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.core.cycle.decision import Accept, Purpose
from scheduler.core.state.cluster import ClusterState, GarbageRecord
from scheduler.core.state.event import Entry, EntryKind
from scheduler.core.state.node import NodeRecord


def release_entries(accepts: Iterable[Accept], after: ClusterState, now: float) -> list[Entry]:
    """Offers that were taken to reserve more, or to give something back."""
    found = []
    for accept in accepts:
        if accept.purpose is Purpose.GROW:
            found.append(_grown(accept.node, after.nodes.get(accept.node), now))
        if accept.purpose is not Purpose.RELEASE:
            continue
        doing = ", ".join(str(operation["type"]) for operation in accept.operations)
        words = f"{accept.node}: what was reserved for it and is not needed is given back: {doing}"
        if not accept.node:
            words = f"the reservation {accept.resource_id}, which no record knows, is given back: {doing}"
        found.append(Entry(0, now, EntryKind.RELEASED, words, node=accept.node, subject=accept.resource_id))
    return found


def garbage_entries(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    """Reservations that no record knows: found, and gone."""
    if before.garbage is after.garbage:
        return []
    new = [record for name, record in after.garbage.items() if name not in before.garbage]
    return [Entry(0, now, EntryKind.GARBAGE, _found(record, after), subject=record.id) for record in new]


def uninstall_entry(principal: str, now: float) -> Entry:
    """That the service is being removed from now on."""
    words = "the service is being removed: tasks end, volumes are destroyed, reservations given back"
    return Entry(0, now, EntryKind.UNINSTALL, words, principal=principal)


def released_entries(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    """That nothing of the service is left but its records."""
    was = before.uninstall is not None and before.uninstall.released
    if after.uninstall is None or not after.uninstall.released or was:
        return []
    words = "nothing is reserved any more: the framework is torn down, and its records are removed"
    left = after.uninstall.left
    cause = f"an operator said that these are not to be waited for: {', '.join(left)}" if left else ""
    return [Entry(0, now, EntryKind.UNINSTALL, words, cause=cause)]


def _found(record: GarbageRecord, state: ClusterState) -> str:
    if record.destroyed:
        return f"more of the reservation {record.id}, which was given back, has turned up on {record.hostname}"
    volumes = f" and the volumes {', '.join(record.volumes)}" if record.volumes else ""
    grace = state.policy.garbage_grace_seconds
    then = "only reported" if grace is None else f"to be given back after {grace:.0f} s"
    if state.uninstall is not None:
        then = "to be given back"
    be = "are" if volumes else "is"
    return f"the reservation {record.id}{volumes} on {record.hostname} {be} in no node's record: {then}"


def _grown(name: str, node: NodeRecord | None, now: float) -> Entry:
    subject = node.reservation.id if node is not None and node.reservation is not None else ""
    words = f"{name}: more is reserved for it where it runs"
    return Entry(0, now, EntryKind.RESERVED, words, node=name, subject=subject)
