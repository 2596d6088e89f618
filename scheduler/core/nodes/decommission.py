"""Concern: nodes above the target's number leave the ring, the highest first, and their reservations are released.

Cassandra itself carries out the departure, in the maintenance job `decommission`. The scheduler starts it when the
target has fewer nodes, or an operator does. Only Cassandra can report that a node has left. Then the scheduler ends the
task, abandons reservation and volume, and empties or removes the record.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.configuration.standing_plans import DEPLOY, RECOVERY, interruption
from scheduler.core.configuration.surplus import surplus
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.nodes.names import intent_name
from scheduler.core.nodes.replacement import has_moved, vacate
from scheduler.core.ring.availability import ring_strain, survey
from scheduler.core.ring.readiness import why_down
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.exclusion import exclusion, is_parked
from scheduler.core.state.lifecycle import (
    UNSEEN,
    by_index,
    has_ended,
    is_leaving,
    is_running,
    is_up,
    may_live,
    previous_place,
)
from scheduler.core.state.node import Failures, Intent, IntentKind, NodeRecord
from scheduler.core.state.operation import (
    SCHEDULER,
    UNWANTED,
    OperationRecord,
    OperationState,
    StepState,
    is_live,
    step_key,
)
from scheduler.core.state.operation_kinds import DECOMMISSION
from scheduler.core.state.reason import Code, Reason

KIND = DECOMMISSION
PHASE = "Leave"
# Cassandra's message when it starts on the volume of a node that has left.
_REFUSES = "decommissioned and will not rejoin"
_LEFT = "DECOMMISSIONED"
# Compaction of received data needs room beside it.
HEADROOM = 1.2
_MB = 1024 * 1024


def depart(cycle: Cycle) -> None:
    """Note departures, remove surplus nodes that never were members, and start the next decommission."""
    for node in by_index(cycle.state.nodes.values()):
        if has_left(cycle.state, node) and not is_leaving(node):
            _note_left(cycle, node)
    for node in surplus(cycle.state):
        if node.deployed is None and node.intent is None and join_doubt(cycle.state, node) is None:
            _forget(cycle, node)
    _stop_if_wanted(cycle)
    _start(cycle)


def has_left(state: ClusterState, node: NodeRecord) -> bool:
    """Return whether Cassandra has reported that this member left the ring."""
    if node.deployed is None:
        return False
    if may_live(node) and node.mode == _LEFT:
        return True
    step = state.steps.get(step_key(KIND, PHASE, node.name))
    if step is not None and step.state is StepState.COMPLETE and not step.forced and node.host_id:
        return bool(step.result.get("host_id") == node.host_id)
    return has_ended(node) and _REFUSES in node.failures.message


def join_doubt(state: ClusterState, node: NodeRecord) -> str | None:
    """Return why a node that is no member by its record may be one; None if it surely is not, and does not run.

    It may have joined while no status of it arrived. Members that are up know each address of the ring.
    """
    if may_live(node):
        return f"{node.name} may still run"
    return ring_doubt(state, node, f"set NODES to more than {node.index} to start it again, and then lower")


def ring_doubt(state: ClusterState, node: NodeRecord, out: str) -> str | None:
    """Return why the ring may know this node; None if it surely does not. `out` is what to do if it has joined."""
    members = [other for other in by_index(state.nodes.values()) if other.deployed is not None]
    if node.task is None or not members:
        return None
    witnesses = 0
    for peer in filter(is_running, members):
        sighting = state.sighting_of(peer)
        if sighting is None or sighting.at <= node.task.updated_at:
            return f"waits for {peer.name} to report whether {node.name} has joined the ring"
        ring = (*sighting.status.live, *sighting.status.unreachable)
        if node.address in ring or (node.address is None and not _known_addresses(state) >= set(ring)):
            words = f"{peer.name} still knows {node.address or 'an address that may be its own'} in the ring"
            return f"{words}: if it has joined, {out}"
        witnesses += is_up(peer)
    return None if witnesses else f"waits for a member that is up to report whether {node.name} has joined the ring"


def _known_addresses(state: ClusterState) -> set[str | None]:
    """Return the addresses that records name, those of nodes that are being replaced included."""
    nodes = state.nodes.values()
    moved = {previous.address for node in nodes if (previous := previous_place(node))}
    return {node.address for node in nodes} | moved


def departure_problem(state: ClusterState, node: NodeRecord, forced: bool) -> str | None:
    """Return why this node may not leave the ring now; None if it may.

    The node's own executor checks the replication factors.
    """
    if node.intent is not None:
        return f"{intent_name(node)} is pending: {node.intent.reason}"
    if node.deployed is None or not is_running(node) or node.mode not in ("NORMAL", "LEAVING", "DECOMMISSION_FAILED"):
        return f"{node.name} is not a member of the ring that is up: {why_down(node)}"
    others = [other for other in by_index(state.nodes.values()) if other.deployed and other.index != node.index]
    if not others:
        return f"{node.name} is the only member of the ring: no other node can hold its data"
    ring = survey(state)
    if ring.begun:
        return f"{intent_name(ring.begun[0])} is under way"
    if ring.joining:
        return f"{ring.joining[0]} is joining the ring"
    if forced:
        return None
    if (strain := ring_strain(ring, {node.name})) is not None:
        return strain.sentence
    return _room_problem(state, node, others)


def force_problem(state: ClusterState, name: str) -> str | None:
    """Return why the step of this node cannot be forced: its departure would begin again at once; None if it can."""
    index = next((node.index for node in surplus(state) if node.name == name), None)
    if index is None:
        return None
    why = f"NODES is {state.target.spec.nodes}, so its {KIND} would begin again"
    return f"The step of {name} cannot be forced: {why}; stop the {KIND}, or set NODES to more than {index}"


def restart_leaving_node(state: ClusterState, operation: OperationRecord, now: float) -> ClusterState:
    """Restart the node of a decommission that is stopped, which keeps it in the ring."""
    name = operation.nodes[0]
    node, step = state.nodes.get(name), state.steps.get(step_key(KIND, PHASE, name))
    runs = step is not None and step.operation == operation.id and step.state is StepState.RUNNING
    if not runs or node is None or node.task is None or node.intent is not None:
        return state
    reason = "its decommission was stopped"
    intent = Intent(IntentKind.RESTART, now, node.task.id, reason, operation.principal, forced=True)
    return replace(state, nodes={**state.nodes, name: replace(node, intent=intent)})


def shrink_reason(state: ClusterState, node: NodeRecord) -> Reason:
    """Return what a node above the number of the target waits for."""
    wanted = f"NODES is {state.target.spec.nodes}"
    if has_moved(node):
        # Its tokens are in the ring still: without a replacement, no node streams its data to the others.
        return Reason(Code.LEAVES, f"{wanted}: it leaves once it has been replaced, see the plan {RECOVERY}")
    if node.deployed is None:
        if node.task is not None and node.task.state in UNSEEN:
            words = "its agent cannot be reached; if its machine is lost, restart this step to give it up"
            return Reason(Code.UNREACHABLE, f"{wanted}: it leaves once it has joined, but {words}")
        if may_live(node):
            return Reason(Code.LEAVES, f"{wanted}: it leaves once it has joined")
        doubt = join_doubt(state, node)
        words = "its reservation is released" if doubt is None else doubt
        return Reason(Code.LEAVES if doubt is None else Code.PEER_VIEW, f"{wanted}: {words}")
    operation = state.operations.get(KIND)
    if is_leaving(node):
        return Reason(Code.LEAVES, f"{wanted}: it has left the ring, its reservation is released")
    if operation is not None and node.name in operation.nodes and is_live(operation):
        return _under_way(state, node, operation)
    highest = next(other for other in surplus(state) if other.deployed is not None)
    if highest.index != node.index:
        return Reason(Code.EARLIER_NODE, f"{wanted}: it leaves after {highest.name}")
    return _hold_back(state, node) or Reason(Code.LEAVES, f"{wanted}: it is its turn to leave")


def _under_way(state: ClusterState, node: NodeRecord, operation: OperationRecord) -> Reason:
    """Return how the decommission of a surplus node stands."""
    wanted = f"NODES is {state.target.spec.nodes}"
    if operation.state is OperationState.STOPPING:
        return Reason(Code.STOPPED, f"{wanted}: its {KIND} is being stopped by {_stopped_by(operation)}")
    step = state.steps.get(step_key(KIND, PHASE, node.name))
    if step is not None and step.operation == operation.id and step.state is StepState.FAILED:
        advice = f"restart that step once the cause is fixed, or set NODES to more than {node.index}"
        return Reason(Code.OTHER_FAILED, f"{wanted}: its {KIND} failed: {step.failures.message}; {advice}")
    return Reason(Code.LEAVES, f"{wanted}: it leaves, see the plan {KIND}")


def departure_reason(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return what the step of a node says that leaves the ring for fewer NODES; None for any other node."""
    above = node.index >= state.target.spec.nodes
    return shrink_reason(state, node) if above else return_reason(state, node)


def return_reason(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return why a member still leaves although NODES is higher again; None for any other node."""
    operation = state.operations.get(KIND)
    if operation is None or node.name not in operation.nodes or node.index >= state.target.spec.nodes:
        return None
    leaves = is_live(operation) and _is_begun(state, operation)
    if not operation.serves_settings or not (leaves or is_leaving(node)):
        return None
    words = f"NODES is {state.target.spec.nodes} again: it leaves, because NODES was lower, and joins again afterwards"
    return Reason(Code.LEAVES, words)


def _is_respected(operation: OperationRecord) -> bool:
    """Return whether an operator stopped this decommission, and NODES has stayed below the node since."""
    stopped = operation.state is OperationState.STOPPED
    return stopped and operation.stopped_by != SCHEDULER and not operation.lapsed


def _stopped_by(operation: OperationRecord) -> str:
    return operation.stopped_by or "an operator"


def _hold_back(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return what holds back the departure of this node; None if nothing does."""
    if (interrupted := interruption(state, DEPLOY)) is not None:
        return interrupted
    if (excluded := exclusion(state, KIND, {})) is not None:
        other = next(found for found in state.operations.values() if is_live(found))
        simple = f"waits for the operation {other.kind} to end"
        return Reason(Code.OTHER_JOB, simple if not is_parked(state, other) else excluded)
    stopped = state.operations.get(KIND)
    if stopped is not None and node.name in stopped.nodes and _is_respected(stopped):
        words = (
            f"its {KIND} was stopped by {_stopped_by(stopped)}: start it again, or set NODES to more than {node.index}"
        )
        return Reason(Code.STOPPED, words)
    if (absent := _left_below(state)) is not None:
        return absent
    problem = departure_problem(state, node, forced=False)
    return None if problem is None else Reason(Code.NODE_DOWN, problem)


def _left_below(state: ClusterState) -> Reason | None:
    """Return a reason to wait if an operator decommissioned a lower node, so that enough members are left."""
    nodes = by_index(state.nodes.values())
    gone = [node.name for node in nodes if node.index < state.target.spec.nodes and node.left]
    members = sum(1 for node in nodes if node.deployed is not None)
    if not gone or members > state.target.spec.nodes:
        return None
    words = f"there are {members} members, since {gone[0]} was decommissioned: restart its step of the plan {DEPLOY} "
    return Reason(Code.LEFT, f"{words}to start it again, then this one leaves")


def _room_problem(state: ClusterState, node: NodeRecord, others: list[NodeRecord]) -> str | None:
    """Return why the others have no room for an even share of this node's data; None if they have."""
    load = _load(state, node)
    if load is None:
        return f"{node.name} has not reported the size of its data yet"
    share = load / len(others) * HEADROOM
    for other in others:
        room = _room(state, other)
        if room is None:
            return f"{other.name} has not reported its free space yet"
        if room < share:
            return (
                f"{other.name} has {room / _MB:.0f} MB of room, but needs {share / _MB:.0f} MB for its part of the "
                f"{load / _MB:.0f} MB of {node.name}"
            )
    return None


def _load(state: ClusterState, node: NodeRecord) -> int | None:
    sighting = state.sightings.get(node.name)
    return None if sighting is None else sighting.status.load_bytes


def _room(state: ClusterState, node: NodeRecord) -> float | None:
    """Return the bytes that the node can still store: on its disk, and within its reservation."""
    sighting = state.sightings.get(node.name)
    if sighting is None or sighting.status.room_bytes is None or node.reservation is None:
        return None
    load = sighting.status.load_bytes
    reserved = float("inf") if load is None else node.reservation.disk_mb * _MB - load
    return min(float(sighting.status.room_bytes), reserved)


def _note_left(cycle: Cycle, node: NodeRecord) -> None:
    """Store the LEAVE intent, in place of any other intent of the node."""
    assert node.task is not None
    reason = "it has left the ring"
    intent = Intent(IntentKind.LEAVE, cycle.now, node.task.id, reason, forced=True)
    if node.intent is not None:
        intent = replace(intent, begun_at=node.intent.begun_at, by_rack=node.intent.by_rack)
    cycle.put(replace(node, intent=intent, failures=Failures()))


def _forget(cycle: Cycle, node: NodeRecord) -> None:
    """Remove the record once the node surely holds no reservation."""
    if node.reservation is not None:
        cycle.put(vacate(node, left=False))
    elif not any(abandoned.agent_id for abandoned in node.abandoned):
        cycle.remove(node)


def _stop_if_wanted(cycle: Cycle) -> None:
    """Stop a decommission that has not begun to move data if NODES includes its node again."""
    operation = cycle.state.operations.get(KIND)
    if operation is None or operation.state is not OperationState.RUNNING or not operation.serves_settings:
        return
    wanted = operation.nodes[0] not in {node.name for node in surplus(cycle.state)}
    if wanted and not _is_begun(cycle.state, operation) and not _is_done(cycle.state, operation):
        cycle.put(replace(operation, state=OperationState.STOPPING, stopped_by=SCHEDULER))


def _is_begun(state: ClusterState, operation: OperationRecord) -> bool:
    step = state.steps.get(step_key(KIND, PHASE, operation.nodes[0]))
    return step is not None and step.operation == operation.id and step.state is StepState.RUNNING


def _is_done(state: ClusterState, operation: OperationRecord) -> bool:
    step = state.steps.get(step_key(KIND, PHASE, operation.nodes[0]))
    return step is not None and step.operation == operation.id and step.state is StepState.COMPLETE


def _start(cycle: Cycle) -> None:
    """Start the decommission of the highest surplus node if nothing holds it back."""
    if any(node.intent is not None for node in cycle.state.nodes.values()):
        return
    node = next((node for node in surplus(cycle.state) if node.deployed is not None), None)
    if node is None or _hold_back(cycle.state, node) is not None:
        return
    operation = OperationRecord(
        kind=KIND,
        id=cycle.new_id(),
        state=OperationState.RUNNING,
        nodes=(node.name,),
        request={"force": False},
        started_at=cycle.now,
        principal=SCHEDULER,
        facts={UNWANTED: True},
    )
    cycle.put(operation)
