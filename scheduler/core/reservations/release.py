"""Concern: give back reservations that nobody needs any more: abandoned before any task used them, or left behind.

Only what a record positively names as abandoned is released, never what is merely unknown: a record that was lost
must not cost a volume. And a volume is destroyed only if Mesos said that the launch which was to use it never ran, or
if its node was replaced; else it stays, while its ports, cpus and memory are given back.

Mesos gives back what a task held with its last update, and what its executor held when that has ended: so a
reservation is released in as many parts as it is offered in. Once its volume was offered, no task can use the others.
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
from scheduler.core.state.lifecycle import LIVE
from scheduler.core.state.node import Abandoned
from scheduler.core.state.reason import Code, Reason

# Between two tries where Mesos refuses.
AGAIN_SECONDS = 60.0


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
            elif offer is not None:
                give_back(cycle, node.name, given_up.id, offer, destroy=given_up.unused)


def kept_reservations(state: ClusterState) -> set[str]:
    """The ids of what nodes hold, and of what they held before they are replaced."""
    nodes = state.nodes.values()
    kept = {node.reservation.id for node in nodes if node.reservation is not None}
    return kept | {node.intent.previous.reservation.id for node in nodes if node.intent and node.intent.previous}


def is_used(state: ClusterState, resource_id: str, offer: Offer) -> bool:
    """Whether a task may use what the offer shows a part of.

    Neither its volume nor the disk for one is offered, and an executor runs there of which no other record knows.
    """
    held = offer.held[resource_id]
    shown = held.volumes or held.disk or held.mounts
    return not shown and bool(holders_of(state, resource_id, offer.executor_ids))


def holders_of(state: ClusterState, resource_id: str, executors: Iterable[str]) -> tuple[str, ...]:
    """Those of the executors on an agent that may hold a part of this reservation: not a node's on another one."""
    others = {
        node.task.executor_id
        for node in state.nodes.values()
        if node.task is not None and node.reservation is not None and node.reservation.id != resource_id
    }
    return tuple(sorted(set(executors) - others))


def may_never_have_been(state: ClusterState) -> bool:
    """Whether what an agent does not offer is not there: while the service is removed, and no task of it is left."""
    return state.uninstall is not None and not any(stray.state in LIVE for stray in state.memory.strays.values())


def known_reservations(state: ClusterState) -> set[str]:
    """The ids of all that the nodes' records name."""
    return kept_reservations(state) | {item.id for node in state.nodes.values() for item in node.abandoned}


def _clear(cycle: Cycle, name: str, given_up: Abandoned, offer: Offer | None) -> None:
    """What surely is on an agent is called for until it is gone from there."""
    node = cycle.state.nodes[name]
    others = tuple(other for other in node.abandoned if other != given_up)
    surely = given_up.destroyed or may_never_have_been(cycle.state)
    if offer is None and surely and _is_all_shown(cycle, given_up):
        cycle.put(replace(node, abandoned=others))
        if given_up.destroyed:
            cycle.note_released(given_up.id)
        return
    cycle.wanted.add(Need(NeedKind.RELEASE, given_up.id))
    if offer is None:
        return
    if is_used(cycle.state, given_up.id, offer) and not given_up.destroyed:
        # Its node's task holds the volume still.
        cycle.judge(offer, Reason(Code.RESERVATION_PARTIAL, f"{name} leaves this agent, and has not ended there"), 5.0)
        return
    # Its agent may have come back under another id.
    executors = holders_of(cycle.state, given_up.id, offer.executor_ids)
    seen = replace(
        given_up, destroyed=True, agent_id=offer.agent.id, hostname=offer.agent.hostname, executors=executors
    )
    cycle.put(replace(node, abandoned=(*others, seen)))
    give_back(cycle, name, given_up.id, offer, destroy=True)


def _is_all_shown(cycle: Cycle, given_up: Abandoned) -> bool:
    """Whether the agent has offered all that is free there, and nothing is left that could give more back."""
    if not cycle.has_offered(given_up.agent_id, given_up.hostname):
        return False
    running = cycle.executors_at(given_up.agent_id, given_up.hostname)
    return not running & set(given_up.executors if given_up.destroyed else _unknown(cycle, given_up, running))


def _unknown(cycle: Cycle, given_up: Abandoned, running: set[str]) -> tuple[str, ...]:
    return holders_of(cycle.state, given_up.id, running)


def give_back(cycle: Cycle, name: str, resource_id: str, offer: Offer, destroy: bool) -> None:
    """Use the offer for it, unless Mesos has just refused that; `name` is the node's, or empty."""
    refused = refusal(cycle.state, resource_id)
    if refused is not None and cycle.now - refused.at < AGAIN_SECONDS:
        cycle.judge(offer, Reason(Code.RELEASE_REFUSED, f"{resource_id}: {refused.words}"), AGAIN_SECONDS)
    elif operations := _operations(offer.held[resource_id], destroy, resource_id, cycle.new_id()):
        cycle.use(offer, Accept(Purpose.RELEASE, name, offer.ids, operations, resource_id=resource_id))


def refusal(state: ClusterState, resource_id: str) -> Refused | None:
    """Why Mesos did not give this reservation back, as far as is known."""
    return state.memory.refused.get(resource_id)


def _operations(held: Held, destroy: bool, resource_id: str, unique: str) -> tuple[Json, ...]:
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
    unreserve = build_unreserve(release_id(UNRESERVE, resource_id, unique), resources)
    if not volumes:
        return (unreserve,)
    return (build_destroy(release_id(DESTROY, resource_id, unique), volumes), unreserve)
