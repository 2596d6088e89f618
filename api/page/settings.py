"""The target, and which nodes differ from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.documents import cluster
from scheduler.core.configuration.differences import as_text, differences_of
from scheduler.core.configuration.target import canary_of
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index

_HEAD = ("id", "created_at", "errors", "previous", "overrides")


@dataclass(frozen=True)
class Behind:
    """Nodes with one configuration that is not the target, and in what it differs: name, theirs, the target's."""

    configuration: str
    nodes: tuple[str, ...]
    differences: tuple[tuple[str, str, str], ...]


def context(state: ClusterState) -> Mapping[str, Any]:
    """Return the values of the view."""
    document = cluster.configuration(state)
    canary = canary_of(state)
    return {
        "target": document,
        "groups": _groups(document),
        "behind": _behind(state),
        "canary": None if canary is None else canary.node or "the first node",
    }


def _groups(document: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Return the fields of the target by the part of it that they belong to, without those that are empty."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, value in document.items():
        if name not in _HEAD:
            title = name if isinstance(value, Mapping) else "cluster"
            rows = _flat("" if isinstance(value, Mapping) else name, value)
            groups.setdefault(title, []).extend((key, text) for key, text in rows if text)
    return {title: rows for title, rows in groups.items() if rows}


def _behind(state: ClusterState) -> list[Behind]:
    nodes: dict[str, list[str]] = {}
    texts: dict[str, tuple[tuple[str, str, str], ...]] = {}
    for node in by_index(state.nodes.values()):
        if node.task is None or node.deployed is None or node.task.configuration == state.target.id:
            continue
        name = node.task.configuration
        if name not in texts:
            differences = differences_of(state, node)
            texts[name] = tuple((key, as_text(key, old), as_text(key, new)) for key, old, new in differences)
        nodes.setdefault(name, []).append(node.name)
    return [Behind(name, tuple(names), texts[name]) for name, names in nodes.items()]


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}" if name else key, item)
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value, 1):
            yield from _flat(f"{name}.{number}", item)
    elif isinstance(value, list | tuple):
        yield name, ", ".join(str(item) for item in value)
    elif value is not None:
        yield name, "yes" if value is True else "no" if value is False else str(value)
