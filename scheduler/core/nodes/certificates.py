"""Concern: have nodes get other certificates: at an operator's command, and for the phases of an authority's rotation.

A node renews its certificate by itself when two thirds of its time are over. What a node reports has been proven by a
handshake with its own ports. A node whose task has ended proves nothing: its next launch gets a certificate of then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from executor.certificate_messages import OFF, CertificateFacts, fingerprints
from scheduler.core.configuration.standing_plans import CERTIFICATES, plan_record
from scheduler.core.cycle.decision import Ask
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.nodes.gates import encryption_of
from scheduler.core.state.authority import Authority, AuthorityRecord, RotationPhase
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index, is_paused, is_running, may_live
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.reason import Code, Reason

CALL_SECONDS = 10.0
_NEXT = {
    RotationPhase.TRUST_BOTH: RotationPhase.NEW_CERTIFICATES,
    RotationPhase.NEW_CERTIFICATES: RotationPhase.TRUST_NEW,
}


@dataclass(frozen=True)
class Wanted:
    """The fingerprints that a certificate must have: of one of these authorities, and of all that its node trusts."""

    authorities: frozenset[str]
    trusted: frozenset[str]


def certify(cycle: Cycle) -> None:
    """Call the nodes whose certificate is not the wanted one, and go on with the rotation when all are proven."""
    if cycle.state.authority is None:
        return
    if not plan_record(cycle.state, CERTIFICATES).interrupted:
        _advance(cycle)
    _forget_renewals(cycle)
    called = dict(cycle.state.memory.certified)
    for node in certified_nodes(cycle.state):
        if not is_running(node) or not _is_wrong(cycle.state, node):
            continue
        task = node.known_task
        if cycle.now - called.get(task.id, float("-inf")) >= CALL_SECONDS:
            called[task.id] = cycle.now
            cycle.certify.append(Ask(node.name, task.executor_id, node.known_agent.id, task.id))
    living = {node.task.id for node in cycle.state.nodes.values() if node.task is not None}
    memory = replace(cycle.state.memory, certified={name: at for name, at in called.items() if name in living})
    cycle.replace_state(replace(cycle.state, memory=memory))


def certified_nodes(state: ClusterState) -> list[NodeRecord]:
    """Return the nodes whose task may run with a certificate."""
    nodes = by_index(state.nodes.values())
    return [node for node in nodes if may_live(node) and not is_paused(node) and encryption_of(state, node) != OFF]


def facts_of(state: ClusterState, node: NodeRecord) -> CertificateFacts | None:
    """Return what the node's present task says of its certificate; None if it has said nothing."""
    sighting = state.sighting_of(node)
    return None if sighting is None else sighting.status.certificate


def certificate_block(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return why this node does not show the wanted certificate; None if it has proven that it does."""
    assert state.authority is not None
    facts = facts_of(state, node)
    if facts is None:
        return Reason(Code.NO_STATUS, f"waits for the status of {node.name}")
    if facts.problem:
        return Reason(Code.CERTIFICATE, facts.problem)
    if not facts.ports:
        return Reason(Code.CERTIFICATE, f"waits for {node.name} to prove its certificate on its ports")
    wanted = wanted_of(state.authority)
    if facts.authority not in wanted.authorities:
        return Reason(Code.CERTIFICATE, f"waits for {node.name} to show a certificate of the present authority")
    if frozenset(facts.trusted) != wanted.trusted:
        return Reason(Code.CERTIFICATE, f"waits for {node.name} to trust the present authorities and no other one")
    if state.authority.renewals.get(node.name) == facts.serial:
        return Reason(Code.CERTIFICATE, f"waits for {node.name} to renew its certificate")
    return None


def _is_wrong(state: ClusterState, node: NodeRecord) -> bool:
    """Return whether the node has proven another certificate than the wanted one. It repeats a proof by itself."""
    facts = facts_of(state, node)
    proven = facts is not None and bool(facts.ports) and not facts.problem
    return proven and certificate_block(state, node) is not None


def wanted_of(record: AuthorityRecord) -> Wanted:
    """Return what the certificates must have at present.

    While nodes begin to trust both authorities, a node that was launched can have a certificate of the new one.
    """
    # A record of an earlier version can hold a whole chain, which its nodes trust.
    trusted = frozenset(found for item in record.trusted for found in _fingerprints(item.certificate))
    signing = record.trusted if record.phase is RotationPhase.TRUST_BOTH else (record.signing,)
    return Wanted(frozenset(map(fingerprint, signing)), trusted)


def fingerprint(authority: Authority) -> str:
    """Return the SHA-256 of an authority's certificate."""
    return _fingerprints(authority.certificate)[0]


@lru_cache(maxsize=8)  # of the few authorities, for each node in each cycle
def _fingerprints(certificates: str) -> tuple[str, ...]:
    return fingerprints(certificates)


def pending(state: ClusterState) -> Iterator[tuple[NodeRecord, Reason]]:
    """Yield the nodes that have not proven the wanted certificate, each with the reason."""
    for node in certified_nodes(state):
        if (reason := certificate_block(state, node)) is not None:
            yield node, reason


def _advance(cycle: Cycle) -> None:
    record = cycle.state.authority
    if record is None or record.following is None or record.phase is None or next(pending(cycle.state), None):
        return
    following = _NEXT.get(record.phase)
    if following is not None:
        after = replace(record, phase=following)
    else:
        after = AuthorityRecord(record.following, rotated_at=cycle.now, renewals=record.renewals)
    cycle.replace_state(replace(cycle.state, authority=after))


def _forget_renewals(cycle: Cycle) -> None:
    """Drop the requests of nodes that have another certificate now, or none."""
    record = cycle.state.authority
    if record is None or not record.renewals:
        return
    kept = {}
    for node in certified_nodes(cycle.state):
        facts, serial = facts_of(cycle.state, node), record.renewals.get(node.name)
        if serial is not None and (facts is None or facts.serial == serial or not facts.ports):
            kept[node.name] = serial
    if kept != record.renewals:
        cycle.replace_state(replace(cycle.state, authority=replace(record, renewals=kept)))
