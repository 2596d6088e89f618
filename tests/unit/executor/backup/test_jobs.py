"""The jobs that make, check and remove backups, on nodes that are directories."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from backports import zstd

from executor import retention
from executor.backup.catalog import Catalog
from executor.backup.format import layout, manifest
from executor.backup.jobs import complete
from executor.jobs.context import JobError, QuestionError
from executor.node.questions import QUESTIONS
from executor.s3.store import Store
from tests.unit.executor.backup.s3_server import SECRETS, Server, store_at
from tests.unit.executor.backup.small_cluster import SmallCluster, location_content
from tests.unit.executor.backup.volume import sstable, table_id
from tests.waiting import wait_for

NOISE = {number: os.urandom(3000) for number in range(10)}
FILES = {
    "node-1": {"user": sstable(1, NOISE[1], Statistics=b""), "users": sstable(1, b"text " * 2000)},
    "node-10": {"user": {**sstable(1, NOISE[2]), **sstable(2, NOISE[3])}},
}


@pytest.fixture
def cluster(server: Server, bucket: str, tmp_path: Path) -> SmallCluster:
    return SmallCluster(tmp_path / "cluster", server.location(bucket, "a/prefix"))


def _ask(cluster: SmallCluster, subject: str, **content: Any) -> Mapping[str, Any]:
    asked = {"location": location_content(cluster.location), "secrets": SECRETS, **content}
    return QUESTIONS[subject](cluster.nodes["node-1"], asked)


def test_a_whole_backup(cluster: SmallCluster, store: Store) -> None:
    uploaded = cluster.back_up(store, "b1", FILES)
    assert uploaded["node-1"]["objects"] == 3
    assert uploaded["node-1"]["bytes"] == 13_000
    assert uploaded["node-1"]["sent_objects"] == 3
    assert uploaded["node-1"]["tables"] == 2
    backup = Catalog(store).manifest("b1")
    assert backup is not None
    assert (backup.objects, backup.bytes) == (5, 19_000)
    assert backup.stored_bytes < 10_000
    summary = {table.name: (table.sstables, table.bytes) for table in backup.tables}
    assert summary == {"user": (3, 9_000), "users": (1, 10_000)}
    node = Catalog(store).node(backup, "node-1")
    assert [(table.name, table.sstables[0].directory) for table in node.tables] == [("user", 0), ("users", 1)]
    assert {item.key for item in store.objects("backups/")} == {
        "backups/b1/started.json", "backups/b1/schema.json", "backups/b1/manifest.json",
        "backups/b1/nodes/node-1.json", "backups/b1/nodes/node-10.json",
    }  # fmt: skip
    assert {item.key for item in store.objects("data/")} == {
        component.key
        for name in cluster.names
        for table in Catalog(store).node(backup, name).tables
        for component in table.components
    }
    verified = cluster.verify("b1")
    assert verified == {"objects": 5, "bytes": 19_000, "damaged": []}


@pytest.mark.parametrize("days", [-40, 40])
def test_a_node_whose_clock_is_wrong_makes_no_backup_of_another_day(
    cluster: SmallCluster, store: Store, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion by age compares the moments of backups with S3's clock."""
    monkeypatch.setattr(complete, "time", SimpleNamespace(time=lambda: time.time() + days * retention.DAY_SECONDS))
    cluster.back_up(store, "b1", FILES)
    backup = Catalog(store).manifest("b1")
    assert backup is not None
    assert abs(backup.finished_at - store.now()) < 600
    assert cluster.delete(keep_days=30)["backups"] == []


def test_the_questions(cluster: SmallCluster, store: Store) -> None:
    assert _ask(cluster, "backups") == {"backups": []}
    with pytest.raises(QuestionError, match="there is no backup b1") as unknown:
        _ask(cluster, "backup", backup_name="b1")
    assert unknown.value.kind == "unknown"
    cluster.back_up(store, "b1", FILES)
    cluster.describe(store, "b2", cluster.operation())
    listed = {item["backup_name"]: item for item in _ask(cluster, "backups")["backups"]}
    assert (listed["b1"]["state"], listed["b1"]["nodes"], listed["b1"]["bytes"]) == ("complete", 2, 19_000)
    assert (listed["b2"]["state"], listed["b2"]["nodes"], listed["b2"]["finished_at"]) == ("unfinished", None, None)
    assert {item["cluster"] for item in listed.values()} == {cluster.id}
    one = _ask(cluster, "backup", backup_name="b1")
    assert one["nodes"]["node-10"] == {
        "tokens": 2,
        "rack": "r1",
        "data_center": "dc1",
        "taken_at": "1970-01-01T00:00:01Z",
    }
    assert one["key_spaces"] == {"shop": ["user", "users"]}
    assert (one["state"], one["started_at"], one["cassandra_version"]) == ("complete", "1970-01-01T00:00:01Z", "5.0.8")
    assert _ask(cluster, "backup", backup_name="b2")["state"] == "unfinished"
    store.put(layout.manifest_key("b1"), b'{"version": 2}')
    assert {item["state"] for item in _ask(cluster, "backups")["backups"]} == {"damaged", "unfinished"}
    with pytest.raises(QuestionError, match=r"manifest\.json has version 2") as newer:
        _ask(cluster, "backup", backup_name="b1")
    assert newer.value.kind == "failed"


@pytest.mark.parametrize(
    ("location", "kind", "words"),
    [
        pytest.param({"external_location": "nowhere"}, "invalid", "external_location 'nowhere'", id="location"),
        pytest.param({"external_location": "http://127.0.44.1:1/b"}, "failed", "refused", id="port"),
        pytest.param({}, "invalid", "NoSuchBucket", id="bucket"),
    ],
)
def test_questions_without_an_answer(
    server: Server, cluster: SmallCluster, location: Mapping[str, Any], kind: str, words: str
) -> None:
    place = location or location_content(server.location("no-such-bucket"))
    with pytest.raises(QuestionError, match=words) as refused:
        _ask(cluster, "backups", location=place)
    assert refused.value.kind == kind


# Claims.


def test_a_name_belongs_to_one_operation(cluster: SmallCluster, store: Store, tmp_path: Path) -> None:
    one, two = cluster.operation(), cluster.operation()
    cluster.snapshot(one, FILES)
    described = cluster.describe(store, "b", one)
    assert cluster.describe(store, "b", one) == described
    with pytest.raises(JobError, match="already"):
        cluster.run("upload", "node-1", two, backup_name="b")
    other = SmallCluster(tmp_path / "other", cluster.location, id="c-10")
    with pytest.raises(JobError, match=f"there is an unfinished backup b already, which the operation {one}") as alive:
        other.describe(store, "b", other.operation())
    assert alive.value.hopeless
    uploaded = cluster.upload("b", one)
    first = cluster.complete("b", one, described, uploaded)
    before = store.get(layout.manifest_key("b"))
    assert cluster.complete("b", one, described, uploaded) == first
    assert store.get(layout.manifest_key("b")) == before
    with pytest.raises(JobError, match="there is a backup b already"):
        cluster.describe(store, "b", two)


def test_the_name_of_a_backup_that_ended_unfinished_is_taken_over(cluster: SmallCluster, store: Store) -> None:
    """Stopped in its upload: what it left is cleaned away, its objects are used, and its late jobs write no more."""
    dead = cluster.operation()
    cluster.snapshot(dead, FILES)
    described = cluster.describe(store, "b", dead)
    uploaded = cluster.upload("b", dead)
    store.put(layout.node_key("b", "node-9"), b"of a node that has left")
    cluster.clear(dead)

    alive = cluster.operation()
    cluster.snapshot(alive, FILES)
    again = cluster.describe(store, "b", alive)
    assert {item.key for item in store.objects("backups/")} == {layout.started_key("b"), layout.schema_key("b")}
    lates: list[Callable[[], object]] = [
        lambda: cluster.run("upload", "node-1", dead, backup_name="b"),
        lambda: cluster.complete("b", dead, described, uploaded),
    ]
    for late in lates:
        with pytest.raises(JobError, match=f"which the operation {alive}") as gone:
            late()
        assert gone.value.hopeless
    sent = cluster.upload("b", alive)
    assert [found["sent_objects"] for found in sent.values()] == [0, 0]
    cluster.complete("b", alive, again, sent)
    assert cluster.verify("b")["damaged"] == []


def test_the_name_of_a_deleted_backup_is_free(cluster: SmallCluster, store: Store) -> None:
    cluster.back_up(store, "b", FILES)
    cluster.delete(backup_name="b")
    cluster.back_up(store, "b", FILES)
    assert cluster.verify("b")["objects"] == 5


def test_a_backup_that_is_deleted_while_it_is_made(cluster: SmallCluster, store: Store) -> None:
    operation = cluster.operation()
    cluster.snapshot(operation, FILES)
    described = cluster.describe(store, "b", operation)
    uploaded = cluster.upload("b", operation)
    assert cluster.delete(backup_name="b")["objects"] == 5
    for attempt in (
        lambda: cluster.upload("b", operation),
        lambda: cluster.complete("b", operation, described, uploaded),
    ):
        with pytest.raises(JobError, match="was deleted during its upload") as gone:
            attempt()
        assert gone.value.hopeless
    assert list(store.objects("")) == []


def _remove(store: Store) -> None:
    store.delete([layout.node_key("b", "node-10")])


def _change(store: Store) -> None:
    store.put(layout.node_key("b", "node-10"), (store.get(layout.node_key("b", "node-10")) or b"") + b" ")


def _exchange(store: Store) -> None:
    store.put(layout.schema_key("b"), b"{}")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_remove, "backups/b/nodes/node-10.json is missing"),
        (_change, "node-10.json was changed"),
        (_exchange, "schema.json was changed"),
    ],
)
def test_what_is_not_whole_is_not_completed(
    cluster: SmallCluster, store: Store, harm: Callable[[Store], None], words: str
) -> None:
    operation = cluster.operation()
    cluster.snapshot(operation, FILES)
    described = cluster.describe(store, "b", operation)
    uploaded = cluster.upload("b", operation)
    harm(store)
    with pytest.raises(JobError, match=words):
        cluster.complete("b", operation, described, uploaded)
    assert store.get(layout.manifest_key("b")) is None


def test_a_snapshot_that_is_gone(cluster: SmallCluster, store: Store) -> None:
    operation = cluster.operation()
    cluster.snapshot(operation, FILES)
    cluster.describe(store, "b", operation)
    table = table_id("shop", "users").id.replace("-", "")
    shutil.rmtree(cluster.nodes["node-1"].data_directories[1] / "shop" / f"users-{table}")
    with pytest.raises(JobError, match=r"lacks 1 tables, shop\.users among them") as gone:
        cluster.run("upload", "node-1", operation, backup_name="b")
    assert gone.value.hopeless
    cluster.clear(operation)
    with pytest.raises(JobError, match="is not on this node's volume"):
        cluster.run("upload", "node-1", operation, backup_name="b")


def test_an_upload_waits_for_a_sweep(cluster: SmallCluster, store: Store) -> None:
    operation = cluster.operation()
    cluster.snapshot(operation, FILES)
    cluster.describe(store, "b", operation)
    store.put(layout.sweep_key("another"), b"{}")
    running = cluster.begin("upload", "node-1", operation, backup_name="b")
    wait_for("the upload waits", lambda: any("sweeps/another.json" in p.waiting for p in running.context.told))
    assert list(store.objects("data/")) == []
    store.delete([layout.sweep_key("another")])
    assert running.join(20)["objects"] == 3


# Verification.


def _component(store: Store, node: str, encoding: str) -> manifest.Component:
    backup = Catalog(store).manifest("b")
    assert backup is not None
    tables = Catalog(store).node(backup, node).tables
    return next(c for table in tables for c in table.components if c.encoding == encoding and c.size > 0)


@pytest.mark.parametrize(
    ("encoding", "content", "words"),
    [
        ("none", None, "is missing"),
        ("none", b"short", "has 5 bytes instead of 3000"),
        ("none", b"x" * 3000, "has the SHA-256 "),
        ("zstd", None, "is missing"),
        ("none", b"x" * 3001, "has more than 3000 bytes"),
        ("zstd", b"no zstd at all", "cannot be decompressed"),
        ("zstd", zstd.compress(b" " * 100_000), "has more than 10000 bytes when decompressed"),
    ],
)
def test_damage_is_found(cluster: SmallCluster, store: Store, encoding: str, content: bytes | None, words: str) -> None:
    cluster.back_up(store, "b", FILES)
    component = _component(store, "node-1", encoding)
    if content is None:
        store.delete([component.key])
    else:
        store.put(component.key, content)
    with pytest.raises(JobError, match="1 of 5 objects differ from the backup: ") as damaged:
        cluster.verify("b")
    assert f"{component.key} ({component.name}) {words}" in str(damaged.value)
    assert damaged.value.hopeless


def test_verification_of_what_is_not_there(cluster: SmallCluster, store: Store) -> None:
    cluster.back_up(store, "b", FILES)
    operation = cluster.operation()
    with pytest.raises(JobError, match="there is no complete backup b2"):
        cluster.run("verify", "node-1", operation, backup_name="b2", sources=["node-1"])
    with pytest.raises(JobError, match="has no node node-3, node-20"):
        cluster.run("verify", "node-1", operation, backup_name="b", sources=["node-1", "node-20", "node-3"])
    store.put(layout.node_key("b", "node-1"), b"{}")
    with pytest.raises(JobError, match=r"node-1\.json was changed: its SHA-256"):
        cluster.verify("b")


# Deletion.


def test_a_deletion_keeps_what_others_need(cluster: SmallCluster, store: Store) -> None:
    cluster.back_up(store, "old", FILES)
    new = {"node-1": {**FILES["node-1"], "user": sstable(9, NOISE[9])}, "node-10": FILES["node-10"]}
    uploaded = cluster.back_up(store, "new", new)
    assert uploaded["node-1"]["sent_objects"] == 1
    assert uploaded["node-10"]["sent_objects"] == 0
    assert cluster.delete(backup_name="old") == {
        "backups": ["old"], "objects": 2, "bytes": 3000, "kept_for_others": 4
    }  # fmt: skip
    assert cluster.verify("new")["objects"] == 4
    assert cluster.delete(backup_name="new")["kept_for_others"] == 0
    assert list(store.objects("")) == []
    with pytest.raises(JobError, match="there is no backup new"):
        cluster.delete(backup_name="new")


def test_a_deletion_touches_no_other_cluster(cluster: SmallCluster, store: Store, tmp_path: Path) -> None:
    """T4: c-1 and c-10, backups of names that begin alike."""
    other = SmallCluster(tmp_path / "other", cluster.location, id="c-10")
    cluster.back_up(store, "day", FILES)
    other.back_up(store, "day-2", FILES)
    foreign = "data/c-100/node-1/whatever"
    store.put(foreign, b"x")
    assert cluster.delete(keep_last=0)["backups"] == ["day"]
    assert other.verify("day-2")["objects"] == 5
    assert cluster.delete(backup_name="day-2")["objects"] == 5
    assert [item.key for item in store.objects("")] == [foreign]


def test_nothing_is_swept_while_a_backup_is_made(cluster: SmallCluster, store: Store) -> None:
    """T3: the deleted backup's objects serve the one that is being made."""
    cluster.back_up(store, "old", FILES)
    operation = cluster.operation()
    cluster.snapshot(operation, FILES)
    described = cluster.describe(store, "new", operation)
    uploaded = {"node-1": cluster.run("upload", "node-1", operation, backup_name="new")}
    deleted = cluster.delete(backup_name="old")
    assert deleted["objects"] == 0
    assert deleted["put_off"] == "backup not finished: new; a later deletion removes the objects"
    uploaded["node-10"] = cluster.run("upload", "node-10", operation, backup_name="new")
    assert {found["sent_objects"] for found in uploaded.values()} == {0}
    cluster.complete("new", operation, described, uploaded)
    assert cluster.verify("new")["objects"] == 5


def test_what_cannot_be_read_may_need_anything(cluster: SmallCluster, store: Store) -> None:
    cluster.back_up(store, "newer", FILES)
    cluster.back_up(store, "old", FILES)
    key = layout.manifest_key("newer")
    content = json.loads(store.get(key) or b"")
    store.put(key, json.dumps({**content, "version": 2}).encode())
    deleted = cluster.delete(backup_name="old")
    assert (deleted["backups"], deleted["objects"]) == (["old"], 0)
    assert "backups/newer/manifest.json has version 2" in deleted["put_off"]
    store.put(key, json.dumps(content).encode())
    assert cluster.verify("newer")["objects"] == 5
    store.put(layout.node_key("newer", "node-1"), b"{}")
    cluster.back_up(store, "third", {"node-1": {"user": sstable(1, b"third")}})
    with pytest.raises(JobError, match=r"node-1\.json was changed: its SHA-256"):
        cluster.delete(backup_name="third")
    assert len(list(store.objects("data/"))) == 6
    # A damaged backup can be deleted, and then all is swept.
    assert cluster.delete(backup_name="newer")["objects"] == 6


def test_retention(cluster: SmallCluster, store: Store) -> None:
    for name in ("b1", "b2", "b3"):
        cluster.back_up(store, name, {"node-1": {"user": sstable(1, name.encode())}})
    deleted = cluster.delete(keep_last=1)
    assert (deleted["backups"], deleted["objects"], deleted["kept_for_others"]) == (["b1", "b2"], 2, 1)
    assert cluster.verify("b3")["objects"] == 1


def test_a_deletion_without_a_rule(cluster: SmallCluster) -> None:
    with pytest.raises(JobError, match="set backup_name, keep_last or keep_days"):
        cluster.delete()


@pytest.mark.parametrize("job", ["upload", "complete", "verify", "delete"])
def test_names_that_are_refused(cluster: SmallCluster, job: str) -> None:
    parameters = {"describe": {"key": "k", "sha256": "s"}, "nodes": {}, "started_at": 1, "sources": []}
    with pytest.raises(JobError, match="is not a name of letters") as refused:
        cluster.run(job, "node-1", cluster.operation(), backup_name="../x", **parameters)
    assert refused.value.hopeless


@pytest.mark.parametrize(
    ("below", "name"),
    [
        *(("backups", name) for name in ("backups", "data", "vaults")),
        ("backups/x", "x"),
        ("backups/x/nodes", "x"),
        ("backups/nodes", "nodes"),
        ("data/c-1", "x"),
        ("data/c-1/node-1", "x"),
        ("sweeps", "x"),
    ],
)
def test_a_location_within_another_one_is_left_alone(
    cluster: SmallCluster, store: Store, server: Server, bucket: str, tmp_path: Path, below: str, name: str
) -> None:
    """What lay below `backups/` counted as a backup of that name: it was removed with it, or before one was made."""
    inner = SmallCluster(tmp_path / "inner", server.location(bucket, f"a/prefix/{below}"), id="c-2")
    with store_at(inner.location, tmp_path) as inner_store:
        # Its documents look most like those of a node.
        inner.back_up(inner_store, "nodes", FILES)
        theirs = {item.key for item in inner_store.objects("")}
        assert _ask(cluster, "backups") == {"backups": []}
        with pytest.raises(JobError, match=f"there is no backup {name}"):
            cluster.delete(backup_name=name)
        cluster.back_up(store, name, FILES)
        assert [item["backup_name"] for item in _ask(cluster, "backups")["backups"]] == [name]
        assert [item["backup_name"] for item in _ask(inner, "backups")["backups"]] == ["nodes"]
        assert inner.verify("nodes")["objects"] == cluster.verify(name)["objects"] == 5
        # Those of the inner one do not touch the outer one either.
        inner.back_up(inner_store, f"{name}-2", FILES)
        inner.delete(backup_name=f"{name}-2")
        assert cluster.verify(name)["objects"] == 5
        assert cluster.delete(backup_name=name)["objects"] == 5
        assert {item.key for item in inner_store.objects("")} == theirs
        assert {item.key for item in store.objects("")} == {f"{below}/{key}" for key in theirs}
