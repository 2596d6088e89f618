"""Concern: report garbage at once, and release it after a grace period.

Only reservations with this cluster's own id in their label count: another service with the same role and principal may
have more. The record of a find, and with it the grace period, outlives this process. A reservation is released only
after reconciliation, and only if an offer shows that no task uses it. Unreadable records end the process earlier.
"""

from __future__ import annotations

import re
from dataclasses import replace

from scheduler.core.cycle.workspace import Cycle
from scheduler.core.mesos.offer import CLUSTER_ID, Held, Offer
from scheduler.core.mesos.resources import to_scalar
from scheduler.core.reservations.release import holders_of, is_used, known_reservations, release_offered
from scheduler.core.state.cluster import ClusterState, GarbageRecord, Need, NeedKind
from scheduler.core.state.reason import Code, Reason

# The scheduler revives offers this often to look for garbage: while it is idle, none arrive.
LOOK_EVERY = 6 * 3600.0
FIRST_LOOK = 600.0
SHORTEST_LOOK = 60.0
# The time until every agent's offer has arrived.
LOOK_SECONDS = 15.0
USED_SECONDS = 60.0
# The most records at a time; more garbage is found once these are gone.
LIMIT = 1000
# The form of this scheduler's ids; another text cannot name a record.
_RESOURCE_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


def note_garbage(cycle: Cycle) -> None:
    """Record reservations of this cluster that no record knows; forget those that a record does know."""
    if not (cycle.offers or cycle.state.garbage):
        return
    known = known_reservations(cycle.state)
    for record in list(cycle.state.garbage.values()):
        if record.id in known:
            cycle.remove(record)
    for offer in cycle.offers.values():
        for name, held in offer.held.items():
            if name in cycle.state.garbage:
                _add_shown(cycle, cycle.state.garbage[name], held)
            elif name not in known and is_ours(cycle.state, name, held) and _is_new(cycle.state, name):
                cycle.put(_new_record(cycle, offer, name, held))


def _add_shown(cycle: Cycle, record: GarbageRecord, held: Held) -> None:
    """Add another part that an offer shows, such as the volume beside an executor's share."""
    if record.destroyed or set(held.volumes) <= set(record.volumes):
        return
    volumes = tuple(sorted({*record.volumes, *held.volumes}))
    more = sum(float(item["scalar"]["value"]) for name, item in held.volumes.items() if name not in record.volumes)
    shown = replace(
        record,
        volumes=volumes,
        cpus=max(record.cpus, to_scalar(held.cpus)),
        memory_mb=max(record.memory_mb, to_scalar(held.mem)),
        disk_mb=record.disk_mb + more,
    )
    cycle.put(shown)


def collect_garbage(cycle: Cycle) -> None:
    """Release garbage after its grace period, until its agent's offers do not show it any more."""
    _revive_at_times(cycle)
    for record in list(cycle.state.garbage.values()):
        offer = cycle.holder(record.id)
        if offer is None and record.destroyed and _is_all_shown(cycle, record):
            cycle.remove(record)
            cycle.note_released(record.id)
        elif is_due(cycle.state, record, cycle.now):
            cycle.wanted.add(Need(NeedKind.RELEASE, record.id))
            if offer is not None:
                _release(cycle, record, offer)


def is_due(state: ClusterState, record: GarbageRecord, now: float) -> bool:
    """Return whether the grace period is over; it never is if GARBAGE_GRACE_S is 0."""
    if state.uninstall is not None or record.destroyed:
        return True
    grace = state.policy.garbage_grace_seconds
    return grace is not None and now - record.found_at >= grace


def is_ours(state: ClusterState, name: str, held: Held) -> bool:
    """Return whether the reservation carries this cluster's own id."""
    labelled = state.cluster_id is not None and held.label(CLUSTER_ID) == state.cluster_id
    return labelled and _RESOURCE_ID.fullmatch(name) is not None


def _is_new(state: ClusterState, name: str) -> bool:
    return name not in state.garbage and len(state.garbage) < LIMIT


def _is_all_shown(cycle: Cycle, record: GarbageRecord) -> bool:
    """Return whether the agent has offered all that is free, and no executor there can free more."""
    running = cycle.executors_at(record.agent_id, record.hostname)
    return cycle.has_offered(record.agent_id, record.hostname) and not running & set(record.executors)


def _new_record(cycle: Cycle, offer: Offer, name: str, held: Held) -> GarbageRecord:
    """Return the record of a find; a remnant of a released reservation has no volume that a task could use."""
    state, rest = cycle.state, name in cycle.state.released
    volumes = sum(float(volume["scalar"]["value"]) for volume in held.volumes.values())
    return GarbageRecord(
        id=name,
        agent_id=offer.agent.id,
        hostname=offer.agent.hostname,
        volumes=tuple(sorted(held.volumes)),
        cpus=to_scalar(held.cpus),
        memory_mb=to_scalar(held.mem),
        disk_mb=volumes + to_scalar(held.disk + sum(mount.size for mount in held.mounts)),
        found_at=cycle.now,
        destroyed=rest,
        executors=holders_of(state, name, offer.executor_ids) if rest else (),
    )


def _revive_at_times(cycle: Cycle) -> None:
    """Revive offers from time to time if nothing else does: garbage is visible only in offers."""
    memory = cycle.state.memory
    grace = cycle.state.policy.garbage_grace_seconds or LOOK_EVERY
    every = max(SHORTEST_LOOK, min(LOOK_EVERY, grace))
    # If the clock was set back, no time is further away than its period.
    look_at = cycle.now + min(FIRST_LOOK, every) if memory.look_at is None else min(memory.look_at, cycle.now + every)
    until = None if memory.look_until is None else min(memory.look_until, cycle.now + LOOK_SECONDS)
    if until is None and cycle.now >= look_at and not cycle.wanted:
        until = cycle.now + LOOK_SECONDS
    elif until is not None and cycle.now >= until:
        look_at, until = cycle.now + every, None
    if until is not None:
        cycle.wanted.add(Need(NeedKind.GARBAGE))
    if (look_at, until) != (memory.look_at, memory.look_until):
        cycle.replace_state(replace(cycle.state, memory=replace(memory, look_at=look_at, look_until=until)))


def _release(cycle: Cycle, record: GarbageRecord, offer: Offer) -> None:
    if is_used(cycle.state, record.id, offer) and not record.destroyed:
        # The task is unknown to every record too, and may still be useful.
        reason = Reason(Code.GARBAGE, f"no record knows the reservation {record.id}, but a task uses its disk")
        cycle.judge(offer, reason, USED_SECONDS)
        return
    # Its agent may have come back under another id.
    executors = holders_of(cycle.state, record.id, offer.executor_ids)
    seen = replace(record, destroyed=True, agent_id=offer.agent.id, hostname=offer.agent.hostname, executors=executors)
    cycle.put(seen)
    release_offered(cycle, "", record.id, offer, destroy=True)
