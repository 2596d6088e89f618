"""Whatever is backed up, deleted and swept in whatever order: what a complete backup needs is there."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from executor.backup import completion, removal
from executor.backup.catalog import Catalog, claim
from executor.backup.completion import Part
from executor.backup.format import document, layout
from executor.backup.format.manifest import Component, Member, NodeManifest, Schema, SSTable, Started, TableFiles
from executor.backup.request import Request
from executor.backup.upload.files import TableId, snapshot_files
from executor.backup.upload.run import Control, upload_files
from executor.jobs.context import JobError
from executor.s3.store import Store
from tests.unit.executor.backup.s3_server import Server, store_at
from tests.unit.executor.backup.small_cluster import SmallCluster
from tests.unit.executor.backup.volume import TAG, put, sstable

CLUSTERS = ("c-1", "c-10")
NODES = ("node-1", "node-10")
NAMES = ("day", "day-2", "night")
TABLES = ("user", "users")
MEMBER = Member("h", "127.0.44.1", "dc1", "r1", ("1",), "5.0.8", "p", "v1", ("/d",), 1.0)
IDLE = Control(lambda: None, lambda progress: None, lambda: 0.0)
# Contents are few, so that most are there already.
FILES = st.dictionaries(
    st.sampled_from(TABLES), st.lists(st.sampled_from(b"abcd"), min_size=1, max_size=2), min_size=1, max_size=2
)


def _sstables(components: Iterable[Component]) -> tuple[SSTable, ...]:
    """One SSTable for each file: they have one component each."""
    return tuple(SSTable(part.name.removesuffix("-Data.db"), 0, (part,)) for part in components)


class Unfinished:
    """A backup on its way."""

    def __init__(self, name: str, operation: str, cluster: str) -> None:
        self.name = name
        self.operation = operation
        self.cluster = cluster
        self.parts: dict[str, Part] = {}
        self.schema = Part("", "")


class Backups(RuleBasedStateMachine):
    """Two clusters that share a location, two nodes each, some contents that come again and again."""

    store: ClassVar[Store]
    directory: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.running: dict[str, Unfinished] = {}
        self.complete: dict[str, str] = {}
        self.numbers = itertools.count(1)
        self.place = Path(tempfile.mkdtemp(dir=self.directory))

    @initialize(files=st.lists(FILES, min_size=len(CLUSTERS), max_size=len(CLUSTERS)))
    def some(self, files: list[dict[str, list[int]]]) -> None:
        """Each cluster has a backup to begin with."""
        self.store.delete([item.key for item in self.store.objects("")])
        for name, cluster, found in zip(NAMES, CLUSTERS, files, strict=False):
            self.begin(name, cluster)
            for node in NODES:
                self._upload(self.running[name], node, found)
            self._end(name)

    @rule(name=st.sampled_from(NAMES), cluster=st.sampled_from(CLUSTERS))
    def begin(self, name: str, cluster: str) -> None:
        operation = f"op-{next(self.numbers)}"
        claimed = Started(name, operation, cluster, "n", 1.0)
        other = name in self.running and self.running[name].cluster != cluster
        if other or name in self.complete:
            with pytest.raises(JobError, match="already"):
                claim(self.store, claimed)
            return
        # An unfinished one of the same cluster is dead, and gives its name up.
        claim(self.store, claimed)
        found = Unfinished(name, operation, cluster)
        content = document.write(Schema("v1", (), (), ()))
        found.schema = Part(layout.schema_key(name), hashlib.sha256(content).hexdigest())
        self.store.put(found.schema.key, content)
        self.running[name] = found

    @precondition(lambda self: self.running)
    @rule(choice=st.data(), node=st.sampled_from(NODES), files=FILES)
    def upload(self, choice: st.DataObject, node: str, files: dict[str, list[int]]) -> None:
        self._upload(self.running[choice.draw(st.sampled_from(sorted(self.running)))], node, files)

    def _upload(self, found: Unfinished, node: str, files: dict[str, list[int]]) -> None:
        data = self.place / found.cluster / node
        shutil.rmtree(data, ignore_errors=True)
        for table, contents in files.items():
            for number, letter in enumerate(contents):
                put(data, "shop", table, sstable(number, bytes([letter]) * 10))
        listed = list(snapshot_files([data], TAG))
        prefix = layout.data_prefix(found.cluster, node)
        uploaded = upload_files(self.store, prefix, listed, self.place / f"{found.cluster}-{node}", IDLE)
        tables: dict[TableId, list[Component]] = {}
        for file, component in uploaded.components.items():
            tables.setdefault(file.table, []).append(component)
        content = document.write(
            NodeManifest(
                found.name, found.operation, found.cluster, node, MEMBER,
                tuple(
                    TableFiles("shop", table.name, table.id, _sstables(components))
                    for table, components in tables.items()
                ),
            )
        )  # fmt: skip
        key = layout.node_key(found.name, node)
        self.store.put(key, content)
        found.parts[node] = Part(key, hashlib.sha256(content).hexdigest())

    @precondition(lambda self: self.running)
    @rule(choice=st.data())
    def end(self, choice: st.DataObject) -> None:
        self._end(choice.draw(st.sampled_from(sorted(self.running))))

    def _end(self, name: str) -> None:
        found = self.running[name]
        request = Request({}, name, found.cluster, "n", found.operation, "", (), ())
        whole = completion.summarise(self.store, request, found.schema, found.parts, (1.0, 2.0), lambda: None)
        self.store.put(layout.manifest_key(name), document.write(whole))
        self.complete[name] = found.cluster
        del self.running[name]

    @precondition(lambda self: self.running or self.complete)
    @rule(choice=st.data())
    def delete(self, choice: st.DataObject) -> None:
        name = choice.draw(st.sampled_from(sorted([*self.running, *self.complete])))
        cluster = self.complete.pop(name) if name in self.complete else self.running.pop(name).cluster
        removal.remove(self.store, name)
        self._sweep([cluster])

    @rule(clusters=st.lists(st.sampled_from(CLUSTERS), min_size=1, max_size=2, unique=True))
    def sweep(self, clusters: list[str]) -> None:
        self._sweep(clusters)

    def _sweep(self, clusters: list[str]) -> None:
        swept = removal.sweep_objects(self.store, "sweep", clusters, lambda: None, lambda words: None)
        busy = any(found.cluster in clusters for found in self.running.values())
        assert bool(swept.put_off) == busy
        if not busy:
            needed = self._needed(clusters)
            there = {i.key for c in clusters for i in self.store.objects(f"data/{c}/")}
            assert there == needed
            assert swept.kept == len(needed)

    @invariant()
    def everything_is_there(self) -> None:
        sizes = {item.key: item.size for item in self.store.objects(layout.DATA)}
        assert self._needed(CLUSTERS) <= sizes.keys()
        assert not list(self.store.objects(layout.SWEEPS))

    def _needed(self, clusters: Collection[str]) -> set[str]:
        catalog = Catalog(self.store)
        found = {name: catalog.manifest(name) for name, cluster in self.complete.items() if cluster in clusters}
        return {
            component.key
            for backup in found.values()
            if backup is not None
            for node in backup.nodes
            for table in catalog.node(backup, node).tables
            for component in table.components
        }


@pytest.mark.timeout(300)
def test_nothing_that_a_backup_needs_is_ever_lost(server: Server, tmp_path: Path) -> None:
    """T3, T4, in any order of steps."""
    server.make_bucket("machine")
    with ExitStack() as stack:
        Backups.store = stack.enter_context(store_at(server.location("machine", "x"), tmp_path))
        Backups.directory = tmp_path
        run_state_machine_as_test(
            Backups,
            settings=settings(
                max_examples=20,
                stateful_step_count=12,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_backups_and_deletions_at_the_same_time(server: Server, bucket: str, tmp_path: Path) -> None:
    """T3: backups follow each other while others are deleted again and again; what ends as complete is whole."""
    location = server.location(bucket)
    cluster = SmallCluster(tmp_path / "one", location)
    contents = [os.urandom(2000) for _ in range(8)]
    done = threading.Event()
    deleted: list[str] = []

    def delete() -> None:
        while not done.is_set():
            deleted.extend(cluster.run("delete", "node-10", f"sweep-{len(deleted)}", keep_last=1)["backups"])

    thread = threading.Thread(target=delete)
    with store_at(location, tmp_path) as store:
        thread.start()
        try:
            for number in range(6):
                files = {
                    "node-1": {"user": {**sstable(1, contents[number]), **sstable(2, contents[number + 1])}},
                    "node-10": {"user": sstable(1, contents[number % 2])},
                }
                cluster.back_up(store, f"b{number}", files)
        finally:
            done.set()
            thread.join(60)
        assert "b5" not in deleted
        assert deleted
        names = Catalog(store).names()
        assert "b5" in names
        for name in names:
            assert cluster.verify(name)["damaged"] == []
