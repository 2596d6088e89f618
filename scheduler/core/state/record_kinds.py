"""The kinds of records: one declaration each, which the codec, the workspace of a cycle and the clock follow.

A new kind needs its dataclass, a field of `Records` and a line in `KINDS_OF_RECORDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

from scheduler.core.state.authority import AuthorityRecord
from scheduler.core.state.clamping import clamp_garbage, clamp_node, clamp_step
from scheduler.core.state.cluster import ClusterState, GarbageRecord, ReleasedRecord, Stored, UninstallRecord
from scheduler.core.state.configuration import Configuration, Override, PlanRecord
from scheduler.core.state.event import JournalRecord
from scheduler.core.state.logins import LoginsRecord
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
LOGINS = "logins"
AUTHORITY = "authority"


class Record(Protocol):
    """A frozen dataclass that is stored as one document."""

    @property
    def schema_version(self) -> int:
        """Return the version of the format; a scheduler refuses records of a newer one."""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class FrameworkId:
    """The id under which Mesos knows this framework."""

    framework_id: str
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Target:
    """The ids of the target and of the target before, and the overrides."""

    configuration: str
    previous: str | None = None
    overrides: Mapping[str, Override] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class ClusterId:
    """The id that distinguishes this cluster from others of its name, for as long as its records exist."""

    cluster_id: str
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Collection(Generic[R]):
    """A kind with many records, each stored under <folder>/<key>, such as nodes/node-0.

    `attribute` is the field of `Records` that maps keys to records. `clamp` returns a record for a clock that was set
    back (None: its times are for people only). `holds` tells the keys of two kinds in one folder apart. `in_order`: the
    keys sort as the records do, and they are loaded in that order.
    """

    attribute: str
    folder: str
    type: type[R]
    key: Callable[[R], str]
    clamp: Callable[[R, float], R] | None = None
    holds: Callable[[str], bool] = bool
    in_order: bool = False

    def path(self, record: R) -> str:
        """Return where the record is stored, below the service's root."""
        return f"{self.folder}/{self.key(record)}"

    def is_at(self, path: str) -> bool:
        """Return whether a record of this kind can have this path."""
        folder, _, key = path.partition("/")
        return folder == self.folder and bool(key) and self.holds(key)

    def of(self, records: ClusterState | Stored) -> Mapping[str, R]:
        """Return the records of this kind by key."""
        found: Mapping[str, R] = getattr(records, self.attribute)
        return found

    def fields(self, found: Mapping[str, R]) -> Mapping[str, Any]:
        """Return the fields of `Stored` for the records found of this kind."""
        return {self.attribute: dict(sorted(found.items())) if self.in_order else found}


@dataclass(frozen=True)
class Single(Generic[R]):
    """A kind with one record at most, stored at `name`.

    `take` returns the record of a state, None if there is nothing to store; `give` the fields of `Stored` that it
    fills. A cycle does not write those that are not `changing`: they are stored once, when they become known.
    """

    name: str
    type: type[R]
    take: Callable[[ClusterState | Stored], R | None]
    give: Callable[[R], Mapping[str, Any]]
    changing: bool = True

    def key(self, record: R) -> str:
        """Return the key of the only record, which is its path."""
        return self.name

    path = key

    def is_at(self, path: str) -> bool:
        """Return whether a record of this kind can have this path."""
        return path == self.name

    def of(self, records: ClusterState | Stored) -> Mapping[str, R]:
        """Return the record by its path; empty if there is none."""
        record = self.take(records)
        return {} if record is None else {self.name: record}

    def fields(self, found: Mapping[str, R]) -> Mapping[str, Any]:
        """Return the fields of `Stored` for the record found of this kind."""
        return self.give(found[self.name]) if found else {}


def _framework_id(records: ClusterState | Stored) -> FrameworkId | None:
    return None if records.framework_id is None else FrameworkId(records.framework_id)


def _cluster_id(records: ClusterState | Stored) -> ClusterId | None:
    return None if records.cluster_id is None else ClusterId(records.cluster_id)


def _target(records: ClusterState | Stored) -> Target | None:
    name = records.target.id if isinstance(records, ClusterState) else records.target
    return None if name is None else Target(name, records.previous, records.overrides)


def _target_fields(target: Target) -> Mapping[str, Any]:
    return {"target": target.configuration, "previous": target.previous, "overrides": target.overrides}


def _released(records: ClusterState | Stored) -> ReleasedRecord | None:
    return ReleasedRecord(records.released) if records.released else None


# In the order in which they are written: a reader may see each without those that follow.
KINDS_OF_RECORDS: tuple[Collection[Any] | Single[Any], ...] = (
    Single(FRAMEWORK_ID, FrameworkId, _framework_id, lambda it: {"framework_id": it.framework_id}, changing=False),
    Single(CLUSTER_ID, ClusterId, _cluster_id, lambda it: {"cluster_id": it.cluster_id}, changing=False),
    Single(UNINSTALL, UninstallRecord, lambda records: records.uninstall, lambda it: {"uninstall": it}),
    Collection("configurations", CONFIGURATIONS, Configuration, lambda it: it.id),
    Collection("plans", PLANS, PlanRecord, lambda it: it.name, holds=lambda key: key not in KINDS),
    Single(TARGET, Target, _target, _target_fields),
    Collection("nodes", NODES, NodeRecord, lambda it: it.name, clamp_node),
    Collection("operations", PLANS, OperationRecord, lambda it: it.kind, holds=lambda key: key in KINDS),
    Collection("steps", STEPS, StepRecord, lambda it: it.key, clamp_step),
    Collection("history", HISTORY, HistoryRecord, lambda it: it.key),
    Collection("journal", EVENTS, JournalRecord, lambda it: it.key, in_order=True),
    Collection("garbage", GARBAGE, GarbageRecord, lambda it: it.id, clamp_garbage),
    Single(RELEASED, ReleasedRecord, _released, lambda it: {"released": it.ids}),
    Single(LOGINS, LoginsRecord, lambda records: records.logins, lambda it: {"logins": it}),
    Single(AUTHORITY, AuthorityRecord, lambda records: records.authority, lambda it: {"authority": it}),
)
COLLECTIONS = tuple(kind for kind in KINDS_OF_RECORDS if isinstance(kind, Collection))
# Records are stored at the first paths, or one level below the others.
SINGLE = tuple(kind.name for kind in KINDS_OF_RECORDS if isinstance(kind, Single))
FOLDERS = tuple(dict.fromkeys(kind.folder for kind in COLLECTIONS))

_BY_TYPE = {kind.type: kind for kind in KINDS_OF_RECORDS}


def kind_of(record: Record) -> Collection[Any] | Single[Any]:
    """Return the kind that a record is of."""
    return _BY_TYPE[type(record)]


def collection_of(record: Record) -> Collection[Any]:
    """Return the kind of a record of which there are many; raise TypeError for any other."""
    kind = kind_of(record)
    if not isinstance(kind, Collection):
        raise TypeError(f"there is only one {type(record).__name__}: it belongs to no collection")
    return kind


def kind_at(path: str) -> Collection[Any] | Single[Any] | None:
    """Return the kind of record that belongs at this path; None if none does."""
    return next((kind for kind in KINDS_OF_RECORDS if kind.is_at(path)), None)


def with_collections(state: ClusterState, collections: Mapping[str, Mapping[str, Any]]) -> ClusterState:
    """Return the state with other records in these collections, which are named by their attribute."""
    fields: dict[str, Any] = dict(collections)
    return replace(state, **fields) if fields else state


def path_of(record: Record) -> str:
    """Return where a record is stored, below the service's root, such as nodes/node-0."""
    return kind_of(record).path(record)
