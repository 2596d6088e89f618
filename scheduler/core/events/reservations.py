"""Events of reservations: enlarged, released, or found without a record; and those of an uninstall."""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.core.cycle.decision import Accept, Purpose
from scheduler.core.state.cluster import ClusterState, GarbageRecord
from scheduler.core.state.event import Entry, EntryKind
from scheduler.core.state.node import NodeRecord


def release_entries(accepts: Iterable[Accept], after: ClusterState, now: float) -> list[Entry]:
    """Return the events of offers that were accepted to reserve more or to release something."""
    found = []
    for accept in accepts:
        if accept.purpose is Purpose.GROW:
            found.append(_growth_entry(accept.node, after.nodes.get(accept.node), now))
        if accept.purpose is not Purpose.RELEASE:
            continue
        doing = ", ".join(str(operation["type"]) for operation in accept.operations)
        words = f"{accept.node}: its abandoned reservation is released: {doing}"
        if not accept.node:
            words = f"the reservation {accept.resource_id}, which no record knows, is released: {doing}"
        found.append(Entry(0, now, EntryKind.RELEASED, words, node=accept.node, subject=accept.resource_id))
    return found


def garbage_entries(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    """Return the events of reservations that no record knows."""
    if before.garbage is after.garbage:
        return []
    new = [record for name, record in after.garbage.items() if name not in before.garbage]
    return [Entry(0, now, EntryKind.GARBAGE, _garbage_sentence(record, after), subject=record.id) for record in new]


def uninstall_entry(principal: str, now: float) -> Entry:
    """Return the event of the begin of an uninstall."""
    words = "the service is being removed: tasks end, volumes are destroyed, reservations are released"
    return Entry(0, now, EntryKind.UNINSTALL, words, principal=principal)


def released_entries(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    """Return the events of the begin of an uninstall by a command, and of the release of all reservations."""
    if before.uninstall is None and after.uninstall is not None:
        return [uninstall_entry(after.uninstall.principal, now)]
    was = before.uninstall is not None and before.uninstall.released
    if after.uninstall is None or not after.uninstall.released or was:
        return []
    words = "all reservations are released: the framework is torn down, and its records are removed"
    left = after.uninstall.left
    cause = f"an operator excluded these by forceComplete: {', '.join(left)}" if left else ""
    return [Entry(0, now, EntryKind.UNINSTALL, words, cause=cause)]


def _garbage_sentence(record: GarbageRecord, state: ClusterState) -> str:
    if record.destroyed:
        return f"{record.hostname} offers a remnant of the released reservation {record.id}"
    volumes = f" and the volumes {', '.join(record.volumes)}" if record.volumes else ""
    grace = state.policy.garbage_grace_seconds
    then = "only reported" if grace is None else f"to be released after {grace:.0f} s"
    if state.uninstall is not None:
        then = "to be released"
    be = "are" if volumes else "is"
    return f"the reservation {record.id}{volumes} on {record.hostname} {be} in no node's record: {then}"


def _growth_entry(name: str, node: NodeRecord | None, now: float) -> Entry:
    subject = node.reservation.id if node is not None and node.reservation is not None else ""
    words = f"{name}: additional resources are reserved for it on its agent"
    return Entry(0, now, EntryKind.RESERVED, words, node=name, subject=subject)
