"""Preview of other settings: the changes, the nodes that restart or leave, and the refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from scheduler.core.configuration.client_certificates import lost_logins
from scheduler.core.configuration.differences import Difference, as_text, launch_differences, outdated
from scheduler.core.configuration.overrides import Wanted
from scheduler.core.configuration.surplus import surplus
from scheduler.core.configuration.target import own_problems, refused_changes, refused_encryption
from scheduler.core.plans.cautions import cautions
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.spec import ClusterSpec, Policy

PREVIEW = "preview"


@dataclass(frozen=True)
class Change:
    """One difference from the target, as texts without secrets; `restart`: it restarts nodes."""

    name: str
    old: str
    new: str
    restart: bool


@dataclass(frozen=True)
class Preview:
    """The effect of other settings. `refusals` are sentences; with any of them nothing would change."""

    changes: tuple[Change, ...]
    refusals: tuple[str, ...]
    restarts: tuple[str, ...]
    leaves: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def preview(state: ClusterState, asked: Wanted) -> Preview:
    """Return the effect of these settings.

    `restarts` are all nodes that a roll-out would restart, `leaves` those that would leave the ring, in this order.
    """
    old, wanted = state.target.spec, asked.spec
    launched = refused_encryption(state.nodes.values(), state.configurations, wanted)
    refusals = (*own_problems(wanted), *refused_changes(old, wanted), *launched)
    changes = [_change(item, restart=True) for item in launch_differences(old, wanted)]
    changes += [_change(item, restart=True) for item in _security(old, wanted) if item[1] != item[2]]
    others = (*_others(old, wanted), *_policies(state.policy, asked.policy))
    changes += [_change(item, restart=False) for item in others if item[1] != item[2]]
    if refusals:
        return Preview(tuple(changes), refusals, ())
    target = replace(state.target, id=PREVIEW, spec=wanted)
    configurations = {**state.configurations, state.target.id: state.target}
    then = replace(state, target=target, configurations=configurations)
    leaves = tuple(node.name for node in surplus(then) if node.deployed is not None)
    told = (*cautions(state, wanted), *lost_logins(old, wanted))
    return Preview(tuple(changes), (), tuple(outdated(then)), leaves, told)


def _others(old: ClusterSpec, new: ClusterSpec) -> Iterator[Difference]:
    """Yield the settings that reach no running node by themselves, or that are refused."""
    for name in ("nodes", "seeds", "placement", "rack_attribute", "disk_mb", "disk_type", "role", "principal"):
        yield name, getattr(old, name), getattr(new, name)
    yield "name", old.service_name, new.service_name
    yield "rack", old.cassandra.rack, new.cassandra.rack
    yield "executor command", old.executor.command, new.executor.command
    yield "shutdown grace", old.executor.shutdown_grace_seconds, new.executor.shutdown_grace_seconds
    yield "bundle addresses", _addresses(old), _addresses(new)


def _security(old: ClusterSpec, new: ClusterSpec) -> Iterator[Difference]:
    """Yield the settings for which members restart, once or twice."""
    for name in ("authentication", "authorization"):
        yield name, getattr(old.cassandra, name), getattr(new.cassandra, name)


def _policies(old: Policy, new: Policy) -> Iterator[Difference]:
    yield "replace after", old.replace_after_seconds, new.replace_after_seconds
    yield "cleanup after scale", old.cleanup_after_scale, new.cleanup_after_scale
    yield "grace of garbage", old.garbage_grace_seconds, new.garbage_grace_seconds
    yield "bundle digests", tuple(old.digests.items()), tuple(new.digests.items())
    yield "days of certificates", old.certificate_days, new.certificate_days
    yield "days of passwords", old.password_days, new.password_days


def _addresses(spec: ClusterSpec) -> tuple[str, ...]:
    return tuple(uri.value for uri in spec.executor.uris)


def _change(difference: Difference, restart: bool) -> Change:
    name, old, new = difference
    return Change(name, as_text(name, old), as_text(name, new), restart)
