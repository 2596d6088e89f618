"""Records as the bytes that lie in ZooKeeper: readable JSON, the same bytes for the same record.

Every record carries `schema_version`. What cannot be read, or was written by a newer version, raises StateCorruptError,
which names the record: it is never taken for absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduler.core.state.cluster import ClusterState, GarbageRecord, ReleasedRecord, UninstallRecord
from scheduler.core.state.configuration import Configuration, Override, PlanRecord
from scheduler.core.state.documents import DocumentError, decode, encode
from scheduler.core.state.event import JournalRecord
from scheduler.core.state.node import SCHEMA_VERSION, NodeRecord
from scheduler.core.state.operation import HistoryRecord, OperationRecord, StepRecord
from scheduler.core.state.operation_kinds import KINDS

FRAMEWORK_ID = "framework-id"
TARGET = "target"
CONFIGURATIONS = "configurations"
NODES = "nodes"
PLANS = "plans"
STEPS = "steps"
HISTORY = "history"
EVENTS = "events"
CLUSTER_ID = "cluster-id"
GARBAGE = "garbage"
RELEASED = "released"
UNINSTALL = "uninstall"
# Records lie at the first paths, or one level below the others.
SINGLE = (FRAMEWORK_ID, TARGET, CLUSTER_ID, RELEASED, UNINSTALL)
FOLDERS = (CONFIGURATIONS, NODES, PLANS, STEPS, HISTORY, EVENTS, GARBAGE)


Record = (
    NodeRecord
    | PlanRecord
    | OperationRecord
    | StepRecord
    | HistoryRecord
    | JournalRecord
    | GarbageRecord
    | Configuration
)


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
    """Which configuration is wanted, which was before, and the settings that were given through the API."""

    configuration: str
    previous: str | None = None
    overrides: Mapping[str, Override] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class ClusterId:
    """Tells this cluster from others of the same name, for as long as its records live."""

    cluster_id: str
    schema_version: int = SCHEMA_VERSION


Single = FrameworkId | Target | ClusterId | ReleasedRecord | UninstallRecord
# What a cycle may write; a configuration is added or removed, and never changes.
Changing = Record | Target | ReleasedRecord | UninstallRecord


@dataclass(frozen=True)
class Stored:
    """All records, as loaded; those that stand alone are None before the first start has stored them."""

    framework_id: str | None = None
    target: str | None = None
    configurations: Mapping[str, Configuration] = field(default_factory=dict)
    nodes: Mapping[str, NodeRecord] = field(default_factory=dict)
    plans: Mapping[str, PlanRecord] = field(default_factory=dict)
    cluster_id: str | None = None
    operations: Mapping[str, OperationRecord] = field(default_factory=dict)
    steps: Mapping[str, StepRecord] = field(default_factory=dict)
    history: Mapping[str, HistoryRecord] = field(default_factory=dict)
    journal: Mapping[str, JournalRecord] = field(default_factory=dict)
    previous: str | None = None
    overrides: Mapping[str, Override] = field(default_factory=dict)
    garbage: Mapping[str, GarbageRecord] = field(default_factory=dict)
    released: tuple[str, ...] = ()
    uninstall: UninstallRecord | None = None


def path_of(record: Changing) -> str:
    """Where a record lies, below the service's root."""
    match record:
        case NodeRecord():
            return f"{NODES}/{record.name}"
        case PlanRecord():
            return f"{PLANS}/{record.name}"
        case OperationRecord():
            return f"{PLANS}/{record.kind}"
        case StepRecord():
            return f"{STEPS}/{record.key}"
        case HistoryRecord():
            return f"{HISTORY}/{record.key}"
        case JournalRecord():
            return f"{EVENTS}/{record.key}"
        case GarbageRecord():
            return f"{GARBAGE}/{record.id}"
        case Configuration():
            return f"{CONFIGURATIONS}/{record.id}"
        case Target():
            return TARGET
        case ReleasedRecord():
            return RELEASED
        case UninstallRecord():
            return UNINSTALL


def encode_record(record: Changing | Single) -> bytes:
    """Canonical JSON: sorted keys, one space of indent, UTF-8."""
    return json.dumps(encode(record), ensure_ascii=False, sort_keys=True, indent=1).encode()


def decode_record(path: str, content: bytes) -> Record | Single:
    """The record that lies at this path; raises StateCorruptError, also for a path that belongs to no record."""
    cls = _class_at(path)
    document = _parse(path, content)
    try:
        record: Record | Single = decode(cls, document)
    except DocumentError as error:
        raise StateCorruptError(path, str(error)) from error
    if not isinstance(record, Single) and path_of(record) != path:
        raise StateCorruptError(path, f"it says of itself that it is {path_of(record)}")
    return record


def _class_at(path: str) -> type[Record | Single]:
    kind, _, name = path.partition("/")
    kinds: dict[str, type[Record]] = {
        NODES: NodeRecord,
        PLANS: OperationRecord if name in KINDS else PlanRecord,
        STEPS: StepRecord,
        HISTORY: HistoryRecord,
        EVENTS: JournalRecord,
        GARBAGE: GarbageRecord,
        CONFIGURATIONS: Configuration,
    }
    single: dict[str, type[Single]] = {
        FRAMEWORK_ID: FrameworkId,
        TARGET: Target,
        CLUSTER_ID: ClusterId,
        RELEASED: ReleasedRecord,
        UNINSTALL: UninstallRecord,
    }
    found = kinds.get(kind) if name else single.get(path)
    if found is None:
        raise StateCorruptError(path, "no record belongs there")
    return found


def contents(state: ClusterState) -> dict[str, Changing]:
    """Every record of the state that a cycle may change, by path."""
    return {path_of(record): record for records in _maps(state) for record in records.values()}


def changes(before: ClusterState | Stored, after: ClusterState) -> tuple[Changing, ...]:
    """The records that have to be stored to get from one state to the other, in an order in which each may be seen
    without those that follow."""
    found: list[Changing] = []
    for old, new in zip(_maps(before), _maps(after), strict=True):
        if old is not new:
            found += [record for name, record in new.items() if not _same(old.get(name), record)]
    return tuple(found)


def removals(before: ClusterState | Stored, after: ClusterState) -> tuple[str, ...]:
    """The paths of the records that have to be removed to get from one state to the other."""
    found: list[str] = []
    for old, new in zip(_maps(before), _maps(after), strict=True):
        if old is not new:
            found += [path_of(record) for name, record in old.items() if name not in new]
    return tuple(found)


def _maps(of: ClusterState | Stored) -> tuple[Mapping[str, Changing], ...]:
    kept = (of.operations, of.steps, of.history, of.journal, of.garbage)
    return (_uninstall(of), of.configurations, of.plans, _target(of), of.nodes, *kept, _released(of))


def _target(of: ClusterState | Stored) -> Mapping[str, Target]:
    name = of.target.id if isinstance(of, ClusterState) else of.target
    return {} if name is None else {TARGET: Target(name, of.previous, of.overrides)}


def _released(of: ClusterState | Stored) -> Mapping[str, ReleasedRecord]:
    return {RELEASED: ReleasedRecord(of.released)} if of.released else {}


def _uninstall(of: ClusterState | Stored) -> Mapping[str, UninstallRecord]:
    return {} if of.uninstall is None else {UNINSTALL: of.uninstall}


def _same(one: object, other: object) -> bool:
    return one is other or one == other


def load(contents: Mapping[str, bytes]) -> Stored:
    """All records from their paths; raises StateCorruptError, also where one names a configuration that is missing."""
    found = _Loaded()
    for path, content in contents.items():
        found.take(decode_record(path, content))
    stored = found.result()
    _check_references(stored)
    return stored


class _Loaded:
    """Records as they come, sorted by what they are."""

    def __init__(self) -> None:
        self._single: dict[str, str] = {}
        self._target: Target | None = None
        self._configurations: dict[str, Configuration] = {}
        self._nodes: dict[str, NodeRecord] = {}
        self._plans: dict[str, PlanRecord] = {}
        self._operations: dict[str, OperationRecord] = {}
        self._steps: dict[str, StepRecord] = {}
        self._history: dict[str, HistoryRecord] = {}
        self._journal: dict[str, JournalRecord] = {}
        self._garbage: dict[str, GarbageRecord] = {}
        self._released: tuple[str, ...] = ()
        self._uninstall: UninstallRecord | None = None

    def take(self, record: Record | Single) -> None:
        match record:
            case FrameworkId(framework_id=value):
                self._single[FRAMEWORK_ID] = value
            case Target():
                self._target = record
            case ClusterId(cluster_id=value):
                self._single[CLUSTER_ID] = value
            case Configuration():
                self._configurations[record.id] = record
            case NodeRecord():
                self._nodes[record.name] = record
            case PlanRecord():
                self._plans[record.name] = record
            case OperationRecord():
                self._operations[record.kind] = record
            case StepRecord():
                self._steps[record.key] = record
            case HistoryRecord():
                self._history[record.key] = record
            case JournalRecord():
                self._journal[record.key] = record
            case GarbageRecord():
                self._garbage[record.id] = record
            case ReleasedRecord():
                self._released = record.ids
            case UninstallRecord():
                self._uninstall = record

    def result(self) -> Stored:
        return Stored(
            framework_id=self._single.get(FRAMEWORK_ID),
            target=None if self._target is None else self._target.configuration,
            configurations=self._configurations,
            nodes=self._nodes,
            plans=self._plans,
            cluster_id=self._single.get(CLUSTER_ID),
            operations=self._operations,
            steps=self._steps,
            history=self._history,
            journal=dict(sorted(self._journal.items())),
            previous=None if self._target is None else self._target.previous,
            overrides={} if self._target is None else self._target.overrides,
            garbage=self._garbage,
            released=self._released,
            uninstall=self._uninstall,
        )


def named_by(node: NodeRecord) -> set[str]:
    """The configurations that a node's record names."""
    names = {node.deployed, None if node.task is None else node.task.configuration}
    if node.intent is not None:
        names |= {node.intent.configuration, node.intent.previous.deployed if node.intent.previous else None}
    return {name for name in names if name is not None}


def _check_references(stored: Stored) -> None:
    for name in filter(None, (stored.target, stored.previous)):
        if name not in stored.configurations:
            raise StateCorruptError(TARGET, f"the configuration {name} that it names is missing")
    for node in stored.nodes.values():
        for name in sorted(named_by(node)):
            if name not in stored.configurations:
                raise StateCorruptError(path_of(node), f"the configuration {name} that it names is missing")
        if stored.target is None:
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
