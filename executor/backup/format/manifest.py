"""What a backup consists of, as its documents say: the claim, the schema, each node's files, and the whole.

Times are seconds since 1970, sizes are bytes, tokens are decimal texts, keys are relative to the location.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from executor.backup.format import document


@dataclass(frozen=True)
class Started:
    """The claim of a backup's name."""

    backup_name: str
    operation: str
    cluster: str
    cluster_name: str
    started_at: float


@dataclass(frozen=True, slots=True)
class Component:
    """One file of an SSTable, by its whole name. `encoding` is `zstd` or `none`; `sha256` is of the plain content."""

    name: str
    size: int
    sha256: str
    key: str
    stored_size: int
    encoding: str


@dataclass(frozen=True, slots=True)
class SSTable:
    """One SSTable by what its files' names begin with; `directory` is an index into the data directories."""

    name: str
    directory: int
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class TableFiles:
    """One table's SSTables on one node."""

    key_space: str
    name: str
    id: str
    sstables: tuple[SSTable, ...]

    @property
    def components(self) -> tuple[Component, ...]:
        """Of all SSTables."""
        return tuple(component for sstable in self.sstables for component in sstable.components)

    @property
    def bytes(self) -> int:
        """Of all components."""
        return sum(component.size for component in self.components)


@dataclass(frozen=True)
class Member:
    """A node as it was when its snapshot was taken."""

    host_id: str
    address: str
    data_center: str
    rack: str
    tokens: tuple[str, ...]
    cassandra_version: str
    partitioner: str
    schema_version: str
    data_directories: tuple[str, ...]
    taken_at: float

    @property
    def num_tokens(self) -> int:
        """How many tokens it has."""
        return len(self.tokens)


@dataclass(frozen=True)
class NodeManifest:
    """All that one node gave."""

    backup_name: str
    operation: str
    cluster: str
    node: str
    member: Member
    tables: tuple[TableFiles, ...]


@dataclass(frozen=True)
class KeySpace:
    """One key space: the statements that make it, in order, each as Cassandra describes it (with internals).

    `system` is one that every cluster makes for itself.
    """

    name: str
    system: bool
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table. `rows` is None when they were not counted."""

    key_space: str
    name: str
    id: str
    rows: int | None


@dataclass(frozen=True)
class RingMember:
    """A member of the ring, in any data center, whether it was backed up or not."""

    host_id: str
    address: str
    data_center: str
    rack: str
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Schema:
    """Schema and ring as one node saw them when all snapshots had been taken.

    `roles_sha256` is of the document of the roles, empty if there is none.
    """

    schema_version: str
    key_spaces: tuple[KeySpace, ...]
    tables: tuple[Table, ...]
    ring: tuple[RingMember, ...]
    roles_sha256: str = ""


@dataclass(frozen=True)
class NodeSummary:
    """One node's part of a backup. `objects` and `bytes` count files as they were, before compression."""

    manifest_key: str
    manifest_sha256: str
    member: Member
    objects: int
    bytes: int


@dataclass(frozen=True)
class TableSummary:
    """One table's part of a backup, on all nodes together."""

    key_space: str
    name: str
    id: str
    rows: int | None
    sstables: int
    bytes: int


@dataclass(frozen=True)
class Absent:
    """A node that was down when the backup was made, and is not in it."""

    address: str | None
    why: str


@dataclass(frozen=True)
class Coverage:
    """How many of a key space's ranges have fewer replicas in the backup than in the ring, and how many have none."""

    ranges: int
    fewer: int
    none: int


@dataclass(frozen=True)
class Moments:
    """When what was: beside the manifest, where executors that do not know it do not look. `counted_at` is when the
    counting of rows ended, None if none were counted; nodes' snapshots have their own `taken_at`."""

    described_at: float
    counted_at: float | None


@dataclass(frozen=True)
class ClusterManifest:
    """The whole: what makes a backup exist.

    Fields with defaults are written when they have another value alone: an executor that does not know them refuses
    the backup then. `left_out` says of tables why they are not in it, though some node had them.
    """

    backup_name: str
    operation: str
    cluster: str
    cluster_name: str
    started_at: float
    finished_at: float
    schema_key: str
    schema_sha256: str
    nodes: Mapping[str, NodeSummary]
    tables: tuple[TableSummary, ...]
    ring: tuple[RingMember, ...]
    objects: int
    bytes: int
    stored_bytes: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, Absent] = field(default_factory=dict)
    coverage: Mapping[str, Coverage] = field(default_factory=dict)


def read_moments(data: bytes, what: str) -> Moments:
    """Raises DocumentError, as all of these."""
    return document.read(Moments, data, what)


def read_started(data: bytes, what: str) -> Started:
    """The claim."""
    return document.read(Started, data, what)


def read_node(data: bytes, what: str) -> NodeManifest:
    """One node's manifest."""
    return document.read(NodeManifest, data, what)


def read_schema(data: bytes, what: str) -> Schema:
    """The schema."""
    return document.read(Schema, data, what)


def read_cluster(data: bytes, what: str) -> ClusterManifest:
    """The cluster's manifest."""
    return document.read(ClusterManifest, data, what)
