"""Conditions before a member is restarted for the target, beyond those of every restart.

An operator who accepts the consequence completes the waiting step by force; the restart then goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from executor.certificate_messages import OPTIONAL, REQUIRED
from executor.protocol import NodeStatus
from scheduler.core.configuration import logins
from scheduler.core.configuration.differences import recorded_configuration
from scheduler.core.configuration.standing_plans import DEPLOY, plan_record
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Passed, PlanRecord
from scheduler.core.state.lifecycle import by_index, is_down, is_up
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.reason import Code, Reason

# At most three tries fail.
SETTLE_SECONDS = 6.0
# A node's list of clients is up to five seconds old, and its clients need some to connect again after its restart.
RECONNECT_SECONDS = 10.0

Gate = Callable[[ClusterState, NodeRecord], Reason | None]


def gate_block(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return why this member must not restart for the target yet; None if it may."""
    if (found := unconditional_block(state, node)) is not None or has_passed(state, node.name):
        return found
    return next((found for gate in GATES if (found := gate(state, node)) is not None), None)


def unconditional_block(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return why this member must not restart, even if an operator accepts it; None if it may."""
    return None if is_down(node) else logins.superusers_block(state, logins.stages(state), node.name)


def has_passed(state: ClusterState, name: str) -> bool:
    """Return whether an operator let this node pass the gates of the present target."""
    passed = plan_record(state, DEPLOY).passed
    return passed is not None and passed.configuration == state.target.id and name in passed.nodes


def let_pass(state: ClusterState, name: str) -> PlanRecord:
    """Return the plan's record with this node let through."""
    record = plan_record(state, DEPLOY)
    known = record.passed.nodes if record.passed and record.passed.configuration == state.target.id else ()
    return replace(record, passed=Passed(state.target.id, (*known, name)))


def plain_clients_block(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return the clients that could not connect any more once the nodes require TLS."""
    if state.target.spec.cassandra.encryption != REQUIRED or encryption_of(state, node) != OPTIONAL:
        return None
    found, unknown = _served(state, encryption_of, lambda status: status.plain_clients)
    if found:
        text = (
            f"clients connect without TLS, which would be refused: {'; '.join(found)}; let them use TLS, or complete "
            "this step by force"
        )
        return Reason(Code.PLAIN_CLIENTS, text)
    if unknown:
        return Reason(Code.PLAIN_CLIENTS, f"waits for {', '.join(unknown)} to tell which clients use no TLS")
    return None


def uncertified_clients_block(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return the clients that could not connect any more once the nodes require certificates."""
    if not _requires_certificates(state) or certificates_of(state, node) != OPTIONAL:
        return None
    found, unknown = _served(state, certificates_of, lambda status: status.uncertified_clients)
    if found:
        text = (
            f"clients present no certificate, which would be refused: {'; '.join(found)}; give them certificates, or "
            "complete this step by force"
        )
        return Reason(Code.UNCERTIFIED_CLIENTS, text)
    if unknown:
        text = f"waits for {', '.join(unknown)} to report which clients present no certificate"
        return Reason(Code.UNCERTIFIED_CLIENTS, text)
    return None


def _served(
    state: ClusterState,
    setting_of: Callable[[ClusterState, NodeRecord], str],
    clients_of: Callable[[NodeStatus], Sequence[str] | None],
) -> tuple[list[str], list[str]]:
    """Return what the nodes serve that would be refused, and the names of nodes that have not reported it.

    Args:
        state: The state of the cluster.
        setting_of: The setting of a node's newest launch; only nodes where it is optional serve such clients.
        clients_of: The clients of a status that would be refused; None if it does not report them.
    """
    found, unknown = [], []
    for other in by_index(state.nodes.values()):
        if not is_up(other) or setting_of(state, other) != OPTIONAL or has_passed(state, other.name):
            continue
        sighting = state.sighting_of(other)
        clients = None if sighting is None else clients_of(sighting.status)
        if clients is None:
            unknown.append(other.name)
        elif clients:
            found.append(f"{other.name} serves {logins.list_clients(clients)}")
    return found, unknown


def _requires_certificates(state: ClusterState) -> bool:
    return state.target.spec.cassandra.client_certificates == REQUIRED


def settling_block(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return the node whose peers may still look for the encryption that it has now.

    Where TLS is optional, Cassandra tries one way after another to connect to a peer, with a second between them.
    """
    if encryption_of(state, node) == state.target.spec.cassandra.encryption:
        return None
    if (other := next(_ready_since(state, SETTLE_SECONDS), None)) is None:
        return None
    text = f"waits some seconds, until the peers of {other.name} have found which encryption it has now"
    return Reason(Code.PEER_VIEW, text)


def _ready_since(state: ClusterState, seconds: float) -> Iterator[NodeRecord]:
    """Yield the members that are ready for less time than that since their launch."""
    at = state.memory.at
    for node in by_index(state.nodes.values()):
        if _is_ready(node) and at - state.memory.settling.get(node.known_task.id, at) < seconds:
            yield node


def note_settling(cycle: Cycle) -> None:
    """Note when each member was ready for the first time since its launch."""
    state = cycle.state
    ready = {node.task.id for node in state.nodes.values() if node.task is not None and _is_ready(node)}
    if ready != state.memory.settling.keys():
        settling = {name: state.memory.settling.get(name, cycle.now) for name in sorted(ready)}
        cycle.replace_state(replace(state, memory=replace(state.memory, settling=settling)))


def _is_ready(node: NodeRecord) -> bool:
    return node.task is not None and node.task.configuration == node.deployed and is_up(node)


def encryption_of(state: ClusterState, node: NodeRecord) -> str:
    """Return the transport encryption of a node's newest launch."""
    return recorded_configuration(state, node).spec.cassandra.encryption


def certificates_of(state: ClusterState, node: NodeRecord) -> str:
    """Return whether clients of a node's newest launch can or must present certificates."""
    return recorded_configuration(state, node).spec.cassandra.client_certificates


def undecided(state: ClusterState) -> Iterator[NodeRecord]:
    """Return the nodes whose clients decide on the next step, so that their statuses must be fresh."""
    return (node for node in state.nodes.values() if _is_undecided(state, node))


def _is_undecided(state: ClusterState, node: NodeRecord) -> bool:
    if not is_up(node) or node.task is None:
        return False
    transitional = logins.TRANSITIONAL in (node.task.authentication, node.task.authorization)
    return transitional or _will_require(state, node)


def _will_require(state: ClusterState, node: NodeRecord) -> bool:
    """Return whether the target requires of clients what is optional to this node: TLS, or a certificate."""
    if state.target.spec.cassandra.encryption == REQUIRED and encryption_of(state, node) == OPTIONAL:
        return True
    return _requires_certificates(state) and certificates_of(state, node) == OPTIONAL


def refused_clients_block(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return the clients that could not log in any more; a member that is down restarts as it was."""
    return None if is_down(node) else logins.clients_block(state, logins.stages(state), node.name)


def reconnecting_block(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return the member whose clients may not have connected again: those that will be refused may not be known yet."""
    if is_down(node) or not (_will_require(state, node) or logins.rises(logins.stages(state), node.name)):
        return None
    recent = (item for item in _ready_since(state, RECONNECT_SECONDS) if _is_undecided(state, item))
    if (other := next(recent, None)) is None:
        return None
    return Reason(Code.LOGINS, f"waits some seconds, until the clients of {other.name} have connected to it again")


GATES: tuple[Gate, ...] = (
    plain_clients_block,
    uncertified_clients_block,
    settling_block,
    refused_clients_block,
    reconnecting_block,
)
