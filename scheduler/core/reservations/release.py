"""Concern: release reservations that no node needs: abandoned ones, unused or left behind.

Only a reservation that a record names as abandoned is released, never an unknown one: a lost record must not cost a
volume. A volume is destroyed only if Mesos reported that its launch never ran, or if its node was replaced. Otherwise
the volume stays, and only ports, cpus and memory are unreserved.

Mesos frees a task's resources with its last update, and those of its executor when that has ended. So a reservation is
released in as many parts as offers show. Once its volume was offered, no task can use the other parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from scheduler.core.cycle.decision import Accept, Purpose
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.mesos.offer import Held, Json, Offer
from scheduler.core.mesos.offer_operations import (
    DESTROY,
    UNRESERVE,
    Hold,
    build_destroy,
    build_unreserve,
    disk,
    ports,
    release_id,
    shares,
    without_volume,
)
from scheduler.core.mesos.resources import Share
from scheduler.core.state.cluster import ClusterState, Need, NeedKind, Refused
from scheduler.core.state.lifecycle import LIVE, previous_place
from scheduler.core.state.node import Abandoned
from scheduler.core.state.reason import Code, Reason

# The time between two attempts if Mesos refuses.
AGAIN_SECONDS = 60.0


def release(cycle: Cycle) -> None:
    """Destroy and unreserve the parts of abandoned reservations that offers show."""
    kept = kept_reservations(cycle.state)
    for node in list(cycle.state.nodes.values()):
        for abandoned in node.abandoned:
            if abandoned.id in kept:
                continue
            offer = cycle.holder(abandoned.id)
            if abandoned.agent_id:
                _clear(cycle, node.name, abandoned, offer)
            elif offer is not None:
                release_offered(cycle, node.name, abandoned.id, offer, destroy=abandoned.unused)


def kept_reservations(state: ClusterState) -> set[str]:
    """Return the ids of the nodes' reservations, with those of nodes that are being replaced."""
    nodes = state.nodes.values()
    kept = {node.reservation.id for node in nodes if node.reservation is not None}
    return kept | {previous.reservation.id for node in nodes if (previous := previous_place(node))}


def is_used(state: ClusterState, resource_id: str, offer: Offer) -> bool:
    """Return whether a task may use the reservation of which the offer shows a part.

    It may if neither the volume nor disk for one is offered, and an executor runs there that no other record knows.
    """
    held = offer.held[resource_id]
    shown = held.volumes or held.disk or held.mounts
    return not shown and bool(holders_of(state, resource_id, offer.executor_ids))


def holders_of(state: ClusterState, resource_id: str, executors: Iterable[str]) -> tuple[str, ...]:
    """Return the executors of an agent that may hold a part of this reservation.

    An executor of another node's reservation does not.
    """
    others = {
        node.task.executor_id
        for node in state.nodes.values()
        if node.task is not None and node.reservation is not None and node.reservation.id != resource_id
    }
    return tuple(sorted(set(executors) - others))


def may_never_have_been(state: ClusterState) -> bool:
    """Return whether a reservation that is not offered does not exist: during an uninstall, without live tasks."""
    return state.uninstall is not None and not any(stray.state in LIVE for stray in state.memory.strays.values())


def known_reservations(state: ClusterState) -> set[str]:
    """Return the ids of all reservations that the nodes' records name."""
    return kept_reservations(state) | {item.id for node in state.nodes.values() for item in node.abandoned}


def _clear(cycle: Cycle, name: str, abandoned: Abandoned, offer: Offer | None) -> None:
    """Release a reservation that surely is on its agent, until its offers do not show it any more."""
    node = cycle.state.nodes[name]
    others = tuple(other for other in node.abandoned if other != abandoned)
    surely = abandoned.destroyed or may_never_have_been(cycle.state)
    if offer is None and surely and _is_all_shown(cycle, abandoned):
        cycle.put(replace(node, abandoned=others))
        if abandoned.destroyed:
            cycle.note_released(abandoned.id)
        return
    cycle.wanted.add(Need(NeedKind.RELEASE, abandoned.id))
    if offer is None:
        return
    if is_used(cycle.state, abandoned.id, offer) and not abandoned.destroyed:
        # Its node's task still uses the volume.
        cycle.judge(
            offer, Reason(Code.RESERVATION_PARTIAL, f"{name} leaves this agent, but its task there has not ended"), 5.0
        )
        return
    # Its agent may have come back under another id.
    executors = holders_of(cycle.state, abandoned.id, offer.executor_ids)
    seen = replace(
        abandoned, destroyed=True, agent_id=offer.agent.id, hostname=offer.agent.hostname, executors=executors
    )
    cycle.put(replace(node, abandoned=(*others, seen)))
    release_offered(cycle, name, abandoned.id, offer, destroy=True)


def _is_all_shown(cycle: Cycle, abandoned: Abandoned) -> bool:
    """Return whether the agent has offered all that is free, and no executor there can free more."""
    if not cycle.has_offered(abandoned.agent_id, abandoned.hostname):
        return False
    running = cycle.executors_at(abandoned.agent_id, abandoned.hostname)
    known = abandoned.executors if abandoned.destroyed else holders_of(cycle.state, abandoned.id, running)
    return not running & set(known)


def release_offered(cycle: Cycle, name: str, resource_id: str, offer: Offer, destroy: bool) -> None:
    """Release what the offer shows of a reservation, unless Mesos has just refused that.

    `name` is the node's, or empty for garbage. With `destroy` its volumes are destroyed first.
    """
    refused = refusal(cycle.state, resource_id)
    if refused is not None and cycle.now - refused.at < AGAIN_SECONDS:
        cycle.judge(offer, Reason(Code.RELEASE_REFUSED, f"{resource_id}: {refused.words}"), AGAIN_SECONDS)
    elif operations := _operations(offer.held[resource_id], destroy, resource_id, cycle.new_id()):
        cycle.use(offer, Accept(Purpose.RELEASE, name, offer.ids, operations, resource_id=resource_id))


def refusal(state: ClusterState, resource_id: str) -> Refused | None:
    """Return Mesos' last refusal to release this reservation, None if there was none."""
    return state.memory.refused.get(resource_id)


def _operations(held: Held, destroy: bool, resource_id: str, unique: str) -> tuple[Json, ...]:
    """Return the operations that release what an offer shows; volumes stay without `destroy`."""
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
    unreserve = build_unreserve(release_id(UNRESERVE, resource_id, unique), resources)
    if not volumes:
        return (unreserve,)
    return (build_destroy(release_id(DESTROY, resource_id, unique), volumes), unreserve)
