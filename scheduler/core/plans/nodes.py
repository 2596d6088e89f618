"""The plans deploy and recovery, computed from the state and never stored."""

from __future__ import annotations

from collections.abc import Set

from executor.sentences import NAMED, list_first
from scheduler.core.configuration import differences, trial
from scheduler.core.configuration.standing_plans import DEPLOY, RECOVERY, interruption, plan_record
from scheduler.core.configuration.surplus import surplus
from scheduler.core.configuration.target import canary_block
from scheduler.core.maintenance import cleanup
from scheduler.core.nodes import decommission, deploy, gates, intents, recovery, replacement, rollout, side_by_side
from scheduler.core.nodes.names import agent_name, intent_name
from scheduler.core.plans.plan import Phase, Plan, Status, Step, aggregate, stable_id
from scheduler.core.ring import availability
from scheduler.core.ring.readiness import assess
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import (
    by_index,
    describe,
    has_ended,
    has_given_up,
    is_down,
    is_leaving,
    is_paused,
    is_running,
    is_up,
    may_live,
    task_agent,
)
from scheduler.core.state.naming import named
from scheduler.core.state.node import Intent, IntentKind, NodeRecord, TaskState
from scheduler.core.state.reason import Code, Reason

# The first word of a step, as "Deploying" and "Recovering" are.
_DOING = {
    IntentKind.RESTART: "Restarting",
    IntentKind.PAUSE: "Pausing",
    IntentKind.REPLACE: "Replacing",
    IntentKind.LEAVE: "Removing",
}
_BLOCKED = {
    Code.BACK_OFF: Status.DELAYED,
    Code.FAILED: Status.ERROR,
    Code.NOT_REGISTERED: Status.PENDING,
    Code.RECONCILING: Status.PENDING,
}


_SHRINK = {Code.LEAVES: Status.IN_PROGRESS, Code.EARLIER_NODE: Status.PENDING}


def deploy_plan(state: ClusterState, now: float) -> Plan:
    """Return the plan deploy; `now` is in seconds since the epoch."""
    steps = tuple(_deploy_steps(state, now))
    phases = (
        _phase(state, DEPLOY, "Reconciliation", (reconciliation_step(state),)),
        _phase(state, DEPLOY, "Sync Datacenter", ()),
        _phase(state, DEPLOY, "Deploy", steps),
    )
    refused = trial.refusal(state)
    errors = state.configuration_errors if refused is None else (*state.configuration_errors, refused)
    return _plan(state, DEPLOY, phases, errors)


def recovery_plan(state: ClusterState, now: float) -> Plan:
    """Return the plan recovery, with a step for each member that is down or has an intent."""
    nodes = [node for node in by_index(state.nodes.values()) if is_down(node) or node.intent is not None]
    ring = availability.survey(state) if any(node.intent for node in nodes) else availability.AT_REST
    steps = tuple(_recovery_step(state, ring, node, now) for node in nodes)
    return _plan(state, RECOVERY, (_phase(state, RECOVERY, "Recovery", steps),), ())


def _plan(state: ClusterState, name: str, phases: tuple[Phase, ...], errors: tuple[str, ...]) -> Plan:
    interrupted = plan_record(state, name).interrupted
    status = aggregate((phase.status for phase in phases), interrupted, bool(errors))
    return Plan(name, phases, status, errors)


def _phase(state: ClusterState, plan: str, name: str, steps: tuple[Step, ...]) -> Phase:
    interrupted = plan_record(state, plan).interrupted and name not in ("Reconciliation",)
    return Phase(stable_id(plan, name), name, steps, aggregate((step.status for step in steps), interrupted))


def reconciliation_step(state: ClusterState) -> Step:
    """Return the step of the task reconciliation."""
    progress = state.reconciliation
    name = "Reconciliation"
    identifier = stable_id(DEPLOY, name, name)
    if progress.complete:
        return Step(identifier, name, Status.COMPLETE, "Mesos has reported every task", Code.DONE)
    if not progress.started:
        return Step(identifier, name, Status.PENDING, "waits for the subscription to Mesos", Code.NOT_REGISTERED)
    nodes = by_index(state.nodes[pending] for pending in progress.pending)
    agents = [(node.name, task_agent(node)) for node in nodes[:NAMED]]
    first = (f"{name} (agent {agent.hostname if agent else '?'})" for name, agent in agents)
    shown = list_first(first, total=len(nodes))
    message = f"Mesos has not reported the tasks of {shown} yet; asked {progress.attempts} times, and asks again"
    return Step(identifier, name, Status.IN_PROGRESS, message, Code.RECONCILING)


def _deploy_steps(state: ClusterState, now: float) -> list[Step]:
    steps = []
    first: str | None = None
    changed = differences.outdated(state)
    rolling = _rolling(state, changed)
    ring = availability.survey(state) if rolling is not None else None
    due = frozenset(cleanup.cleanup_due(state))
    for name in deploy.node_names(state):
        node = deploy.record_of(state, name)
        done = node.deployed is not None or node.forced
        if not done and first is None:
            first = name
        if ring is not None and rolling is not None and (name in changed or recovery.is_rolled_out(node)):
            status, reason = _roll_out_status(state, ring, node, rolling, now)
            rolled = node.intent if recovery.is_rolled_out(node) else None
            cause = changed[name] if rolled is None else rolled.reason
            said = f"{cause}; {reason.sentence}"
            steps.append(_as_step(state, node, status, Reason(reason.code, said)))
            continue
        steps.append(_as_step(state, node, *_deploy_status(state, node, first, due, now)))
    for node in reversed(surplus(state)):
        reason = decommission.shrink_reason(state, node)
        steps.append(_as_step(state, node, _SHRINK.get(reason.code, Status.WAITING), reason))
    return steps


def _rolling(state: ClusterState, changed: dict[str, str]) -> str | None:
    """Return the node at which the roll-out is, or the next; None without a roll-out."""
    for node in by_index(state.nodes.values()):
        if recovery.is_rolled_out(node):
            return node.name
    chosen = rollout.next_node(state) if changed else None
    return chosen.name if chosen is not None else next(iter(changed), None)


def _roll_out_status(
    state: ClusterState, ring: availability.Ring, node: NodeRecord, rolling: str, now: float
) -> tuple[Status, Reason]:
    if recovery.is_rolled_out(node):
        status, reason = _recovery_status(state, ring, node, now)
        return (Status.WAITING if status is Status.PENDING and not has_ended(node) else status), reason
    if (interrupted := interruption(state, DEPLOY)) is not None:
        return Status.WAITING, interrupted
    if node.intent is not None:
        return Status.PENDING, Reason(Code.OTHER_INTENT, f"waits for {intent_name(node)}")
    if canary_block(state, rolling) is not None and (block := canary_block(state, node.name)) is not None:
        return Status.WAITING, block
    if rolling != node.name:
        return Status.PENDING, Reason(Code.EARLIER_NODE, f"waits for {rolling}")
    if (tried := trial.block(state)) is not None:
        return Status.WAITING, tried
    if (gate := gates.gate_block(state, node)) is not None:
        return Status.WAITING, gate
    text = state.memory.waits.get(node.name)
    if text is not None:
        return Status.WAITING, Reason(Code.NO_OFFER_FITS, text)
    return Status.PENDING, Reason(Code.OTHER_INTENT, f"it is the turn of {node.name}")


def _as_step(state: ClusterState, node: NodeRecord, status: Status, reason: Reason) -> Step:
    message = named(state, f"Deploying Cassandra node {node.name} mode: {node.mode}; {reason.sentence}")
    return Step(stable_id(DEPLOY, "Deploy", node.name), node.name, status, message, reason.code)


def _deploy_status(
    state: ClusterState, node: NodeRecord, first: str | None, due: Set[str], now: float
) -> tuple[Status, Reason]:
    """Return the status of a node's step; `first` is the next node to start, `due` are those to be cleaned up."""
    if (returning := decommission.return_reason(state, node)) is not None:
        return Status.WAITING, returning
    if node.deployed is not None:
        return Status.COMPLETE, Reason(Code.DONE, "deployed" + _remarks(state, node, due))
    if replacement.has_moved(node):
        return _recovery_status(state, availability.AT_REST, node, now)
    if node.left:
        text = "decommissioned by an operator; restart this step to start the node again"
        return Status.COMPLETE, Reason(Code.LEFT, text)
    if node.forced:
        return Status.COMPLETE, Reason(Code.FORCED, "forced complete by an operator")
    if may_live(node):
        return _joining_status(state, node)
    if has_given_up(node):
        return Status.ERROR, recovery.failure_reason(node)
    earlier = None if first is None or first == node.name else deploy.record_of(state, first)
    if earlier is not None and side_by_side.companion(state, earlier) != node:
        return Status.PENDING, Reason(Code.EARLIER_NODE, f"waits for {first}")
    if (block := deploy.deploy_block(state, node, now, earlier)) is not None:
        return _BLOCKED.get(block.code, Status.WAITING), block
    return Status.PENDING, _wait_for_offer(state, node)


def _joining_status(state: ClusterState, node: NodeRecord) -> tuple[Status, Reason]:
    """Return how a node stands that is to join; what to do if its machine is lost meanwhile."""
    status, reason = _live_status(state, node)
    if reason.code is not Code.UNREACHABLE:
        return status, reason
    return status, Reason(reason.code, f"{reason.sentence}; if its machine is lost, {recovery.ELSEWHERE}")


def _live_status(state: ClusterState, node: NodeRecord) -> tuple[Status, Reason]:
    assert node.task is not None
    reason = assess(state, node).reason or Reason(Code.DONE, "ready")
    if deploy.is_given_up(node) and reason.code is not Code.UNREACHABLE:
        reason = Reason(Code.STOPPING_TASK, "its task is being ended: an operator began its step again")
    if reason.code is Code.UNREACHABLE or node.missing is not None:
        return Status.WAITING, reason
    return (Status.STARTING if node.task.state is TaskState.STAGING else Status.STARTED), reason


def _remarks(state: ClusterState, node: NodeRecord, due: Set[str]) -> str:
    assert node.deployed is not None
    remarks = ""
    if node.task is not None and node.task.configuration != state.target.id:
        remarks += f", with configuration {node.task.configuration} until it is relaunched (target: {state.target.id})"
    if node.name in due:
        remarks += ", needs a cleanup because nodes were added"
    if node.mode == "LEAVING":
        return f"{remarks}, but it leaves the ring: see the plan {decommission.KIND}"
    if not is_up(node):
        return f"{remarks}, but down: see the plan recovery"
    sighting = state.sightings.get(node.name)
    return f"{remarks}, but {sighting.status.error}" if sighting is not None and sighting.status.error else remarks


def _recovery_step(state: ClusterState, ring: availability.Ring, node: NodeRecord, now: float) -> Step:
    status, reason = _recovery_status(state, ring, node, now)
    doing = "Recovering" if node.intent is None else _DOING[node.intent.kind]
    message = named(state, f"{doing} Cassandra node {node.name} mode: {node.mode}; {reason.sentence}")
    return Step(stable_id(RECOVERY, "Recovery", node.name), node.name, status, message, reason.code)


def _recovery_status(
    state: ClusterState, ring: availability.Ring, node: NodeRecord, now: float
) -> tuple[Status, Reason]:
    if node.intent is not None and node.intent.begun_at is None:
        block = intents.turn_block(state, ring, node)
        return Status.PENDING, block or Reason(Code.OTHER_INTENT, f"it is the turn of {node.name}")
    if replacement.awaits_peers(node):
        held = replacement.peer_block(state, node)
        text = f"{node.name} is moved away from its agent" if held is None else held[1]
        return Status.STARTED, Reason(Code.PEER_VIEW, text)
    if node.intent is not None and not intents.is_over(node):
        return _ending_status(state, node, node.intent)
    if is_leaving(node):
        return Status.STARTED, Reason(Code.LEAVES, "it has left the ring; its reservation is released")
    if is_paused(node) and is_running(node) and node.mode == "PAUSED":
        where = agent_name(node)
        text = f"Cassandra is off, its volume is mounted in its task's sandbox on {where} until it is resumed"
        return Status.WAITING, Reason(Code.PAUSED, text)
    if not has_ended(node):
        return _live_status(state, node)
    moved = replacement.has_moved(node)
    block = deploy.deploy_block(state, node, now) if moved else recovery.common_block(state, node, RECOVERY, now)
    if block is not None:
        return _BLOCKED.get(block.code, Status.WAITING), block
    return Status.PENDING, _wait_for_offer(state, node)


def _ending_status(state: ClusterState, node: NodeRecord, intent: Intent) -> tuple[Status, Reason]:
    """Return how the end of the task stands that the intent names: no KILL reaches an agent that is away."""
    status, reason = _live_status(state, node)
    if status is not Status.WAITING:
        return Status.STARTED, Reason(Code.STOPPING_TASK, f"its task is being ended: {intent.reason}")
    if is_leaving(node):
        lost = "if its machine is lost, mark its agent as gone at the Mesos master"
        return status, Reason(Code.LEAVES, f"it has left the ring, but {reason.sentence}; {lost}")
    lost = "; if its machine is lost, replace the node" if replacement.may_give_way(node) else ""
    return status, Reason(
        reason.code, f"{reason.sentence}; {describe(intent.kind)} goes on once it is seen again{lost}"
    )


def _wait_for_offer(state: ClusterState, node: NodeRecord) -> Reason:
    text = state.memory.waits.get(node.name)
    if text is None or text == deploy.NO_OFFER:
        return Reason(Code.NO_OFFER, deploy.NO_OFFER)
    if deploy.is_stranded(state, node):
        text = f"{text}; if its machine is lost, {recovery.ELSEWHERE}"
    return Reason(Code.OWN_AGENT if node.reservation is not None else Code.NO_OFFER_FITS, text)
