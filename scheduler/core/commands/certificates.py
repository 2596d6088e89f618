"""Commands on certificates: renew those of nodes, and rotate the authority."""

from __future__ import annotations

from dataclasses import replace

from executor.certificate_messages import OFF
from scheduler.core.commands.command import Refusal, RefusalKind, RenewCertificates, RotateAuthority
from scheduler.core.configuration.standing_plans import CERTIFICATES, plan_record
from scheduler.core.nodes.certificates import certified_nodes, facts_of, fingerprint
from scheduler.core.state.authority import Authority, RotationPhase
from scheduler.core.state.cluster import ClusterState


def command_certificates(state: ClusterState, command: RenewCertificates | RotateAuthority) -> ClusterState | Refusal:
    """Return the state with the stored request, or a refusal that changes nothing."""
    if state.authority is None:
        off = state.target.spec.cassandra.encryption == OFF
        why = "SECURITY_TRANSPORT_ENCRYPTION is off" if off else "the authority is made in a moment; ask again"
        return Refusal(RefusalKind.CONFLICT, f"There are no certificates: {why}.")
    if isinstance(command, RenewCertificates):
        return _renew(state, command)
    return _rotate(state, command)


def _renew(state: ClusterState, command: RenewCertificates) -> ClusterState | Refusal:
    assert state.authority is not None
    unknown = [name for name in command.nodes if name not in state.nodes]
    if unknown:
        return Refusal(RefusalKind.UNKNOWN, f"There is no node {unknown[0]}.")
    facts = {node.name: facts_of(state, node) for node in certified_nodes(state)}
    serials = {name: found.serial for name in command.nodes if (found := facts.get(name)) is not None}
    if missing := [name for name in command.nodes if name not in serials]:
        return Refusal(RefusalKind.CONFLICT, f"{missing[0]} runs without a certificate, or has not reported one yet.")
    renewals = {**state.authority.renewals, **serials}
    return replace(state, authority=replace(state.authority, renewals=renewals))


def _rotate(state: ClusterState, command: RotateAuthority) -> ClusterState | Refusal:
    record = state.authority
    assert record is not None
    if record.following is not None:
        return Refusal(RefusalKind.CONFLICT, "The authority is rotated already: see the plan certificates.")
    following = Authority(command.certificate, command.sealed)
    if fingerprint(following) == fingerprint(record.current):
        text = "The files of the authority hold the present one: put the new certificate and key there first."
        return Refusal(RefusalKind.CONFLICT, text)
    begun = replace(
        record, following=following, phase=RotationPhase.TRUST_BOTH, principal=command.principal, rotated_at=None
    )
    plan = replace(plan_record(state, CERTIFICATES), interrupted=command.waits)
    return replace(state, authority=begun, plans={**state.plans, CERTIFICATES: plan})
