"""Differences between configurations that reach a node's launch, so that the node must restart for them.

Some settings are not compared, since they do not affect a running node:

- the number of nodes and of seeds, placement, and time limits;
- the executor's command and the addresses of bundles, which a new version of the scheduler changes. The node's next
  launch uses them.

A bundle with another name is another version of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from executor.certificate_messages import fingerprints
from executor.sentences import list_first
from scheduler.core.configuration.logins import is_managed, stage_differences, stages
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.lifecycle import by_index
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.spec import ClusterSpec

ABSENT = "unset"
SHOWN_LIMIT = 3
HIDDEN = "(not shown)"
# The ends of the names of options with secret values. A name with such a word elsewhere (credentials_validity,
# passwordFile, num_tokens) has no secret value, and neither has a class name such as PasswordAuthenticator.
_SECRET = r"(?i:passwords?|passwd|pwd|passphrase|secrets?|credentials?|(?:secret|private|access|api)[_.-]?key"

_SECRET += r"|(?:auth|access|bearer|session|security)[_.-]?token)"
_SECRET_NAME = re.compile(rf"{_SECRET}$")
_SECRET_INSIDE = re.compile(rf"{_SECRET}[\"']?\s*[=:]")
_PRIVATE_KEY = "PRIVATE KEY-----"
_LOGIN = re.compile(r"://[^/\s@]+@")
# The same inside a value: a Java option, a nested key, or a login in an address.
_SECRET_VALUE = re.compile(rf"{_SECRET}[\"']?\s*[=:]|@")

Difference = tuple[str, Any, Any]


def launch_differences(old: ClusterSpec, new: ClusterSpec) -> tuple[Difference, ...]:
    """Return the differences for a launch as (name, old, new); keys of cassandra.yaml have their own names."""
    if old == new:
        return ()
    return tuple(item for item in _pairs(old, new) if item[1] != item[2])


def describe_changes(differences: tuple[Difference, ...]) -> str:
    """Return the differences as one line for a reason, without the values of secrets."""
    return f"settings changed: {listed_differences(differences)}"


def listed_differences(differences: tuple[Difference, ...]) -> str:
    """Return the first differences as text, and the number of the others."""
    shown = (f"{name} {as_text(name, old)} -> {as_text(name, new)}" for name, old, new in differences[:SHOWN_LIMIT])
    return list_first(shown, SHOWN_LIMIT, len(differences))


def _pairs(old: ClusterSpec, new: ClusterSpec) -> Iterator[Difference]:
    yield "user", old.user, new.user
    yield "cpus", old.resources.cpus, new.resources.cpus
    yield "memory", old.resources.mem, new.resources.mem
    yield "executor cpus", old.executor.resources.cpus, new.executor.resources.cpus
    yield "executor memory", old.executor.resources.mem, new.executor.resources.mem
    yield "task cpus", old.task.cpus, new.task.cpus
    yield "task memory", old.task.mem, new.task.mem
    yield from _of_mappings(old.executor.environment, new.executor.environment)
    yield "bundles", bundles(old), bundles(new)
    yield "image", old.executor.image, new.executor.image
    one, other = old.cassandra, new.cassandra
    for name in ("heap_mb", "heap_new_mb", "gc", "jvm_options", "java_home", "cluster_name", "data_center"):
        yield name, getattr(one, name), getattr(other, name)
    yield "ports", one.ports, other.ports
    yield "transport encryption", one.encryption, other.encryption
    yield "client certificates", one.client_certificates, other.client_certificates
    yield "client authorities", fingerprints(one.client_authorities), fingerprints(other.client_authorities)
    yield from _of_mappings(one.options, other.options)


def _of_mappings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted({*old, *new}):
        yield name, old.get(name, ABSENT), new.get(name, ABSENT)


def bundles(spec: ClusterSpec) -> tuple[str, ...]:
    """Return the names of all bundles but the executor's own, which comes first."""
    return tuple(uri.value.rpartition("/")[2] for uri in spec.executor.uris[1:])


def is_secret_name(name: str) -> bool:
    """Return whether what has this name is a secret: `keyStorePassword`, `private_key`."""
    return _SECRET_NAME.search(name) is not None


def may_hold_secret(text: str) -> bool:
    """Return whether there is a secret with its name inside of a text: `user=a,password=b`."""
    return _SECRET_INSIDE.search(text) is not None


def without_secrets(value: Any) -> Any:
    """Return a value of a configuration as clients read it: what may be a secret, at any depth, is not shown."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if is_secret_name(str(name)) and isinstance(item, str | int) else without_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(item) for item in value]
    if not isinstance(value, str):
        return value
    return HIDDEN if may_hold_secret(value) or _PRIVATE_KEY in value else _LOGIN.sub(f"://{HIDDEN}@", value)


def as_text(name: str, value: Any) -> str:
    """Return a short text for a value, never that of a secret."""
    if value in (None, (), ""):
        return ABSENT
    if _SECRET_NAME.search(name) or _SECRET_VALUE.search(str(value)):
        return HIDDEN
    text = ", ".join(str(item) for item in value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def differences_of(state: ClusterState, node: NodeRecord) -> tuple[Difference, ...]:
    """Return the differences between a member's launch and the target; none for a node that is not a member."""
    if node.deployed is None or node.task is None:
        return ()
    staged = stage_differences(stages(state), node.name) if is_managed(state) else ()
    if node.task.configuration == state.target.id:
        return staged
    return (*staged, *launch_differences(recorded_configuration(state, node).spec, state.target.spec))


def outdated(state: ClusterState) -> dict[str, str]:
    """Return the members that must restart for the target, by name, each with its changes as a sentence."""
    sentences: dict[tuple[str, tuple[Difference, ...]], str] = {}  # by configuration and stage: there are few
    found = {}
    known = stages(state) if is_managed(state) else None
    for node in by_index(node for node in state.nodes.values() if known is not None or _has_older(state, node)):
        if node.deployed is None or node.task is None or node.forced:
            continue
        staged = () if known is None else stage_differences(known, node.name)
        if node.task.configuration == state.target.id and not staged:
            continue
        key = node.task.configuration, staged
        if key not in sentences:
            recorded = recorded_configuration(state, node)
            differences = (*staged, *launch_differences(recorded.spec, state.target.spec))
            sentences[key] = describe_changes(differences) if differences else ""
        if sentences[key]:
            found[node.name] = sentences[key]
    return found


def _has_older(state: ClusterState, node: NodeRecord) -> bool:
    return node.task is not None and node.task.configuration != state.target.id


def recorded_configuration(state: ClusterState, node: NodeRecord) -> Configuration:
    """Return the configuration of the node's newest launch; the target if it is no longer stored."""
    assert node.task is not None
    return state.configurations.get(node.task.configuration, state.target)
