"""Backups of nodes that are directories: every job of a backup but the two that speak to Cassandra."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from executor.backup import catalog
from executor.backup.format import document, layout
from executor.backup.format.manifest import KeySpace, Member, RingMember, Schema, Started, Table
from executor.backup.seal.keys import read_keys
from executor.backup.seal.store import BackupStore
from executor.backup.snapshots import Note, SnapshotTable
from executor.backup.upload.files import snapshot_directories
from executor.jmx.jolokia import Jolokia
from executor.jobs.context import NodeFacts
from executor.node.job_table import JOBS
from executor.protocol import JobLaunch
from executor.s3.location import Location
from executor.s3.store import Store
from tests.feature.job_context import LocalContext, Running
from tests.unit.executor.backup.s3_server import SECRETS
from tests.unit.executor.backup.volume import put

_JOB_SECONDS = 60.0


def location_content(location: Location) -> dict[str, Any]:
    """Return a location as requests have it."""
    return {"external_location": str(location)}


@dataclass
class SmallCluster:
    """Some nodes, each with the files that its next snapshot will have."""

    directory: Path
    location: Location
    names: tuple[str, ...] = ("node-1", "node-10")
    id: str = "c-1"
    # The keys of backups as the scheduler gives them, and whether backups are sealed.
    keys: Mapping[str, str] = field(default_factory=dict)
    sealed: bool = False
    _operations: int = 0
    nodes: dict[str, NodeFacts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.names:
            scratch = self.directory / name / "jobs"
            scratch.mkdir(parents=True)
            jolokia = Jolokia("127.0.44.1", 1, "nobody", "listens")
            data = (self.directory / name / "data-1", self.directory / name / "data-2")
            self.nodes[name] = NodeFacts(name, "127.0.44.1", 1, jolokia, data, scratch)

    def operation(self) -> str:
        """Return a new operation's id."""
        self._operations += 1
        return f"op-{self.id}-{self._operations}"

    def snapshot(self, operation: str, files: Mapping[str, Mapping[str, Mapping[str, bytes]]]) -> None:
        """Do the work of the job `snapshot`: files by node, table and name, some in the second data directory."""
        for name, node in self.nodes.items():
            tag = f"backup-{operation}"
            for index, (table, found) in enumerate(sorted(files.get(name, {}).items())):
                put(node.data_directories[index % 2], "shop", table, found, tag)
            tables = sorted({table for table, _, _ in snapshot_directories(node.data_directories, tag)})
            member = Member("h", "127.0.44.1", "dc1", "r1", ("1", "2"), "5.0.8", "p", "v1", ("/d",), 1.0)
            note = Note(tag, member, tuple(SnapshotTable(t.key_space, t.name, t.id) for t in tables))
            (node.scratch / "snapshots").mkdir(exist_ok=True)
            (node.scratch / "snapshots" / f"{tag}.json").write_bytes(document.write(note))

    def clear(self, operation: str) -> None:
        """Do the work of the job `clear`."""
        for node in self.nodes.values():
            for _, _, directory in list(snapshot_directories(node.data_directories, f"backup-{operation}")):
                shutil.rmtree(directory)
            for path in (node.scratch / "snapshots").glob("*"):
                path.unlink()

    def describe(self, store: Store, name: str, operation: str) -> dict[str, str]:
        """Do the work of the job `describe` and return its answer."""
        catalog.claim(store, Started(name, operation, self.id, "small", store.now()))
        tables = {
            table: None
            for node in self.nodes.values()
            for table, _, _ in snapshot_directories(node.data_directories, f"backup-{operation}")
        }
        content = document.write(
            Schema(
                "v1",
                (KeySpace("shop", False, ("CREATE KEYSPACE shop …;",)),),
                tuple(Table(table.key_space, table.name, table.id, None) for table in sorted(tables)),
                (RingMember("h", "127.0.44.1", "dc1", "r1", ("1", "2")),),
            )
        )
        key = layout.schema_key(name)
        self.opened(store).put_document(key, content)
        return {"key": key, "sha256": hashlib.sha256(content).hexdigest()}

    def opened(self, store: Store) -> BackupStore:
        """Return the store as the jobs of this cluster have it."""
        found = BackupStore(store, read_keys(self.keys))
        if self.sealed:
            found.use_vault(self.id)
        return found

    def begin(self, job: str, node: str, operation: str, **parameters: Any) -> Running:
        """Begin a job."""
        everything = {
            "location": location_content(self.location), "cluster": self.id, "cluster_name": "small",
            "operation": operation, "tag": f"backup-{operation}",
            "sealed": self.sealed and job in ("upload", "complete"), **parameters,
        }  # fmt: skip
        launch = JobLaunch(job, operation, node, "t", json.loads(json.dumps(everything)))
        return Running(JOBS[job], LocalContext(launch, self.nodes[node], {}, {**SECRETS, **self.keys}))

    def run(self, job: str, node: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Run a job to its end."""
        return self.begin(job, node, operation, **parameters).join(_JOB_SECONDS)

    def upload(self, name: str, operation: str) -> dict[str, Mapping[str, Any]]:
        """Run all nodes' uploads at once."""
        running = {node: self.begin("upload", node, operation, backup_name=name) for node in self.nodes}
        return {node: job.join(_JOB_SECONDS) for node, job in running.items()}

    def complete(
        self, name: str, operation: str, described: Mapping[str, str], uploaded: Mapping[str, Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Run the last job."""
        parameters = {"started_at": 1.0, "describe": described, "nodes": uploaded}
        return self.run("complete", self.names[0], operation, backup_name=name, **parameters)

    def back_up(
        self, store: Store, name: str, files: Mapping[str, Mapping[str, Mapping[str, bytes]]]
    ) -> dict[str, Mapping[str, Any]]:
        """Make a whole backup."""
        operation = self.operation()
        self.snapshot(operation, files)
        described = self.describe(store, name, operation)
        uploaded = self.upload(name, operation)
        self.complete(name, operation, described, uploaded)
        self.clear(operation)
        return uploaded

    def verify(self, name: str, **more: Any) -> Mapping[str, Any]:
        """Run the job `verify` on all nodes."""
        sources = list(self.names)
        return self.run("verify", self.names[0], self.operation(), backup_name=name, sources=sources, **more)

    def delete(self, **which: Any) -> Mapping[str, Any]:
        """Run the job `delete`."""
        return self.run("delete", self.names[0], self.operation(), **which)
