"""Concern: give back reservations that were abandoned before any task used them.

Only what a record positively names as abandoned is released, never what is merely unknown: a record that was lost
must not cost a volume. And a volume is destroyed only if Mesos said that the launch which was to use it never ran;
else it stays, while its ports, cpus and memory are given back.
"""

from __future__ import annotations

from scheduler.core.amounts import Share
from scheduler.core.cycle import Cycle
from scheduler.core.decision import Accept
from scheduler.core.offers import Held, Json
from scheduler.core.operations import Hold, build_destroy, build_unreserve, disk, ports, shares, without_volume


def release(cycle: Cycle) -> None:
    """Destroy and unreserve what offers show of abandoned reservations."""
    nodes = cycle.state.nodes.values()
    kept = {node.reservation.id for node in nodes if node.reservation is not None}
    for node in nodes:
        for given_up in node.abandoned:
            offer = cycle.holder(given_up.id)
            if offer is None or given_up.id in kept:
                continue
            if operations := _operations(offer.held[given_up.id], given_up.unused):
                cycle.use(offer, Accept(node.name, offer.ids, operations))


def _operations(held: Held, destroy: bool) -> tuple[Json, ...]:
    hold = Hold(held.reservations, str(held.reservations[-1]["role"]))
    resources = shares(hold, Share(held.cpus, held.mem))
    if held.ports:
        resources.append(ports(hold, (port for low, high in held.ports for port in range(low, high + 1))))
    if held.disk:
        resources.append(disk(hold, held.disk, None))
    resources += [disk(hold, mount.size, mount.source) for mount in held.mounts]
    volumes = list(held.volumes.values()) if destroy else []
    resources += [without_volume(item) for item in volumes]
    if not resources:
        return ()
    unreserve = build_unreserve(resources)
    return (build_destroy(volumes), unreserve) if volumes else (unreserve,)
