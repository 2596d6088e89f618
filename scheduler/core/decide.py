"""The one decision function: from the state and the offers to the calls and the next state."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from scheduler.core.cycle.clock import set_back
from scheduler.core.cycle.decision import Decision
from scheduler.core.cycle.declines import call, declines
from scheduler.core.cycle.reconciliation import kill_strays, reconcile
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.maintenance.cleanup import clean_up
from scheduler.core.maintenance.logins import secure
from scheduler.core.maintenance.run import maintain
from scheduler.core.mesos.offer import Offer
from scheduler.core.nodes.certificates import certify
from scheduler.core.nodes.decommission import depart
from scheduler.core.nodes.deploy import deploy, note_progress
from scheduler.core.nodes.intents import pursue
from scheduler.core.nodes.recovery import note_evidence, recover
from scheduler.core.nodes.replacement import replace_lost
from scheduler.core.nodes.rollout import roll_out
from scheduler.core.nodes.status_queries import ask
from scheduler.core.reservations.garbage import collect_garbage, note_garbage
from scheduler.core.reservations.release import release
from scheduler.core.reservations.uninstall import finish, give_up_nodes
from scheduler.core.ring.missing import note_missing
from scheduler.core.state.cluster import ClusterState

ALWAYS: tuple[Callable[[Cycle], None], ...] = (note_progress, note_garbage, reconcile)
RECONCILED: tuple[Callable[[Cycle], None], ...] = (
    note_evidence,
    note_missing,
    replace_lost,
    depart,
    roll_out,
    pursue,
    recover,
    deploy,
    clean_up,
    secure,
    maintain,
    certify,
    release,
    collect_garbage,
    kill_strays,
)
# During an uninstall.
REMOVED: tuple[Callable[[Cycle], None], ...] = (
    note_evidence,
    give_up_nodes,
    release,
    collect_garbage,
    kill_strays,
    finish,
)
LAST: tuple[Callable[[Cycle], None], ...] = (ask, call)


def decide(
    state: ClusterState, offers: Iterable[Offer], now: float, new_id: Callable[[], str]
) -> tuple[Decision, ClusterState]:
    """Return the decision, and the state to store before it is sent.

    Args:
        state: The state after the events and commands of this cycle.
        offers: Those received since the last cycle; each is either accepted or declined.
        now: The time, in seconds since the epoch.
        new_id: Returns an unused id at each call.

    While Mesos has not subscribed the framework, nothing is decided.
    """
    if not state.registered:
        return Decision(), state
    cycle = Cycle(set_back(state, now), offers, now, new_id)
    for concern in ALWAYS:
        concern(cycle)
    if cycle.state.reconciliation.complete:
        for concern in RECONCILED if state.uninstall is None else REMOVED:
            concern(cycle)
    for concern in LAST:
        concern(cycle)
    return cycle.result(declines(cycle))
