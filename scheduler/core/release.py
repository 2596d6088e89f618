"""Concern: give back reservations that nobody needs any more: abandoned before any task used them, or left behind.

Only what a record positively names as abandoned is released, never what is merely unknown: a record that was lost
must not cost a volume. And a volume is destroyed only if Mesos said that the launch which was to use it never ran, or
if its node was replaced; else it stays, while its ports, cpus and memory are given back.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.amounts import Share
from scheduler.core.cycle import Cycle
from scheduler.core.decision import Accept
from scheduler.core.offers import Held, Json, Offer
from scheduler.core.operations import Hold, build_destroy, build_unreserve, disk, ports, shares, without_volume
from scheduler.core.reasons import Code, Reason
from scheduler.core.state import Abandoned, ClusterState


def release(cycle: Cycle) -> None:
    """Destroy and unreserve what offers show of abandoned reservations."""
    kept = kept_reservations(cycle.state)
    for node in list(cycle.state.nodes.values()):
        for given_up in node.abandoned:
            if given_up.id in kept:
                continue
            offer = cycle.holder(given_up.id)
            if given_up.agent_id:
                _clear(cycle, node.name, given_up, offer)
            elif offer is not None and (operations := release_operations(offer.held[given_up.id], given_up.unused)):
                cycle.use(offer, Accept(node.name, offer.ids, operations))


def kept_reservations(state: ClusterState) -> set[str]:
    """The ids of what nodes hold, and of what they held before they are replaced."""
    nodes = state.nodes.values()
    kept = {node.reservation.id for node in nodes if node.reservation is not None}
    return kept | {node.intent.previous.reservation.id for node in nodes if node.intent and node.intent.previous}


def _clear(cycle: Cycle, name: str, given_up: Abandoned, offer: Offer | None) -> None:
    """What surely is on an agent is called for until it is gone from there."""
    node = cycle.state.nodes[name]
    others = tuple(other for other in node.abandoned if other != given_up)
    if offer is None and given_up.destroyed and given_up.agent_id in cycle.agents:
        cycle.update(replace(node, abandoned=others))
        return
    cycle.wanted.add(f"release of {given_up.id}")
    if offer is None:
        return
    held = offer.held[given_up.id]
    if not held.volumes and not given_up.destroyed:
        # Its node's task holds the volume still.
        cycle.judge(offer, Reason(Code.RESERVATION_PARTIAL, f"{name} leaves this agent, and has not ended there"), 5.0)
        return
    # Its agent may have come back under another id.
    seen = replace(given_up, destroyed=True, agent_id=offer.agent.id)
    cycle.update(replace(node, abandoned=(*others, seen)))
    cycle.use(offer, Accept(name, offer.ids, release_operations(held, destroy=True)))


def release_operations(held: Held, destroy: bool) -> tuple[Json, ...]:
    """What gives back all that an offer shows of a reservation; volumes stay unless they are to be destroyed."""
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
