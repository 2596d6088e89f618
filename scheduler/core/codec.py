"""Records as the bytes that lie in ZooKeeper: readable JSON, the same bytes for the same record.

Every record carries `schema_version`. What cannot be read, or was written by a newer version, raises StateCorruptError,
which names the record: it is never taken for absent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduler.core.documents import DocumentError, decode, encode
from scheduler.core.state import SCHEMA_VERSION, ClusterState, Configuration, NodeRecord, PlanRecord

FRAMEWORK_ID = "framework-id"
TARGET = "target"
CONFIGURATIONS = "configurations"
NODES = "nodes"
PLANS = "plans"

Record = NodeRecord | PlanRecord | Configuration


class StateCorruptError(Exception):
    """A record that cannot be read; the text names it and says what is wrong."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"the stored record {path} cannot be read: {problem}")
        self.path = path


@dataclass(frozen=True)
class FrameworkId:
    """The id under which Mesos knows this framework."""

    framework_id: str
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Target:
    """Which configuration is wanted."""

    configuration: str
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Stored:
    """All records, as loaded; `framework_id` and `target` are None before the first start has stored them."""

    framework_id: str | None = None
    target: str | None = None
    configurations: Mapping[str, Configuration] = field(default_factory=dict)
    nodes: Mapping[str, NodeRecord] = field(default_factory=dict)
    plans: Mapping[str, PlanRecord] = field(default_factory=dict)


def path_of(record: Record) -> str:
    """Where a record lies, below the service's root."""
    match record:
        case NodeRecord():
            return f"{NODES}/{record.name}"
        case PlanRecord():
            return f"{PLANS}/{record.name}"
        case Configuration():
            return f"{CONFIGURATIONS}/{record.id}"


def encode_record(record: Record | FrameworkId | Target) -> bytes:
    """Canonical JSON: sorted keys, one space of indent, UTF-8."""
    return json.dumps(encode(record), ensure_ascii=False, sort_keys=True, indent=1).encode()


def decode_record(path: str, content: bytes) -> Record | FrameworkId | Target:
    """The record that lies at this path; raises StateCorruptError, also for a path that belongs to no record."""
    cls = _class_at(path)
    document = _parse(path, content)
    try:
        record: Record | FrameworkId | Target = decode(cls, document)
    except DocumentError as error:
        raise StateCorruptError(path, str(error)) from error
    if not isinstance(record, FrameworkId | Target) and path_of(record) != path:
        raise StateCorruptError(path, f"it says of itself that it is {path_of(record)}")
    return record


def _class_at(path: str) -> type[Record | FrameworkId | Target]:
    kind, _, name = path.partition("/")
    kinds: dict[str, type[Record]] = {NODES: NodeRecord, PLANS: PlanRecord, CONFIGURATIONS: Configuration}
    single: dict[str, type[FrameworkId | Target]] = {FRAMEWORK_ID: FrameworkId, TARGET: Target}
    found = kinds.get(kind) if name else single.get(path)
    if found is None:
        raise StateCorruptError(path, "no record belongs there")
    return found


def changes(before: ClusterState, after: ClusterState) -> tuple[NodeRecord | PlanRecord, ...]:
    """The records that have to be stored to get from one state to the other."""
    nodes = [node for name, node in after.nodes.items() if not _same(before.nodes.get(name), node)]
    plans = [plan for name, plan in after.plans.items() if not _same(before.plans.get(name), plan)]
    return (*nodes, *plans)


def _same(one: object, other: object) -> bool:
    return one is other or one == other


def load(contents: Mapping[str, bytes]) -> Stored:
    """All records from their paths; raises StateCorruptError, also where one names a configuration that is missing."""
    framework_id = target = None
    configurations: dict[str, Configuration] = {}
    nodes: dict[str, NodeRecord] = {}
    plans: dict[str, PlanRecord] = {}
    for path, content in contents.items():
        match decode_record(path, content):
            case FrameworkId(framework_id=value):
                framework_id = value
            case Target(configuration=value):
                target = value
            case Configuration() as configuration:
                configurations[configuration.id] = configuration
            case NodeRecord() as node:
                nodes[node.name] = node
            case PlanRecord() as plan:
                plans[plan.name] = plan
    _check_references(target, configurations, nodes.values())
    return Stored(framework_id, target, configurations, nodes, plans)


def _check_references(
    target: str | None, configurations: Mapping[str, Configuration], nodes: Iterable[NodeRecord]
) -> None:
    if target is not None and target not in configurations:
        raise StateCorruptError(TARGET, f"the configuration {target} that it names is missing")
    for node in nodes:
        for name in (node.deployed, None if node.task is None else node.task.configuration):
            if name is not None and name not in configurations:
                raise StateCorruptError(path_of(node), f"the configuration {name} that it names is missing")
        if target is None:
            raise StateCorruptError(path_of(node), "there are nodes, but no target configuration")


def _parse(path: str, content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode())
    except ValueError as error:
        raise StateCorruptError(path, f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise StateCorruptError(path, "not a JSON object")
    version = document.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise StateCorruptError(path, f"schema_version is {version!r}")
    if version > SCHEMA_VERSION:
        raise StateCorruptError(
            path, f"it was written by a newer version (schema {version}, known up to {SCHEMA_VERSION})"
        )
    return document
