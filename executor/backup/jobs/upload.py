"""The job `backup-upload`: sends the files of this node's snapshot to the bucket, then the node's manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from executor.backup import catalog, removal, snapshots
from executor.backup.format import document, layout, manifest
from executor.backup.format.manifest import Component, NodeManifest, SSTable, TableFiles
from executor.backup.request import Request, open_location, read
from executor.backup.snapshots import Note, SnapshotTable
from executor.backup.upload.files import SnapshotFile, TableId, snapshot_directories, snapshot_files
from executor.backup.upload.run import Control, Uploaded, upload_files
from executor.cql.ddl import views_in
from executor.cql.tokenizer import CqlError
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.s3.store import Store

_HASHES = "sha256.txt"


def backup_upload(context: JobContext) -> Mapping[str, Any]:
    """Send what no earlier backup or attempt has sent, then the node's manifest. Raises JobError."""
    request = read(context.launch.parameters)
    with open_location(context, request) as store:
        prefix = layout.data_prefix(request.cluster, context.launch.node)
        key = layout.node_key(request.backup_name, context.launch.node)
        catalog.check(store, request.backup_name, request.operation)
        note = _note(context, request)
        removal.wait_for_end(store, context.wait, lambda words: context.tell(JobProgress(waiting=words)))
        views = _views(store, request)
        left_out = _left_out(context)
        found = snapshot_files(context.node.data_directories, request.tag)
        files = [
            file
            for file in found
            if (file.table.key_space, file.table.name) not in views and not _is_out(file.table, left_out)
        ]
        uploaded = upload_files(store, prefix, files, context.node.scratch / _HASHES, control(context), store.vault)
        catalog.check(store, request.backup_name, request.operation)
        written = _manifest(context, request, without(note, views), uploaded)
        content = document.write(written)
        store.put_document(key, content)
        return {
            "manifest_key": key,
            "manifest_sha256": hashlib.sha256(content).hexdigest(),
            "objects": len(files),
            "bytes": sum(file.size for file in files),
            "sent_objects": uploaded.sent_objects,
            "sent_bytes": uploaded.sent_bytes,
            "tables": len(written.tables),
        }


def _views(store: Store, request: Request) -> set[tuple[str, str]]:
    """Return the materialized views, which a restore builds from their tables."""
    key = layout.schema_key(request.backup_name)
    content = store.get(key)
    if content is None:
        raise JobError("upload", f"{key} is missing; make a new backup", hopeless=True)
    try:
        spaces = manifest.read_schema(content, key).key_spaces
        found = views_in(text for space in spaces for text in space.statements)
    except CqlError as error:
        raise JobError("upload", f"{key}: {error}", hopeless=True) from error
    return {(view.key_space, view.table) for view in found}


def without(note: Note, views: Container[tuple[str, str]]) -> Note:
    """Return a snapshot's note without these views."""
    return replace(note, tables=tuple(table for table in note.tables if (table.key_space, table.name) not in views))


def control(context: JobContext) -> Control:
    """Return a job's control of an upload: cancellation, progress, and the tuned throttle."""
    return Control(context.check, context.tell, limit(context))


def limit(context: JobContext) -> Callable[[], float]:
    """Return a function that gives the tuned throttle in bytes per second."""
    return lambda: float(context.tuning.get("throttle") or 0)


def _note(context: JobContext, request: Request) -> Note:
    note = snapshots.note(context.node, request.tag)
    if note is None:
        text = f"the snapshot {request.tag} is not on this node's volume; make a new backup"
        raise JobError("upload", text, hopeless=True)
    left_out = _left_out(context)
    note = replace(note, tables=tuple(table for table in note.tables if not _is_out(table, left_out)))
    wanted = {TableId(table.key_space, table.name, table.id) for table in note.tables}
    there = {table for table, _, _ in snapshot_directories(context.node.data_directories, request.tag)}
    if missing := sorted(wanted - there):
        text = f"the snapshot {request.tag} lacks {len(missing)} tables, {missing[0]} among them; make a new backup"
        raise JobError("upload", text, hopeless=True)
    return note


def _left_out(context: JobContext) -> frozenset[str]:
    """Return the names of tables, and of whole keyspaces, that the backup's schema leaves out."""
    return frozenset(map(str, context.launch.parameters.get("left_out") or ()))


def _is_out(table: TableId | SnapshotTable, left_out: frozenset[str]) -> bool:
    return table.key_space in left_out or f"{table.key_space}.{table.name}" in left_out


def _manifest(context: JobContext, request: Request, note: Note, uploaded: Uploaded) -> NodeManifest:
    found: dict[TableId, dict[tuple[int, str], list[Component]]] = {
        TableId(table.key_space, table.name, table.id): {} for table in note.tables
    }
    for file, component in sorted(uploaded.components.items(), key=_order):
        sstables = found.setdefault(file.table, {})
        sstables.setdefault((file.directory, file.sstable), []).append(component)
    return NodeManifest(
        backup_name=request.backup_name,
        operation=request.operation,
        cluster=request.cluster,
        node=context.launch.node,
        member=note.member,
        tables=tuple(
            TableFiles(
                key_space=table.key_space,
                name=table.name,
                id=table.id,
                sstables=tuple(
                    SSTable(name, directory, tuple(components)) for (directory, name), components in sstables.items()
                ),
            )
            for table, sstables in sorted(found.items())
        ),
    )


def _order(item: tuple[SnapshotFile, Component]) -> tuple[TableId, int, str, str]:
    file, _ = item
    return (file.table, file.directory, file.sstable, Path(file.path).name)
