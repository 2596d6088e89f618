"""upload: the files of this node's snapshot into the bucket, and what there is of them into the node's manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from executor.backup import claim, document, layout, snapshots, sweeps
from executor.backup.files import SnapshotFile, TableId, snapshot_directories, snapshot_files
from executor.backup.manifest import Component, NodeManifest, SSTable, TableFiles
from executor.backup.request import Request, opened, read
from executor.backup.snapshots import Note
from executor.backup.upload import Control, Uploaded, upload_files
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress

_HASHES = "sha256.txt"


def backup_upload(context: JobContext) -> Mapping[str, Any]:
    """Send what no earlier backup or attempt has sent, then the node's manifest. Raises JobError."""
    request = read(context.launch.parameters)
    with opened(context, request) as store:
        prefix = layout.data_prefix(request.cluster, context.launch.node)
        key = layout.node_key(request.backup_name, context.launch.node)
        claim.check(store, request.backup_name, request.operation)
        note = _note(context, request)
        sweeps.wait_for_end(store, context.wait, lambda words: context.tell(JobProgress(waiting=words)))
        files = list(snapshot_files(context.node.data_directories, request.tag))
        uploaded = upload_files(store, prefix, files, context.node.scratch / _HASHES, control(context))
        claim.check(store, request.backup_name, request.operation)
        manifest = _manifest(context, request, note, uploaded)
        content = document.write(manifest)
        store.put(key, content)
        return {
            "manifest_key": key,
            "manifest_sha256": hashlib.sha256(content).hexdigest(),
            "objects": len(files),
            "bytes": sum(file.size for file in files),
            "sent_objects": uploaded.sent_objects,
            "sent_bytes": uploaded.sent_bytes,
            "tables": len(manifest.tables),
        }


def control(context: JobContext) -> Control:
    """A job's reins on an upload: cancellation, progress and the throttle as it is tuned."""
    return Control(context.check, context.tell, limit(context))


def limit(context: JobContext) -> Callable[[], float]:
    """The throttle as it is tuned now, in bytes per second."""
    return lambda: float(context.tuning.get("throttle") or 0)


def _note(context: JobContext, request: Request) -> Note:
    note = snapshots.note(context.node, request.tag)
    if note is None:
        text = f"the snapshot {request.tag} is not on this node's volume; make a new backup"
        raise JobError("upload", text, hopeless=True)
    wanted = {TableId(table.key_space, table.name, table.id) for table in note.tables}
    there = {table for table, _, _ in snapshot_directories(context.node.data_directories, request.tag)}
    if missing := sorted(wanted - there):
        text = f"the snapshot {request.tag} lacks {len(missing)} tables, {missing[0]} among them; make a new backup"
        raise JobError("upload", text, hopeless=True)
    return note


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
