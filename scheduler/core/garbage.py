"""Concern: reservations of this cluster that no record knows, reported for a while and then released.

Only those labelled with this cluster's id count: another service of the same role and principal may hold others. None
is released before Mesos has spoken of every task, and not before this scheduler has known of it for the whole time of
grace: a restart begins it anew.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.cycle import Cycle
from scheduler.core.decision import Accept
from scheduler.core.offers import CLUSTER_ID, Held, Offer
from scheduler.core.reasons import Code, Reason
from scheduler.core.release import known_reservations, release_operations
from scheduler.core.state import ClusterState, Garbage

LOOK_SECONDS = 60.0
# An offer that was made before a launch, or a release, may show what is not there any more.
SETTLE_SECONDS = 10.0


def collect_garbage(cycle: Cycle) -> None:
    """Note what offers show that nobody knows, and give back what was known for long enough."""
    known = known_reservations(cycle.state)
    found = dict(cycle.state.memory.garbage)
    for offer in list(cycle.offers.values()):
        shown = {name: held for name, held in offer.held.items() if name not in known and _is_ours(cycle.state, held)}
        for name, held in shown.items():
            before = found.get(name)
            since = cycle.now if before is None else before.since
            volumes = tuple(sorted(held.volumes))
            found[name] = Garbage(name, offer.agent.id, offer.agent.hostname, volumes, since, cycle.now)
        _release(cycle, offer, shown, found)
    found = {name: item for name, item in found.items() if name not in known and not _is_gone(cycle, item)}
    if found != cycle.state.memory.garbage:
        cycle.replace_state(replace(cycle.state, memory=replace(cycle.state.memory, garbage=found)))
    for item in found.values():
        if is_due(cycle.state, item, cycle.now):
            cycle.wanted.add(f"release of {item.id}")


def is_due(state: ClusterState, item: Garbage, now: float) -> bool:
    """Whether its time of grace is over."""
    return now - item.since >= max(state.policy.garbage_grace_seconds, SETTLE_SECONDS)


def _release(cycle: Cycle, offer: Offer, shown: dict[str, Held], found: dict[str, Garbage]) -> None:
    """One reservation of an offer at a time: the next offer shows the others."""
    for name, held in shown.items():
        if not is_due(cycle.state, found[name], cycle.now):
            cycle.judge(offer, Reason(Code.GARBAGE, f"no record knows the reservation {name}"), LOOK_SECONDS)
            continue
        if operations := release_operations(held, destroy=True):
            cycle.use(offer, Accept(_label(name), offer.ids, operations))
            return


def _label(name: str) -> str:
    return f"the unknown reservation {name}"


def _is_ours(state: ClusterState, held: Held) -> bool:
    return bool(state.cluster_id) and held.label(CLUSTER_ID) == state.cluster_id


def _is_gone(cycle: Cycle, item: Garbage) -> bool:
    """Its agent's offers have come, and do not show it any more."""
    return item.agent_id in cycle.agents and item.seen_at < cycle.now
