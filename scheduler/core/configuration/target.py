"""The target: from the settings of this start to the first state, with a new target, the old one, or reasons.

An allowed change becomes the target at once. Nodes that are launched for the first time use it; the others keep their
configuration until the roll-out restarts them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from executor.certificate_messages import OFF, OPTIONAL, REQUIRED
from executor.json_codec import decode, encode
from executor.sentences import by_number
from scheduler.core.configuration.client_certificates import refused_requirement
from scheduler.core.configuration.overrides import Wanted
from scheduler.core.configuration.standing_plans import DEPLOY, plan_record
from scheduler.core.configuration.surplus import note_wishes
from scheduler.core.state.cluster import ClusterState, Records, Stored
from scheduler.core.state.codec import named_by
from scheduler.core.state.configuration import Canary, Configuration, PlanRecord
from scheduler.core.state.lifecycle import may_live
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.reason import Code, Reason
from scheduler.core.state.spec import ClusterSpec

# The number of configurations to keep that no record names.
KEPT = 20


@dataclass(frozen=True)
class Adoption:
    """The first state, and the configuration to store as the new target, if there is one."""

    state: ClusterState
    new_target: Configuration | None = None


def adopt(
    stored: Stored, wanted: Wanted | tuple[str, ...], now: float, new_id: Callable[[], str]
) -> Adoption | tuple[str, ...]:
    """Compare the wanted cluster, or the problems of its settings, with the stored one.

    A refused change keeps the stored target and the overrides; `configuration_errors` has the reasons. A refused first
    start has no target to keep, so the reasons alone are returned. `now` is in seconds since the epoch.
    """
    old = None if stored.target is None else stored.configurations[stored.target]
    if isinstance(wanted, tuple):
        return wanted if old is None else Adoption(build_state(stored, old, wanted))
    spec = wanted.spec
    if old is None:
        if errors := own_problems(spec):
            return errors
        new = Configuration(new_id(), now, spec, wanted.settings)
        return Adoption(
            build_state(replace(stored, configurations={new.id: new}, overrides=wanted.overrides), new), new
        )
    launched = refused_encryption(stored.nodes.values(), stored.configurations, spec)
    if errors := (*own_problems(spec), *refused_changes(old.spec, spec), *launched):
        return Adoption(build_state(stored, old, errors))
    state = build_state(replace(stored, overrides=wanted.overrides), old)
    if fingerprint(old.spec) == fingerprint(spec):
        return Adoption(state)
    new = Configuration(new_id(), now, spec, wanted.settings)
    return Adoption(set_target(state, new), new)


def fingerprint(spec: ClusterSpec) -> str:
    """Return a hash that is equal for specs that mean the same."""
    # A stored amount has one form: 32 and 32.0 are the same.
    stored = decode(ClusterSpec, json.loads(json.dumps(encode(spec))))
    document = json.dumps(encode(stored), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(document.encode()).hexdigest()


def own_problems(spec: ClusterSpec) -> tuple[str, ...]:
    """Return the contradictions within one spec, each a sentence for the plan."""
    if spec.seeds <= spec.nodes:
        return ()
    return (
        f"The number of configured seeds ({spec.seeds}) is greater than the current number of configured nodes "
        f"({spec.nodes}). Reduce the number of seeds or increase the number of nodes",
    )


def refused_changes(old: ClusterSpec, new: ClusterSpec) -> tuple[str, ...]:
    """Return every change that the stored cluster cannot follow, as a sentence for the plan."""
    found = []
    if new.disk_mb != old.disk_mb:
        found.append(
            f"The configured disk size can not be changed. Persisted disk size is ({old.disk_mb}) Mb. "
            f"Configured disk size is ({new.disk_mb}) Mb"
        )
    for name, before, after in _fixed_fields(old, new):
        if before != after:
            found.append(f"The configured {name} can not be changed. Old {name} is ({before}). New {name} is ({after})")
    return tuple(found)


def refused_encryption(
    nodes: Iterable[NodeRecord], configurations: Mapping[str, Configuration], new: ClusterSpec
) -> tuple[str, ...]:
    """Return why nodes with this encryption could not talk to those that run, or their clients not to them."""
    nodes = tuple(nodes)
    requirement = refused_requirement(nodes, configurations, new)
    wanted = new.cassandra.encryption
    if wanted == OPTIONAL:
        return requirement
    other = REQUIRED if wanted == OFF else OFF
    launches = {
        node.name: configurations[node.task.configuration].spec.cassandra.encryption
        for node in nodes
        if node.task is not None and node.task.configuration in configurations
        if node.deployed is not None or may_live(node)
    }
    found = sorted((name for name, encryption in launches.items() if encryption == other), key=by_number)
    if not found:
        return requirement
    return (
        *requirement,
        f"SECURITY_TRANSPORT_ENCRYPTION can not be changed to {wanted} while {', '.join(found)} "
        f"{'run' if len(found) > 1 else 'runs'} with {other}: they could not talk to each other. "
        f"Change it to {OPTIONAL} first, and go on when that is rolled out",
    )


def _fixed_fields(old: ClusterSpec, new: ClusterSpec) -> list[tuple[str, Any, Any]]:
    """Return the fields that Cassandra, its data or its reservations bind to one value, as (name, old, new)."""
    one, other = old.cassandra, new.cassandra
    pairs: list[tuple[str, Any, Any]] = [
        ("disk type", old.disk_type, new.disk_type),
        ("name", old.service_name, new.service_name),
        ("role", old.role, new.role),
        ("principal", old.principal, new.principal),
        ("cluster", one.cluster_name, other.cluster_name),
        ("data center", one.data_center, other.data_center),
        ("rack", one.rack, other.rack),
        ("rack attribute", old.rack_attribute, new.rack_attribute),
    ]
    for port in ("storage", "ssl_storage", "native_transport", "jolokia"):
        pairs.append((f"{port} port", getattr(one.ports, port), getattr(other.ports, port)))
    for option, default in (("partitioner", "org.apache.cassandra.dht.Murmur3Partitioner"), ("num_tokens", 16)):
        pairs.append((option, one.options.get(option, default), other.options.get(option, default)))
    return pairs


def build_state(stored: Stored, target: Configuration, errors: tuple[str, ...] = ()) -> ClusterState:
    """Return the state of the stored records with this target."""
    records = {item.name: getattr(stored, item.name) for item in fields(Records)}
    return ClusterState(target, configuration_errors=errors, **records)


def set_target(state: ClusterState, target: Configuration, canary: bool = False) -> ClusterState:
    """Return the state with another target, and with a new canary or none; an older canary ends.

    A member whose step an operator has forced is left out of the roll-out of the target before, and of no other.
    """
    # Here and not in a cycle: another target can follow before anything is decided.
    state = note_wishes(state)
    forced = {name: node for name, node in state.nodes.items() if node.forced and node.deployed is not None}
    nodes = {**state.nodes, **{name: replace(node, forced=False) for name, node in forced.items()}}
    state = replace(state, nodes=nodes) if forced else state
    before = plan_record(state, DEPLOY)
    plan = replace(before, canary=Canary(target.id) if canary else None)
    plans = state.plans if plan == before else {**state.plans, DEPLOY: plan}
    known = {**state.configurations, target.id: target}
    after = replace(state, target=target, previous=state.target.id, configurations=known, plans=plans)
    return replace(after, configurations=_kept_configurations(after))


def _kept_configurations(state: ClusterState) -> dict[str, Configuration]:
    """Return the configurations that a record names, and the newest of the others."""
    named = {state.target.id, state.previous}.union(*map(named_by, state.nodes.values()))
    others = [found for found in state.configurations.values() if found.id not in named]
    newest = {found.id for found in sorted(others, key=lambda found: found.created_at)[-KEPT:]}
    return {name: found for name, found in state.configurations.items() if name in named | newest}


def canary_of(state: ClusterState) -> Canary | None:
    """Return the canary of the present target; None if it has none."""
    canary = plan_record(state, DEPLOY).canary
    return canary if canary is not None and canary.configuration == state.target.id else None


def choose_canary(state: ClusterState, name: str) -> PlanRecord | None:
    """Return the plan's record with this node as the canary; None if there is no canary to choose."""
    canary = canary_of(state)
    if canary is None or canary.node:
        return None
    return replace(state.plans[DEPLOY], canary=replace(canary, node=name))


def canary_block(state: ClusterState, name: str = "") -> Reason | None:
    """Return the reason why this node, or a new one without a name, does not get the target yet; None if it may."""
    canary = canary_of(state)
    if canary is None or (name and name == canary.node):
        return None
    if not canary.node:
        return None if name else Reason(Code.CANARY, "waits for the first node with the new settings")
    text = f"waits for an operator: {canary.node} has the new settings; continue the plan {DEPLOY}, or roll back"
    return Reason(Code.CANARY, text)
