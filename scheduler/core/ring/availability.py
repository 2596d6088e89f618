"""Availability of the ring: which members are down, not ready or busy, and which restarts of a rack run together."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from executor.sentences import list_first
from scheduler.core.ring.racks import rack_problem
from scheduler.core.ring.readiness import own_reason
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index, is_down, is_joining, is_running
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.operation import StepState
from scheduler.core.state.operation_kinds import DECOMMISSION
from scheduler.core.state.reason import Code, Reason


@dataclass(frozen=True)
class Ring:
    """The facts that forbid to take a node out of the ring, computed once for all nodes; names in numeric order.

    `begun` are the nodes whose intent is under way, `leaving` those that stream their data away. `unsettled` are
    members that are up, but not ready by their own status or by that of a peer. `mates` has, by rack, the nodes beside
    which more nodes of that rack may restart.
    """

    begun: tuple[NodeRecord, ...]
    joining: tuple[str, ...]
    leaving: tuple[str, ...]
    down: tuple[str, ...]
    unsettled: Mapping[str, Reason]
    busy: frozenset[str]  # nodes with a maintenance job
    mates: Mapping[str, frozenset[str]]


AT_REST = Ring((), (), (), (), {}, frozenset(), {})


def begun_nodes(state: ClusterState) -> list[NodeRecord]:
    """Return the nodes whose intent is under way."""
    return [node for node in by_index(state.nodes.values()) if node.intent and node.intent.begun_at is not None]


def survey(state: ClusterState) -> Ring:
    """Return the present availability of the ring."""
    nodes = by_index(state.nodes.values())
    members = [node for node in nodes if node.deployed is not None]
    return Ring(
        begun=tuple(begun_nodes(state)),
        joining=tuple(node.name for node in nodes if is_joining(node)),
        leaving=_leaving(state, nodes),
        down=tuple(node.name for node in members if is_down(node)),
        unsettled=_unsettled(state, [node for node in members if not is_down(node)]),
        busy=frozenset(
            step.task.node for step in state.steps.values() if step.task and step.state is StepState.RUNNING
        ),
        mates=_mates(state),
    )


def _leaving(state: ClusterState, nodes: Sequence[NodeRecord]) -> tuple[str, ...]:
    jobs = [step for step in state.steps.values() if step.kind == DECOMMISSION and step.state is StepState.RUNNING]
    streaming = {step.name for step in jobs}
    # Cassandra streams on without its job.
    return tuple(node.name for node in nodes if node.name in streaming or (is_running(node) and node.mode == "LEAVING"))


def _mates(state: ClusterState) -> dict[str, frozenset[str]]:
    together = [node for node in begun_nodes(state) if node.intent is not None and node.intent.by_rack]
    if not together or rack_problem(state) is not None:
        return {}
    racks = {node.rack for node in together}
    return {rack: frozenset(node.name for node in together if node.rack == rack) for rack in racks}


def are_down(names: Sequence[str]) -> str:
    """Return a clause such as `node-0, node-1 are down`."""
    return f"{list_first(names)} {'is' if len(names) == 1 else 'are'} down"


def ring_strain(ring: Ring, names: Container[str]) -> Reason | None:
    """Return why these members must stay in the ring: another is down or not ready; None if they may go."""
    if down := [other for other in ring.down if other not in names]:
        return Reason(Code.NODE_DOWN, are_down(down))
    return next((reason for other, reason in ring.unsettled.items() if other not in names), None)


def _unsettled(state: ClusterState, members: list[NodeRecord]) -> dict[str, Reason]:
    found = {node.name: reason for node in members if (reason := own_reason(state, node)) is not None}
    reporting = [node for node in members if node.name not in found]
    addresses = {node.address: node.name for node in members}
    schemas: dict[str | None, str] = {}
    for node in reporting:
        status = state.sightings[node.name].status
        schemas.setdefault(status.schema, node.name)
        blind = next((addresses[address] for address in status.unreachable if address in addresses), None)
        if blind is not None:
            found.setdefault(blind, Reason(Code.PEER_VIEW, f"{node.name} does not see {blind} as up"))
    if len(schemas) > 1:
        one, other = list(schemas.values())[:2]
        found.setdefault(other, Reason(Code.SCHEMA, f"{one} and {other} have different schema versions"))
        found.setdefault(one, Reason(Code.SCHEMA, f"{one} and {other} have different schema versions"))
    return found
