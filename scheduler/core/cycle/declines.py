"""Concern: decline unused offers, suppress them while nothing needs one, and revive them for new work."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.cycle.decision import Decline
from scheduler.core.cycle.workspace import Cycle, no_work
from scheduler.core.mesos.subscription import NOT_RECONCILED
from scheduler.core.state.cluster import Memory
from scheduler.core.state.reason import Code, Reason

UNRECONCILED_SECONDS = 5.0
IDLE_SECONDS = 3600.0
# Between two revives; and until a revive that no offer followed is repeated.
REVIVE_PAUSE = 1.0
REVIVE_AGAIN = 30.0
REVIVE_LONGEST = 600.0


def declines(cycle: Cycle) -> tuple[Decline, ...]:
    """Return a decline for every unused offer, with the reason and the seconds for which Mesos withholds it."""
    if not cycle.state.reconciliation.complete:
        waiting = Reason(Code.NOT_RECONCILED, NOT_RECONCILED)
        default = (waiting, UNRECONCILED_SECONDS)
    else:
        default = (no_work(), IDLE_SECONDS)
    found = []
    for agent_id, offer in cycle.offers.items():
        reason, seconds = cycle.verdicts.get(agent_id, default)
        found += [Decline(name, f"{reason.code}: {reason.sentence}", seconds) for name in offer.ids]
    return tuple(found)


def call(cycle: Cycle) -> None:
    """Suppress offers if nothing needs one, revive them for new needs; repeat a revive that no offer follows."""
    memory = cycle.state.memory
    if cycle.heard_offers:
        memory = replace(memory, revivals=0, heard_at=cycle.now)
    if not cycle.wanted:
        cycle.suppress = cycle.state.reconciliation.complete and not cycle.state.suppressed
        if memory.wanted or memory.revivals:
            memory = replace(memory, wanted=frozenset(), revivals=0)
    elif _is_due(cycle, memory):
        cycle.revive = True
        again = memory.revivals + 1 if cycle.wanted <= memory.wanted else 0
        memory = replace(memory, wanted=frozenset(cycle.wanted), revived_at=cycle.now, revivals=again)
    elif not memory.wanted <= cycle.wanted:
        memory = replace(memory, wanted=memory.wanted & cycle.wanted)
    suppressed = (cycle.state.suppressed or cycle.suppress) and not cycle.revive
    if suppressed != cycle.state.suppressed or memory is not cycle.state.memory:
        cycle.replace_state(replace(cycle.state, suppressed=suppressed, memory=memory))


def _is_due(cycle: Cycle, memory: Memory) -> bool:
    since = cycle.now - memory.revived_at
    if cycle.state.suppressed or not cycle.wanted <= memory.wanted:
        return since >= REVIVE_PAUSE
    if memory.heard_at > memory.revived_at:
        return since >= REVIVE_LONGEST
    return since >= min(REVIVE_LONGEST, REVIVE_AGAIN * 2.0 ** min(memory.revivals, 8))
