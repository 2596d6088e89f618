"""Concern: the service is removed for good: tasks end, volumes are destroyed, reservations given back.

No node leaves the ring before: all of it goes. A node whose task has ended is emptied in one write, and what it held
is released where it is offered, by the concerns `release` and `garbage`. Once no record names anything any more, and
for a while no offer has shown anything of this cluster, that is stored, and the framework is torn down.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.cycle.workspace import Cycle, end_task
from scheduler.core.nodes.replacement import give_up
from scheduler.core.reservations.garbage import is_ours
from scheduler.core.reservations.release import known_reservations
from scheduler.core.state.cluster import ClusterState, Need, NeedKind
from scheduler.core.state.lifecycle import LIVE, by_index, may_live
from scheduler.core.state.node import NodeRecord, TaskState

# So long nothing of this cluster may have been offered, while offers are called for.
CALM_SECONDS = 10.0


def give_up_nodes(cycle: Cycle) -> None:
    """End every task; empty the records of those that have ended."""
    for node in by_index(cycle.state.nodes.values()):
        if may_live(node):
            if node.task is not None and node.agent is not None:
                end_task(cycle, node.task, node.agent, "the service is removed")
        elif (empty := emptied(node)) != node:
            cycle.put(empty)


def emptied(node: NodeRecord) -> NodeRecord:
    """The node without anything; what it holds somewhere, as far as anyone knows, is to be released there.

    What may be anywhere is released if it turns up, and not waited for.
    """
    held = [replace(given_up, unused=True) for given_up in node.abandoned]
    if node.reservation is not None and node.agent is not None and not _is_gone(node):
        held.append(give_up(node.reservation, node.agent))
    previous = None if node.intent is None else node.intent.previous
    if previous is not None and not previous.gone:
        held.append(give_up(previous.reservation, previous.agent))
    return NodeRecord(index=node.index, abandoned=tuple(held), left=True)


def finish(cycle: Cycle) -> None:
    """Note that all is released, and have the framework torn down then."""
    record = cycle.state.uninstall
    assert record is not None
    if record.released:
        cycle.teardown = True
        return
    cycle.wanted.add(Need(NeedKind.UNINSTALL))
    since = cycle.state.memory.calm_since
    if not _is_calm(cycle):
        since = None
    elif since is None:
        since = cycle.now
    if since is not None and cycle.now - since >= CALM_SECONDS:
        cycle.teardown = True
        record = replace(record, released=True)
    memory = replace(cycle.state.memory, calm_since=since)
    cycle.replace_state(replace(cycle.state, memory=memory, uninstall=record))


def holds_nothing(node: NodeRecord) -> bool:
    """Whether its task has ended, and nothing is surely reserved for it any more."""
    surely = any(given_up.agent_id for given_up in node.abandoned)
    return not (may_live(node) or node.reservation is not None or node.intent is not None or surely)


def _is_calm(cycle: Cycle) -> bool:
    """Whether nothing of this cluster is known of, nor offered."""
    state = cycle.state
    known = known_reservations(state)
    shown = any(
        name in known or is_ours(state, name, held)
        for offer in cycle.offers.values()
        for name, held in offer.held.items()
    )
    strays = any(stray.state in LIVE for stray in state.memory.strays.values())
    return not (shown or strays or state.garbage) and all(holds_nothing(node) for node in state.nodes.values())


def _is_gone(node: NodeRecord) -> bool:
    """An agent that an operator removed takes its reservations with it."""
    return node.task is not None and node.task.state is TaskState.GONE_BY_OPERATOR


def forget_holdings(state: ClusterState, node: NodeRecord) -> ClusterState:
    """The state in which what this node holds somewhere is not waited for any more."""
    assert state.uninstall is not None
    left = (*state.uninstall.left, *(given_up.id for given_up in node.abandoned))
    after = replace(node, abandoned=())
    return replace(state, nodes={**state.nodes, node.name: after}, uninstall=replace(state.uninstall, left=tuple(left)))
