"""How long certificates still last, and what to say long before one expires."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from executor.certificate_messages import CertificateFacts
from scheduler.core.nodes.certificates import certified_nodes, facts_of
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import NodeRecord

# A node renews its certificate when two thirds of its life are over. Where that has failed for a while:
_WARNING_SHARE = 0.75
VALID, OVERDUE, EXPIRED = "valid", "overdue", "expired"


def warning_at(facts: CertificateFacts) -> float:
    """Return when a certificate that was not renewed is to be reported, in seconds since the epoch."""
    return facts.not_before + (facts.not_after - facts.not_before) * _WARNING_SHARE


def expiry_state(facts: CertificateFacts, now: float) -> str:
    """Return the word for how long a certificate lasts."""
    if now >= facts.not_after:
        return EXPIRED
    return OVERDUE if now >= warning_at(facts) else VALID


def expiry_words(name: str, facts: CertificateFacts, now: float) -> str:
    """Return a sentence about a certificate that was not renewed in time, with what to do; empty for any other."""
    end = datetime.fromtimestamp(facts.not_after, UTC)
    why = f" ({facts.problem})" if facts.problem else ""
    match expiry_state(facts, now):
        case "expired":
            return (
                f"the certificate of {name} expired at {end:%Y-%m-%d %H:%M} UTC{why}: new connections fail; mend the "
                f"cause, and restart {name}, which gets a new one"
            )
        case "overdue":
            return (
                f"the certificate of {name} expires at {end:%Y-%m-%d %H:%M} UTC and was not renewed{why}: mend the "
                "cause, or renew it by PUT /v1/certificates/renew"
            )
    return ""


def certificates(state: ClusterState) -> Iterator[tuple[NodeRecord, CertificateFacts]]:
    """Yield the nodes that have reported a certificate."""
    if not any(seen.status.certificate for seen in state.sightings.values()):  # without encryption, of a thousand nodes
        return
    for node in certified_nodes(state):
        facts = facts_of(state, node)
        if facts is not None and facts.serial:
            yield node, facts
