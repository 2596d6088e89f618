"""What of a changed configuration reaches a node's launch, so that the node has to be restarted for it.

Not compared is what is nobody's setting for a running node: the number of nodes and of seeds, placement, time limits;
and what a new version of the scheduler brings along: the executor's command, and where bundles are fetched from. That
is taken at the node's next launch, whatever it is launched for. A bundle of another name is another version of it; the
version by itself reaches no launch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.lifecycle import by_index
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.spec import ClusterSpec

ABSENT = "unset"
SHOWN_LIMIT = 3
HIDDEN = "(not shown)"
# The ends of the names of options whose values are nobody's to read. What only has such a word in its name
# (credentials_validity, passwordFile, num_tokens) or as its value (PasswordAuthenticator) is no secret.
_SECRET = r"(?i:passwords?|passwd|pwd|passphrase|secrets?|credentials?|(?:secret|private|access|api)[_.-]?key"

_SECRET += r"|(?:auth|access|bearer|session|security)[_.-]?token)"
_SECRET_NAME = re.compile(rf"{_SECRET}$")
# The same inside of a value: an option of Java, a nested key; or a login in an address.
_SECRET_VALUE = re.compile(rf"{_SECRET}[\"']?\s*[=:]|@")

Difference = tuple[str, Any, Any]


def launch_differences(old: ClusterSpec, new: ClusterSpec) -> tuple[Difference, ...]:
    """What differs for a launch, as (name, old value, new value); cassandra.yaml's options under their own names."""
    if old == new:
        return ()
    return tuple(item for item in _pairs(old, new) if item[1] != item[2])


def describe_changes(differences: tuple[Difference, ...]) -> str:
    """Differences for people, on one line, without the values of secrets."""
    return f"settings changed: {listed_differences(differences)}"


def listed_differences(differences: tuple[Difference, ...]) -> str:
    """The first of them, and how many more there are."""
    shown = [f"{name} {as_text(name, old)} -> {as_text(name, new)}" for name, old, new in differences[:SHOWN_LIMIT]]
    more = f" and {len(differences) - SHOWN_LIMIT} more" if len(differences) > SHOWN_LIMIT else ""
    return ", ".join(shown) + more


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
    one, other = old.cassandra, new.cassandra
    for name in ("heap_mb", "heap_new_mb", "gc", "jvm_options", "java_home", "cluster_name", "data_center"):
        yield name, getattr(one, name), getattr(other, name)
    yield "ports", one.ports, other.ports
    yield from _of_mappings(one.options, other.options)


def _of_mappings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted({*old, *new}):
        yield name, old.get(name, ABSENT), new.get(name, ABSENT)


def bundles(spec: ClusterSpec) -> tuple[str, ...]:
    """The names of all bundles but the executor's own, which comes first."""
    return tuple(uri.value.rpartition("/")[2] for uri in spec.executor.uris[1:])


def as_text(name: str, value: Any) -> str:
    """A value for people: short, and not that of a secret."""
    if value in (None, (), ""):
        return ABSENT
    if _SECRET_NAME.search(name) or _SECRET_VALUE.search(str(value)):
        return HIDDEN
    text = ", ".join(str(item) for item in value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def differences_of(state: ClusterState, node: NodeRecord) -> tuple[Difference, ...]:
    """What the node was launched with and is not wanted any more; nothing for one that is no member."""
    if node.deployed is None or node.task is None or node.task.configuration == state.target.id:
        return ()
    return launch_differences(recorded_configuration(state, node).spec, state.target.spec)


def outdated(state: ClusterState) -> dict[str, str]:
    """The members that have to be restarted for the target, by name: what has changed, as a sentence."""
    sentences: dict[str, str] = {}  # by configuration: there are few
    found = {}
    for node in by_index(state.nodes.values()):
        if node.deployed is None or node.task is None or node.forced or node.task.configuration == state.target.id:
            continue
        name = node.task.configuration
        if name not in sentences:
            differences = differences_of(state, node)
            sentences[name] = describe_changes(differences) if differences else ""
        if sentences[name]:
            found[node.name] = sentences[name]
    return found


def recorded_configuration(state: ClusterState, node: NodeRecord) -> Configuration:
    assert node.task is not None
    return state.configurations.get(node.task.configuration, state.target)
