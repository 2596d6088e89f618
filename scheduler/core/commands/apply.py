"""Commands of operators, carried out: a changed state to store, or a refusal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from scheduler.core.commands.certificates import command_certificates
from scheduler.core.commands.command import (
    Command,
    ForceComplete,
    Interrupt,
    NodeCommand,
    Proceed,
    Refusal,
    RefusalKind,
    RenewCertificates,
    RestartStep,
    ResumeOperation,
    RotateAuthority,
    SetTarget,
    StartOperation,
    StopOperation,
    TuneOperation,
    Uninstall,
)
from scheduler.core.commands.maintenance import command_operation, command_plan, command_step, mark_interrupt
from scheduler.core.commands.nodes import command_node
from scheduler.core.commands.uninstall import command_uninstall
from scheduler.core.configuration.differences import outdated
from scheduler.core.configuration.standing_plans import CERTIFICATES, DEPLOY, RECOVERY, plan_record
from scheduler.core.configuration.target import (
    fingerprint,
    own_problems,
    refused_changes,
    refused_encryption,
    set_target,
)
from scheduler.core.nodes import decommission, deploy
from scheduler.core.nodes.gates import gate_block, let_pass, unconditional_block
from scheduler.core.nodes.replacement import has_moved
from scheduler.core.plans.build import build_plan, plan_names
from scheduler.core.plans.plan import Phase, Status, Step
from scheduler.core.state.cluster import ClusterState, Reconciliation, Trial, UninstallRecord
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.lifecycle import LIVE, may_live
from scheduler.core.state.node import Failures, NodeRecord
from scheduler.core.state.operation import StepRecord
from scheduler.core.state.operation_kinds import KINDS
from scheduler.core.state.operation_steps import steps

Part = TypeVar("Part", Phase, Step)

MEANWHILE = "Other settings were stored meanwhile: nothing was changed. Read the settings, and send the request again."


def apply_command(state: ClusterState, command: Command, now: float) -> ClusterState | Refusal:
    """Return the state after the command, to be stored before the answer, or a refusal."""
    if state.uninstall is not None:
        return command_uninstall(state, command)
    if isinstance(command, Uninstall):
        return replace(state, uninstall=UninstallRecord(started_at=now, principal=command.principal))
    if isinstance(command, StartOperation | StopOperation | ResumeOperation | TuneOperation):
        return command_operation(state, command, now)
    if isinstance(command, NodeCommand):
        return command_node(state, command, now)
    if isinstance(command, RenewCertificates | RotateAuthority):
        return command_certificates(state, command)
    if isinstance(command, SetTarget):
        return command_target(state, command, now)
    names = plan_names(state)
    if command.plan not in names:
        return Refusal(RefusalKind.UNKNOWN, f"there is no plan {command.plan!r}; there are {', '.join(names)}")
    if isinstance(command, Interrupt | Proceed):
        if command.plan in state.operations:
            return command_plan(state, command, now)
        return _mark(state, command, now)
    return _step_command(state, command, now)


def _mark(state: ClusterState, command: Interrupt | Proceed, now: float) -> ClusterState:
    """Interrupt a plan or let it continue; without an interrupt, `continue` ends the wait for a canary."""
    before = plan_record(state, command.plan)
    after = mark_interrupt(before, command, now)
    if isinstance(command, Proceed) and not before.interrupted:
        after = replace(before, canary=None)
    return state if before == after else replace(state, plans={**state.plans, command.plan: after})


def _step_command(state: ClusterState, command: ForceComplete | RestartStep, now: float) -> ClusterState | Refusal:
    found = _find(state, command, now)
    if isinstance(found, Refusal):
        return found
    phase, step = found
    if command.plan in state.operations:
        return command_step(state, command, _record(state, command.plan, phase.name, step.name))
    if command.plan == CERTIFICATES:
        text = f"a step of the plan {CERTIFICATES} cannot be forced or restarted: its node is asked until it is proven"
        return Refusal(RefusalKind.INVALID, text)
    if phase.name not in ("Deploy", "Recovery"):
        return _other_step(state, command, step)
    node = deploy.record_of(state, step.name)
    if isinstance(command, RestartStep):
        return _restart_node(state, node)
    if command.plan == RECOVERY:
        return Refusal(RefusalKind.INVALID, f"a step of the plan {command.plan} cannot be forced: its node is down")
    if (leaving := decommission.departure_reason(state, node)) is not None:
        return Refusal(RefusalKind.CONFLICT, f"The step of {node.name} cannot be forced: {leaving.sentence}")
    if has_moved(node):
        return Refusal(RefusalKind.CONFLICT, f"The step of {node.name} cannot be forced: it is being replaced")
    if node.name in outdated(state):
        if (block := unconditional_block(state, node)) is not None:
            return Refusal(RefusalKind.CONFLICT, f"The step of {node.name} cannot be forced: it {block.sentence}")
        if gate_block(state, node) is not None:
            return replace(state, plans={**state.plans, DEPLOY: let_pass(state, node.name)})
    return _store(state, node, replace(node, forced=True))


def _restart_node(state: ClusterState, node: NodeRecord) -> ClusterState | Refusal:
    """Let a node's step begin again, on any agent if the one on which the node was to join is away.

    The task of a node that has not joined is ended: Cassandra can hang in its start.
    """
    if not deploy.is_stranded(state, node):
        return _store(state, node, deploy.give_up_join(reset_node(node)))
    out = (
        "wait for its agent, or remove it from the ring (nodetool removenode) if its machine is lost; "
        "a node that has not joined is forgotten within minutes"
    )
    if (doubt := decommission.ring_doubt(state, node, out)) is not None:
        words = f"The step of {node.name} cannot begin again on another agent yet: {doubt}"
        return Refusal(RefusalKind.CONFLICT, words)
    return _store(state, node, deploy.abandon(reset_node(node)))


def reset_node(node: NodeRecord) -> NodeRecord:
    """Return the node without failures, and without a reservation that no offer has shown."""
    node = replace(node, failures=Failures(), forced=False, left=False, left_host="")
    never_seen = node.reservation is not None and not node.reservation.seen and node.deployed is None
    if never_seen and (node.task is None or node.task.state not in LIVE):
        return deploy.abandon(node)
    return node


def _record(state: ClusterState, kind: str, phase: str, name: str) -> StepRecord:
    operation = state.operations[kind]
    chosen = next(item for item in KINDS[kind].phases if item.name == phase)
    return next(step for step in steps(state, operation, chosen) if step.name == name)


def _other_step(state: ClusterState, command: ForceComplete | RestartStep, step: Step) -> ClusterState | Refusal:
    if isinstance(command, ForceComplete):
        return Refusal(RefusalKind.INVALID, f"the step {step.name} cannot be forced: a task could be started twice")
    pending = frozenset(node.name for node in state.nodes.values() if may_live(node))
    again = Reconciliation(pending=pending, started=state.registered)
    return replace(state, reconciliation=again)


def _store(state: ClusterState, before: NodeRecord, after: NodeRecord) -> ClusterState:
    return state if before == after else replace(state, nodes={**state.nodes, after.name: after})


def _find(state: ClusterState, command: ForceComplete | RestartStep, now: float) -> tuple[Phase, Step] | Refusal:
    phases = build_plan(state, command.plan, now).phases
    if command.phase is not None:
        phases = tuple(_named(phases, command.phase))
        if not phases:
            return Refusal(RefusalKind.UNKNOWN, f"the plan {command.plan} has no phase {command.phase!r}")
    found = [(phase, step) for phase in phases for step in _named(phase.steps, command.step)]
    # A node has a step in several phases: without a phase, those that are over are not meant.
    found.sort(key=lambda item: item[1].status is Status.COMPLETE)
    return found[0] if found else Refusal(RefusalKind.UNKNOWN, f"the plan {command.plan} has no step {command.step!r}")


def _named(parts: Iterable[Part], name: str) -> list[Part]:
    return [part for part in parts if name in (part.id, part.name)]


def command_target(state: ClusterState, command: SetTarget, now: float) -> ClusterState | Refusal:
    """Return the state after the command, the same one without a difference, or why the cluster cannot follow."""
    if (state.target.id, state.overrides) != (command.base, command.base_overrides):
        return Refusal(RefusalKind.CONFLICT, MEANWHILE)
    wanted = command.wanted
    problems = (
        *own_problems(wanted.spec),
        *refused_changes(state.target.spec, wanted.spec),
        *refused_encryption(state.nodes.values(), state.configurations, wanted.spec),
    )
    if problems:
        return Refusal(RefusalKind.CONFLICT, ". ".join(problems) + ".")
    after = replace(state, overrides=wanted.overrides, policy=wanted.policy, configuration_errors=())
    wanted_print = fingerprint(wanted.spec)
    if wanted_print == fingerprint(state.target.spec):
        return state if after == state else after
    known = state.configurations.get(command.configuration)
    if known is None or fingerprint(known.spec) != wanted_print:
        known = Configuration(command.new_id, now, wanted.spec, wanted.settings)
    if command.tried:
        after = replace(after, memory=replace(after.memory, trial=Trial(known.id, over=True)))
    then = set_target(after, known)
    return set_target(after, known, canary=True) if command.canary and outdated(then) else then
