"""The plan of the newest rotation of the authority: three phases, each with a step for each node."""

from __future__ import annotations

from scheduler.core.configuration.standing_plans import CERTIFICATES, plan_record
from scheduler.core.nodes.certificates import certificate_block, certified_nodes
from scheduler.core.plans.plan import Phase, Plan, Status, Step, aggregate, stable_id
from scheduler.core.state.authority import RotationPhase
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.naming import named
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.reason import Code

PHASES = {
    RotationPhase.TRUST_BOTH: ("Trust both", "trusts the old authority and the new one"),
    RotationPhase.NEW_CERTIFICATES: ("New certificates", "shows a certificate of the new authority"),
    RotationPhase.TRUST_NEW: ("Trust the new one", "trusts the new authority only"),
}


def has_rotation(state: ClusterState) -> bool:
    """Return whether there is a rotation to show: one that is under way, or the last one."""
    record = state.authority
    return record is not None and (record.following is not None or record.rotated_at is not None)


def certificates_plan(state: ClusterState) -> Plan:
    """Return the plan of a rotation."""
    interrupted = plan_record(state, CERTIFICATES).interrupted
    phases = tuple(_phase(state, phase, interrupted) for phase in PHASES)
    return Plan(CERTIFICATES, phases, aggregate((phase.status for phase in phases), interrupted))


def _phase(state: ClusterState, phase: RotationPhase, interrupted: bool) -> Phase:
    name = PHASES[phase][0]
    steps = tuple(_step(state, phase, node) for node in certified_nodes(state))
    return Phase(stable_id(CERTIFICATES, name), name, steps, aggregate((step.status for step in steps), interrupted))


def _step(state: ClusterState, phase: RotationPhase, node: NodeRecord) -> Step:
    name, proven = PHASES[phase]
    identifier = stable_id(CERTIFICATES, name, node.name)
    assert state.authority is not None
    present = state.authority.phase
    order = list(PHASES)
    if present is None or order.index(phase) < order.index(present):
        return Step(identifier, node.name, Status.COMPLETE, f"{node.name} {proven}", Code.DONE)
    if phase is not present:
        if plan_record(state, CERTIFICATES).interrupted:
            text = f"waits for an operator: give clients the new authority, then continue the plan {CERTIFICATES}"
            return Step(identifier, node.name, Status.WAITING, text, Code.INTERRUPTED)
        earlier = PHASES[present][0]
        return Step(identifier, node.name, Status.PENDING, f"waits for the phase {earlier}", Code.EARLIER_PHASE)
    reason = certificate_block(state, node)
    if reason is None:
        return Step(identifier, node.name, Status.COMPLETE, f"{node.name} {proven}", Code.DONE)
    return Step(identifier, node.name, Status.IN_PROGRESS, named(state, reason.sentence), reason.code)
