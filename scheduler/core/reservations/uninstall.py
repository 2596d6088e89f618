"""Concern: the uninstall: end all tasks, destroy the volumes, release the reservations.

No node leaves the ring first, because the whole ring goes. A node whose task has ended is emptied in one write; the
concerns `release` and `garbage` release its reservation where offers show it. Once no record names a reservation, and
no offer has shown one of this cluster for a while, the scheduler stores that and tears the framework down.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.cycle.workspace import Cycle, end_task
from scheduler.core.nodes.replacement import abandoned_on
from scheduler.core.reservations.garbage import is_ours
from scheduler.core.reservations.release import known_reservations
from scheduler.core.state.cluster import ClusterState, Need, NeedKind
from scheduler.core.state.lifecycle import LIVE, by_index, may_live, previous_place
from scheduler.core.state.node import NodeRecord, TaskState

# The time without any offer of this cluster, while offers are revived, before the teardown.
CALM_SECONDS = 10.0


def give_up_nodes(cycle: Cycle) -> None:
    """End every task, and empty the records of nodes whose task has ended."""
    for node in by_index(cycle.state.nodes.values()):
        if may_live(node):
            end_task(cycle, node, "the service is removed")
        elif (empty := clear_node(node)) != node:
            cycle.put(empty)


def clear_node(node: NodeRecord) -> NodeRecord:
    """Return the node without its place, its known reservations to be released.

    A reservation that may be on any agent is released if it appears; the uninstall does not wait for it.
    """
    held = [replace(abandoned, unused=True) for abandoned in node.abandoned]
    if node.reservation is not None and node.agent is not None and not _is_gone(node):
        held.append(abandoned_on(node.reservation, node.agent))
    previous = previous_place(node)
    if previous is not None and not previous.gone:
        held.append(abandoned_on(previous.reservation, previous.agent))
    return NodeRecord(index=node.index, abandoned=tuple(held), left=True)


def finish(cycle: Cycle) -> None:
    """Store that all is released, and then tear the framework down."""
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
    """Return whether the task has ended, and no reservation surely remains."""
    surely = any(abandoned.agent_id for abandoned in node.abandoned)
    return not (may_live(node) or node.reservation is not None or node.intent is not None or surely)


def _is_calm(cycle: Cycle) -> bool:
    """Return whether nothing of this cluster is recorded or offered."""
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
    """Return whether an operator removed the agent, which removes its reservations too."""
    return node.task is not None and node.task.state is TaskState.GONE_BY_OPERATOR


def forget_holdings(state: ClusterState, node: NodeRecord) -> ClusterState:
    """Return the state in which the uninstall does not wait for this node's reservations any more."""
    assert state.uninstall is not None
    left = (*state.uninstall.left, *(abandoned.id for abandoned in node.abandoned))
    after = replace(node, abandoned=())
    return replace(state, nodes={**state.nodes, node.name: after}, uninstall=replace(state.uninstall, left=tuple(left)))
