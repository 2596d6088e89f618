"""What an operator asks of the target: other settings, or those of a configuration that was it before."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.commands.command import Refusal, RefusalKind, SetTarget
from scheduler.core.configuration.target import fingerprint, own_problems, refused_changes
from scheduler.core.nodes.rollout import outdated
from scheduler.core.state.cluster import ClusterState, Configuration, Trial
from scheduler.core.targets import become

MEANWHILE = "The settings were changed by somebody else meanwhile: nothing was done. Look at them, and ask again."


def command_target(state: ClusterState, command: SetTarget, now: float) -> ClusterState | Refusal:
    """The state after the command, the same one if nothing differs; or why the cluster cannot follow."""
    if (state.target.id, state.overrides) != (command.base, command.base_overrides):
        return Refusal(RefusalKind.CONFLICT, MEANWHILE)
    wanted = command.wanted
    problems = (*own_problems(wanted.spec), *refused_changes(state.target.spec, wanted.spec))
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
    then = become(after, known)
    return become(after, known, canary=True) if command.canary and outdated(then) else then
