"""Readiness of a node: a full member by its own status and by those of its peers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from executor.protocol import NodeStatus
from scheduler.core.ring.missing import describe_missing
from scheduler.core.state.cluster import ClusterState, Sighting
from scheduler.core.state.lifecycle import is_running, shorten
from scheduler.core.state.node import NodeRecord, TaskState
from scheduler.core.state.reason import Code, Reason
from scheduler.core.state.spec import ClusterSpec

_NOT_RUNNING = {
    TaskState.STAGING: (Code.STAGING, "its agent fetches and starts its executor"),
    TaskState.STARTING: (Code.STARTING, "its executor starts Cassandra"),
    TaskState.KILLING: (Code.STOPPING, "it is being stopped"),
    TaskState.UNREACHABLE: (Code.UNREACHABLE, "its agent cannot be reached; it may still run there"),
    TaskState.UNKNOWN: (Code.UNREACHABLE, "Mesos does not know its agent; it may still run there"),
}


@dataclass(frozen=True)
class Readiness:
    """The result of `assess`. `reason` is absent when ready; `ask` are the nodes to query for a newer status."""

    reason: Reason | None = None
    ask: tuple[str, ...] = ()


def assess(state: ClusterState, node: NodeRecord) -> Readiness:
    """Return whether the node is ready, and otherwise why not.

    It is ready if it runs, is NORMAL, serves CQL, is up for every running member, and agrees on the schema.
    """
    if (own := own_reason(state, node)) is not None:
        return Readiness(own, (node.name,) if is_running(node) else ())
    peers = [peer for peer in state.nodes.values() if peer.index != node.index and _has_view(peer)]
    assert node.task is not None
    assert node.address is not None
    silent = [peer.name for peer in peers if sighting_since(state, peer, node.task.launched_at) is None]
    if silent:
        return Readiness(
            _about(Code.PEER_SILENT, f"has not reported yet whether it sees {node.name} as up", silent), tuple(silent)
        )
    blind = [peer.name for peer in peers if node.address not in state.sightings[peer.name].status.live]
    if blind:
        return Readiness(_about(Code.PEER_VIEW, f"does not see {node.name} as up", blind), tuple(blind))
    return _schemas(state, node, peers)


def _has_view(peer: NodeRecord) -> bool:
    """Return whether the peer is a member that runs; a paused one sees no peer."""
    return peer.deployed is not None and is_running(peer) and peer.mode != "PAUSED"


def own_reason(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return why the node is not ready by its own status; None if it is."""
    task = node.task
    if task is None or task.state is not TaskState.RUNNING:
        default = (Code.NOT_RUNNING, "it does not run")
        code, sentence = default if task is None else _NOT_RUNNING.get(task.state, default)
        return Reason(code, f"{node.name}: {sentence}")
    if node.missing is not None:
        return Reason(Code.PEER_VIEW, f"{node.name} is down: {describe_missing(node)}")
    sighting = sighting_since(state, node, 0.0)
    if sighting is None:
        return Reason(Code.NO_STATUS, f"{node.name} has not reported its status yet")
    status = sighting.status
    if status.mode != "NORMAL":
        words = f": {shorten(status.error)}" if status.error else ""
        return Reason(Code.MODE, f"{node.name} is in mode {status.mode}{words}")
    if needs_native_transport(state, node) and not status.native_transport_running:
        return Reason(Code.NO_NATIVE_TRANSPORT, f"{node.name} does not serve CQL yet")
    if node.address is None:
        return Reason(Code.NO_STATUS, f"{node.name} has not reported its address yet")
    return None


def why_down(node: NodeRecord) -> str:
    """Return a clause on a node that is not up; the mode of a task that no one sees is the last that it had."""
    if node.mode == "NORMAL" and node.task is not None and node.task.state in _NOT_RUNNING:
        return _NOT_RUNNING[node.task.state][1]
    return f"its mode is {node.mode or 'unknown'}"


def needs_native_transport(state: ClusterState, node: NodeRecord) -> bool:
    """Return whether the node's configuration starts CQL."""
    assert node.task is not None
    configuration = state.configurations.get(node.task.configuration, state.target)
    return serves_cql(configuration.spec)


def serves_cql(spec: ClusterSpec) -> bool:
    """Return whether this configuration starts the native transport, which is Cassandra's default."""
    return spec.cassandra.options.get("start_native_transport", True) is not False


def _schemas(state: ClusterState, node: NodeRecord, peers: Iterable[NodeRecord]) -> Readiness:
    statuses: dict[str, NodeStatus] = {peer.name: state.sightings[peer.name].status for peer in peers}
    own = state.sightings[node.name].status
    if not statuses:
        return Readiness()
    differing = [name for name, status in statuses.items() if status.schema != own.schema or status.schema is None]
    if not differing:
        return Readiness()
    return Readiness(_about(Code.SCHEMA, "has another schema version", differing), (node.name, *differing))


def sighting_since(state: ClusterState, node: NodeRecord, since: float) -> Sighting | None:
    """Return the last status of the node's newest task, if it is not older than `since` (seconds since the epoch)."""
    sighting = state.sighting_of(node)
    return None if sighting is None or sighting.at < since else sighting


def _about(code: Code, what: str, names: list[str]) -> Reason:
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return Reason(code, f"{names[0]} {what}{more}")
