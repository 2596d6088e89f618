"""The documents of a backup: the claim, the schema, each node's files, and the whole.

Times are seconds since 1970, sizes are bytes, tokens are decimal texts, keys are relative to the location.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from executor.backup.format import document, layout
from executor.backup.format.rules import (
    MOST_CHARACTERS,
    MOST_COMPONENTS,
    MOST_DIRECTORIES,
    MOST_TOKENS,
    Place,
    folded,
    shown,
)


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
    """One file of an SSTable, by its full name. `encoding` is `zstd` or `none`; `sha256` is of the plain content."""

    name: str
    size: int
    sha256: str
    key: str
    stored_size: int
    encoding: str


@dataclass(frozen=True, slots=True)
class SSTable:
    """One SSTable by the common prefix of its files' names; `directory` is an index into the data directories."""

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
        """Return the components of all SSTables."""
        return tuple(component for sstable in self.sstables for component in sstable.components)

    @property
    def bytes(self) -> int:
        """Return the size of all components."""
        return sum(component.size for component in self.components)


@dataclass(frozen=True)
class Member:
    """A node at the moment of its snapshot."""

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
        """Return the number of its tokens."""
        return len(self.tokens)


@dataclass(frozen=True)
class NodeManifest:
    """The files of one node."""

    backup_name: str
    operation: str
    cluster: str
    node: str
    member: Member
    tables: tuple[TableFiles, ...]


@dataclass(frozen=True)
class KeySpace:
    """One keyspace: its statements in order, each as Cassandra describes it (with internals).

    A `system` keyspace is one that every cluster creates for itself.
    """

    name: str
    system: bool
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table; `rows` is None if they were not counted."""

    key_space: str
    name: str
    id: str
    rows: int | None


@dataclass(frozen=True)
class RingMember:
    """A member of the ring in any data center, in the backup or not."""

    host_id: str
    address: str
    data_center: str
    rack: str
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Schema:
    """Schema and ring as one node saw them after all snapshots.

    `roles_sha256` is of the document of the roles, empty if there is none.
    """

    schema_version: str
    key_spaces: tuple[KeySpace, ...]
    tables: tuple[Table, ...]
    ring: tuple[RingMember, ...]
    roles_sha256: str = ""


@dataclass(frozen=True)
class NodeSummary:
    """One node's part of a backup. `objects` and `bytes` are those of its files, before compression."""

    manifest_key: str
    manifest_sha256: str
    member: Member
    objects: int
    bytes: int


@dataclass(frozen=True)
class TableSummary:
    """One table's part of a backup, over all nodes."""

    key_space: str
    name: str
    id: str
    rows: int | None
    sstables: int
    bytes: int


@dataclass(frozen=True)
class Absent:
    """A node that was down during the backup, and is not in it."""

    address: str | None
    why: str


@dataclass(frozen=True)
class Coverage:
    """The numbers of a keyspace's ranges: all, those with fewer replicas in the backup than in the ring, with none."""

    ranges: int
    fewer: int
    none: int


@dataclass(frozen=True)
class Moments:
    """The times of a backup's steps, beside the manifest, so that older executors ignore them.

    `counted_at` is the end of the row count, None without one. The nodes' snapshots have their own `taken_at`.
    """

    described_at: float
    counted_at: float | None


@dataclass(frozen=True)
class ClusterManifest:
    """The manifest of the whole backup, which makes it exist.

    A field with a default is written only if it has another value: an executor that does not know the field then
    refuses the backup. `left_out` has the reason for each table that is not in it, though some node had it.
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
    """Parse the moments; `what` names the document in errors. Raises DocumentError."""
    found = document.read(Moments, data, what)
    Place(what).moment(found.described_at)
    Place(what).moment(found.counted_at or 0.0)
    return found


def read_started(data: bytes, what: str) -> Started:
    """Parse the claim; `what` names the document in errors. Raises DocumentError."""
    found = document.read(Started, data, what)
    _check_started(found, what)
    return found


def read_node(data: bytes, what: str) -> NodeManifest:
    """Parse one node's manifest; `what` names the document in errors. Raises DocumentError."""
    found = document.read(NodeManifest, data, what)
    _check_node(found, what)
    return found


def read_schema(data: bytes, what: str) -> Schema:
    """Parse the schema; `what` names the document in errors. Raises DocumentError."""
    found = document.read(Schema, data, what)
    _check_schema(found, what)
    return found


def read_cluster(data: bytes, what: str) -> ClusterManifest:
    """Parse the cluster's manifest; `what` names the document in errors. Raises DocumentError."""
    found = document.read(ClusterManifest, data, what)
    _check_cluster(found, what)
    return found


def _check_started(found: Started, what: str) -> None:
    place = Place(what)
    place.names(found.backup_name, found.operation, found.cluster)
    place.moment(found.started_at)


def _check_node(found: NodeManifest, what: str) -> None:
    """Check the manifest that names the files that a restore writes."""
    Place(what).names(found.backup_name, found.operation, found.cluster, found.node)
    place = Place(f"the backup {found.backup_name}", f"node {found.node}")
    _check_member(place, found.member)
    for table in found.tables:
        own = place.within(f"table {shown(f'{table.key_space}.{table.name}')}")
        own.table(table.key_space, table.name, table.id)
        own.once(((item.directory, item.name) for item in table.sstables), "an SSTable stands there once")
        for sstable in table.sstables:
            _check_sstable(own, table.id, sstable)
    place.once(((item.key_space, item.name, item.id) for item in found.tables), "a table stands there once")


def _check_sstable(place: Place, table_id: str, sstable: SSTable) -> None:
    place.sstable(sstable.name)
    rule = f"the data directory of an SSTable is a number from 0 to {MOST_DIRECTORIES - 1}"
    place.demand(0 <= sstable.directory < MOST_DIRECTORIES, sstable.directory, rule)
    rule = f"an SSTable has at most {MOST_COMPONENTS} components"
    place.demand(len(sstable.components) <= MOST_COMPONENTS, len(sstable.components), rule)
    for component in sstable.components:
        place.component(sstable.name, component.name)
        place.counts(component.size, component.stored_size)
        place.content(component.key, table_id, component.sha256, component.encoding)
    place.once((folded(component.name) for component in sstable.components), "a component stands there once")


def _check_schema(found: Schema, what: str) -> None:
    place = Place(what)
    for space in found.key_spaces:
        place.key_space(space.name)
    for table in found.tables:
        place.table(table.key_space, table.name, table.id)
        place.counts(table.rows or 0)
    if found.roles_sha256:
        place.digest(found.roles_sha256)


def _check_cluster(found: ClusterManifest, what: str) -> None:
    Place(what).names(found.backup_name, found.operation, found.cluster)
    place = Place(f"the backup {found.backup_name}")
    place.moment(found.started_at)
    place.moment(found.finished_at)
    place.counts(found.objects, found.bytes, found.stored_bytes)
    _check_document(place, found.schema_key, layout.schema_key(found.backup_name), found.schema_sha256)
    for name, node in found.nodes.items():
        place.names(name)
        own = place.within(f"node {name}")
        _check_document(own, node.manifest_key, layout.node_key(found.backup_name, name), node.manifest_sha256)
        _check_member(own, node.member)
        own.counts(node.objects, node.bytes)
    for table in found.tables:
        place.table(table.key_space, table.name, table.id)
        place.counts(table.rows or 0, table.sstables, table.bytes)
    for part in found.coverage.values():
        place.counts(part.ranges, part.fewer, part.none)


def _check_document(place: Place, key: str, wanted: str, sha256: str) -> None:
    place.demand(key == wanted, key, f"its key is {wanted}")
    place.digest(sha256)


def _check_member(place: Place, member: Member) -> None:
    place.demand(len(member.tokens) <= MOST_TOKENS, len(member.tokens), f"a node has at most {MOST_TOKENS} tokens")
    place.moment(member.taken_at)
    texts = (member.host_id, member.address, member.data_center, member.rack, member.cassandra_version)
    for text in (*texts, member.partitioner, member.schema_version):
        place.demand(len(text) <= MOST_CHARACTERS, text, f"what a node is has at most {MOST_CHARACTERS} characters")
