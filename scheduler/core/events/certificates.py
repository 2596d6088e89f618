"""Events of the authority and of the certificates of nodes."""

from __future__ import annotations

from executor.certificate_messages import CertificateFacts
from scheduler.core.nodes.certificates import facts_of
from scheduler.core.nodes.expiry import VALID, certificates, expiry_state, expiry_words
from scheduler.core.state.authority import RotationPhase
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import Entry, EntryKind

_PHASES = {
    RotationPhase.TRUST_BOTH: "the authority is rotated: the nodes trust the old one and the new one from now on",
    RotationPhase.NEW_CERTIFICATES: "the new authority signs certificates from now on, and the nodes trust both",
    RotationPhase.TRUST_NEW: "all nodes show certificates of the new authority: they trust it alone from now on",
}


def certificate_entries(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    """Return the events since `before` was stored."""
    return [*_authority(before, after, now), *_nodes(before, after, now)]


def _authority(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    old, new = before.authority, after.authority
    if new is None or old is new:
        return []
    if old is None:
        return [Entry(0, now, EntryKind.CERTIFICATE, "there is an authority for certificates now")]
    if new.phase is old.phase:
        return []
    if new.phase is not None:
        return [Entry(0, now, EntryKind.CERTIFICATE, _PHASES[new.phase], principal=new.principal)]
    return [Entry(0, now, EntryKind.CERTIFICATE, "the rotation is complete: no node trusts the old authority any more")]


def _nodes(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    found = []
    for node, facts in certificates(after):
        old = facts_of(before, node)
        if facts.ports and old is not None and (old.serial, bool(old.ports)) != (facts.serial, True):
            words = f"its ports show the certificate {facts.serial}"
            found.append(Entry(0, now, EntryKind.CERTIFICATE, words, node=node.name, subject=facts.serial))
        if expiry_state(facts, now) not in (VALID, _state_before(old, facts, before.memory.at)):
            words = expiry_words(node.name, facts, now)
            found.append(Entry(0, now, EntryKind.CERTIFICATE, words, node=node.name, subject=facts.serial))
    return found


def _state_before(old: CertificateFacts | None, facts: CertificateFacts, at: float) -> str:
    """Return what the last cycle knew of this certificate; VALID for one that it had not seen.

    So a scheduler reports at its start what expired while none was there.
    """
    return VALID if old is None or old.serial != facts.serial else expiry_state(old, at)
