"""The completion of a backup: the cluster's manifest, from those of its nodes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from executor.backup.format import layout, manifest
from executor.backup.format.manifest import ClusterManifest, NodeManifest, NodeSummary, Schema, TableSummary
from executor.backup.request import Request
from executor.jobs.context import JobError
from executor.s3.store import Store

_READ_AT_ONCE = 4


@dataclass(frozen=True)
class Part:
    """A document of the backup: its key, and its SHA-256 as reported by the job that wrote it."""

    key: str
    sha256: str


@dataclass
class _Totals:
    tables: dict[tuple[str, str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    nodes: dict[str, NodeSummary] = field(default_factory=dict)
    stored_bytes: int = 0

    def add(self, part: Part, node: NodeManifest) -> None:
        """Add one node's files."""
        components = [component for table in node.tables for component in table.components]
        size = sum(component.size for component in components)
        self.nodes[node.node] = NodeSummary(part.key, part.sha256, node.member, len(components), size)
        # Files of a table with equal content are one object.
        self.stored_bytes += sum({component.key: component.stored_size for component in components}.values())
        for table in node.tables:
            counts = self.tables[table.key_space, table.name, table.id]
            counts[0] += len(table.sstables)
            counts[1] += table.bytes


def summarise(
    store: Store,
    request: Request,
    described: Part,
    parts: Mapping[str, Part],
    times: tuple[float, float],
    check: Callable[[], None],
) -> ClusterManifest:
    """Return the cluster's manifest.

    `described` is the schema's document, `parts` are the nodes' manifests by node, `times` the begin and the end of the
    backup. `check` is called between nodes, and can raise to end the work. Raises JobError, StoreError or DocumentError
    if a document is missing, was changed, or belongs to another backup.
    """
    schema = manifest.read_schema(_proven(store, described), described.key)
    totals = _Totals()
    with ThreadPoolExecutor(_READ_AT_ONCE, "complete") as pool:
        for name, node in zip(parts, pool.map(lambda item: _node(store, request, *item), parts.items()), strict=True):
            check()
            totals.add(parts[name], node)
    return ClusterManifest(
        backup_name=request.backup_name,
        operation=request.operation,
        cluster=request.cluster,
        cluster_name=request.cluster_name,
        started_at=times[0],
        finished_at=times[1],
        schema_key=described.key,
        schema_sha256=described.sha256,
        nodes=totals.nodes,
        tables=_tables(schema, totals),
        ring=schema.ring,
        objects=sum(node.objects for node in totals.nodes.values()),
        bytes=sum(node.bytes for node in totals.nodes.values()),
        stored_bytes=totals.stored_bytes,
    )


def _node(store: Store, request: Request, name: str, part: Part) -> NodeManifest:
    if part.key != layout.node_key(request.backup_name, name):
        raise JobError("complete", f"{part.key} is not the manifest of {name}; make a new backup", hopeless=True)
    found = manifest.read_node(_proven(store, part), part.key)
    if (found.backup_name, found.operation, found.node) != (request.backup_name, request.operation, name):
        text = f"{part.key} is of node {found.node} and operation {found.operation}; make a new backup"
        raise JobError("complete", text, hopeless=True)
    return found


def _proven(store: Store, part: Part) -> bytes:
    data = store.get(part.key)
    if data is None:
        raise JobError("complete", f"{part.key} is missing; make a new backup", hopeless=True)
    if (found := hashlib.sha256(data).hexdigest()) != part.sha256:
        text = f"{part.key} was changed: its SHA-256 is {found}, not {part.sha256}; make a new backup"
        raise JobError("complete", text, hopeless=True)
    return data


def _tables(schema: Schema, totals: _Totals) -> tuple[TableSummary, ...]:
    rows = {(table.key_space, table.name, table.id): table.rows for table in schema.tables}
    found = []
    for name in sorted(rows.keys() | totals.tables.keys()):
        sstables, size = totals.tables.get(name, (0, 0))
        found.append(TableSummary(*name, rows.get(name), sstables, size))
    return tuple(found)
