"""A backup written by a test, with zstd for some files and none for others."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from backports import zstd
from cassandra.cluster import Session

from executor.backup import document, layout
from executor.backup.manifest import (
    ClusterManifest,
    Component,
    KeySpace,
    Member,
    NodeManifest,
    NodeSummary,
    Schema,
    SSTable,
    Table,
    TableFiles,
    TableSummary,
)
from executor.jolokia import STORAGE_SERVICE, Attribute
from executor.restore.batches import sstable
from tests.feature.cassandra_ring import RingNode

CLUSTER = "c-1"


def write_backup(put: Any, name: str, nodes: Sequence[RingNode], key_spaces: Sequence[str]) -> None:
    """`put(key, content)` writes one object."""
    with nodes[0].cql() as session:
        schema = _schema(session, key_spaces)
    manifests = {node.launch.node: _node(put, name, node, key_spaces) for node in nodes}
    summaries = {}
    for node, manifest in manifests.items():
        content = document.write(manifest)
        put(layout.node_key(name, node), content)
        parts = [part for table in manifest.tables for part in table.components]
        summaries[node] = NodeSummary(
            layout.node_key(name, node), _sha256(content), manifest.member, len(parts), sum(p.size for p in parts)
        )
    content = document.write(schema)
    put(layout.schema_key(name), content)
    whole = ClusterManifest(
        backup_name=name, operation="b", cluster=CLUSTER, cluster_name="ring", started_at=1.0, finished_at=2.0,
        schema_key=layout.schema_key(name), schema_sha256=_sha256(content), nodes=summaries,
        tables=tuple(_summary(table, list(manifests.values())) for table in schema.tables), ring=(),
        objects=0, bytes=sum(s.bytes for s in summaries.values()), stored_bytes=0,
    )  # fmt: skip
    put(layout.manifest_key(name), document.write(whole))


def _schema(session: Session, key_spaces: Sequence[str]) -> Schema:
    spaces, tables = [], []
    for name in key_spaces:
        rows = session.execute(f'DESCRIBE KEYSPACE "{name}" WITH INTERNALS').all()
        spaces.append(KeySpace(name, False, tuple(row.create_statement for row in rows)))
        found = session.execute("SELECT table_name, id FROM system_schema.tables WHERE keyspace_name = %s", [name])
        for row in found:
            count = session.execute(f'SELECT count(*) FROM "{name}"."{row.table_name}"').one()[0]
            tables.append(Table(name, row.table_name, str(row.id), count))
    return Schema("v", tuple(spaces), tuple(tables), ())


def _node(put: Any, backup: str, node: RingNode, key_spaces: Sequence[str]) -> NodeManifest:
    tag = f"backup-{time.monotonic_ns()}"
    node.jolokia.execute(
        STORAGE_SERVICE,
        "takeSnapshot(java.lang.String,java.util.Map,[Ljava.lang.String;)",
        [tag, {}, list(key_spaces)],
        60,
    )
    tables = tuple(
        _table(put, node, directory, tag) for name in key_spaces for directory in sorted((node.data / name).iterdir())
        if (directory / "snapshots" / tag).exists()
    )  # fmt: skip
    node.jolokia.execute(STORAGE_SERVICE, "clearSnapshot(java.lang.String,[Ljava.lang.String;)", [tag, []], 60)
    wanted = Attribute(STORAGE_SERVICE, "Tokens")
    member = Member(
        host_id="h", address=node.address, data_center="dc1", rack="r", cassandra_version="5.0.8", partitioner="m",
        tokens=tuple(node.jolokia.read([wanted], 10)[wanted]), schema_version="v", data_directories=("d",),
        taken_at=1.0,
    )  # fmt: skip
    return NodeManifest(backup, "b", CLUSTER, node.launch.node, member, tables)


def _table(put: Any, node: RingNode, directory: Path, tag: str) -> TableFiles:
    name, _, plain_id = directory.name.rpartition("-")
    lengths, table_id = (8, 4, 4, 4, 12), []
    for length in lengths:
        table_id.append(plain_id[:length])
        plain_id = plain_id[length:]
    found: dict[str, list[Component]] = {}
    for path in _files(directory / "snapshots" / tag):
        content = path.read_bytes()
        encoding = layout.ZSTD_ENCODING if path.name.endswith(("Index.db", "Statistics.db")) else layout.PLAIN_ENCODING
        stored = zstd.compress(content) if encoding == layout.ZSTD_ENCODING else content
        sha256 = _sha256(content)
        key = layout.data_prefix(CLUSTER, node.launch.node) + layout.data_name("-".join(table_id), sha256, encoding)
        put(key, stored)
        part = Component(path.name, len(content), sha256, key, len(stored), encoding)
        found.setdefault(sstable(path.name), []).append(part)
    sstables = tuple(SSTable(name, 0, tuple(parts)) for name, parts in found.items())
    return TableFiles(directory.parent.name, name, "-".join(table_id), sstables)


def _files(snapshot: Path) -> Iterator[Path]:
    for path in sorted(snapshot.iterdir()):
        if path.is_file() and path.name not in ("manifest.json", "schema.cql"):
            yield path


def _summary(table: Table, manifests: Sequence[NodeManifest]) -> TableSummary:
    own = [t for m in manifests for t in m.tables if (t.key_space, t.name) == (table.key_space, table.name)]
    sstables = sum(len(files.sstables) for files in own)
    return TableSummary(table.key_space, table.name, table.id, table.rows, sstables, sum(files.bytes for files in own))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
