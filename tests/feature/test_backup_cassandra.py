"""Backups of a real Cassandra into a real S3 server, job after job as the scheduler launches them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from executor.backup.catalog import Catalog
from executor.backup.format import manifest
from executor.jobs.context import JobError
from executor.node.job_table import JOBS
from executor.node.questions import QUESTIONS
from executor.protocol import JobLaunch
from executor.s3.location import parse
from tests.cluster import tables
from tests.feature.backup_jobs import schema_of
from tests.feature.cassandra_ring import Ring, RingNode, running_ring
from tests.feature.job_context import LocalContext, Running
from tests.unit.executor.backup.s3_server import SECRETS, Server, running_server, store_at
from tests.waiting import patient, wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

KEY_SPACE = "shop"
_OWN = "own"
_ONE = "WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}"
_JOB_SECONDS = 120.0


class Cluster:
    """One node and the place for its backups."""

    def __init__(self, node: RingNode, server: Server, bucket: str) -> None:
        self.node = node
        self.location = {"external_location": f"http://{server.host}:{server.port}/{bucket}/of/ours"}
        self._numbers = count(1)

    def begin(self, job: str, parameters: Mapping[str, Any], tuning: Mapping[str, Any] | None = None) -> Running:
        """A job under way."""
        everything = {"location": self.location, "cluster": "c-1", "cluster_name": "ring", **parameters}
        launch = JobLaunch(job, str(parameters["operation"]), "node-0", "t1", json.loads(json.dumps(everything)))
        return Running(JOBS[job], LocalContext(launch, self.node.facts(), dict(tuning or {}), SECRETS))

    def run(self, job: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """A job to its end."""
        return self.begin(job, parameters).join(_JOB_SECONDS)

    def snapshot(self, name: str, **request: Any) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """The first two phases; gives the parameters for the others and what was described."""
        operation = f"op-{next(self._numbers)}"
        common = {"operation": operation, "backup_name": name, "tag": f"backup-{operation}", **request}
        taken = self.run("snapshot", common)
        return common, {"snapshot": taken, "describe": self.describe(common, taken)}

    def describe(
        self, common: Mapping[str, Any], taken: Mapping[str, Any], last_round: bool = False, **more: Any
    ) -> Mapping[str, Any]:
        """The second phase, as after the snapshots of this node and of those in `more`, by their names."""
        told = schema_of({"node-0": taken, **more}, last_round)
        return self.run("describe", {**common, "schema_versions": [taken["schema_version"]], **told})

    def complete(
        self, common: Mapping[str, Any], found: Mapping[str, Any], uploaded: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The last two phases."""
        nodes = {"node-0": {**found["snapshot"], **uploaded}}
        asked = {**common, "started_at": time.time(), "describe": found["describe"], "nodes": nodes}
        completed = self.run("complete", asked)
        self.run("clear", common)
        return completed

    def back_up(self, name: str, **request: Any) -> Mapping[str, Any]:
        """A whole backup; gives what the upload says."""
        common, found = self.snapshot(name, **request)
        uploaded = self.run("upload", common)
        self.complete(common, found, uploaded)
        return uploaded

    def ask(self, subject: str, **content: Any) -> Mapping[str, Any]:
        """A question."""
        return QUESTIONS[subject](self.node.facts(), {"location": self.location, "secrets": SECRETS, **content})

    def snapshots(self) -> list[Path]:
        """All snapshot directories of backups."""
        return list(self.node.data.glob("*/*/snapshots/backup-*"))


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    with running_ring(tmp_path_factory.mktemp("ring"), ["127.0.44.2"]) as ring:
        with ring.nodes[0].cql() as session:
            tables.create(session, KEY_SPACE, replicas=1)
        yield ring


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def cluster(ring: Ring, server: Server, request: pytest.FixtureRequest) -> Cluster:
    bucket = request.node.name.replace("_", "-")[:60].rstrip("-")
    server.make_bucket(bucket)
    return Cluster(ring.nodes[0], server, bucket)


def test_a_backup_from_the_snapshot_to_the_end(cluster: Cluster, tmp_path: Path) -> None:
    common, found = cluster.snapshot("first", key_spaces=[KEY_SPACE])
    assert found["describe"]["key_spaces"] == {KEY_SPACE: len(tables.NAMES)}
    assert found["snapshot"]["bytes"] > 0
    assert cluster.snapshots()
    assert cluster.ask("backups")["backups"][0]["state"] == "unfinished"

    uploaded = cluster.run("upload", common)
    assert uploaded["tables"] == len(tables.NAMES)
    assert uploaded["objects"] == 8 * (len(tables.NAMES) - 1)
    assert 0 < uploaded["sent_bytes"] <= uploaded["bytes"] == found["snapshot"]["bytes"]

    completed = cluster.complete(common, found, uploaded)
    assert completed == {
        "manifest_key": "backups/first/manifest.json", "objects": uploaded["objects"], "bytes": uploaded["bytes"]
    }  # fmt: skip
    assert cluster.snapshots() == []
    assert list(cluster.node.facts().scratch.glob("snapshots/*")) == []

    listed = cluster.ask("backups")["backups"]
    assert [(item["backup_name"], item["state"], item["nodes"]) for item in listed] == [("first", "complete", 1)]
    answer = cluster.ask("backup", backup_name="first")
    assert answer["nodes"] == {
        "node-0": {"tokens": 16, "rack": "r1", "data_center": "dc1", "taken_at": found["snapshot"]["taken_at"]}
    }
    assert answer["key_spaces"] == {KEY_SPACE: sorted(tables.NAMES)}
    assert answer["cassandra_version"] == "5.0.8"

    with store_at(parse(cluster.location), tmp_path) as store:
        whole = manifest.read_cluster(store.get(completed["manifest_key"]) or b"", "manifest")
        schema = manifest.read_schema(store.get(whole.schema_key) or b"", "schema")
    rows = {table.name: table.rows for table in whole.tables}
    with cluster.node.cql() as session:
        assert rows == {name: len(found) for name, found in tables.read(session, KEY_SPACE).items()}
    assert "CREATE TABLE shop.user (" in "".join(schema.key_spaces[0].statements)
    assert [(member.data_center, len(member.tokens)) for member in whole.ring] == [("dc1", 16)]
    node = whole.nodes["node-0"].member
    assert len(node.tokens) == 16
    assert set(node.tokens) == set(whole.ring[0].tokens)
    assert node.data_directories == (str(cluster.node.data),)

    verified = cluster.run("verify", {**common, "sources": ["node-0"]})
    assert verified["damaged"] == []
    assert verified["objects"] > 0


def test_a_second_backup_sends_what_is_new(cluster: Cluster) -> None:
    whole = cluster.back_up("whole", key_spaces=[KEY_SPACE])
    again = cluster.back_up("again", key_spaces=[KEY_SPACE])
    assert again["objects"] == whole["objects"]
    assert again["sent_objects"] == 0
    with cluster.node.cql() as session:
        tables.fill(session, KEY_SPACE, [1_000_001])
    more = cluster.back_up("more", key_spaces=[KEY_SPACE])
    assert 0 < more["sent_objects"] < more["objects"] / 2

    deleted = cluster.run("delete", {"operation": "del-1", "backup_name": "whole"})
    assert (deleted["backups"], deleted["objects"]) == (["whole"], 0)
    asked = {"operation": "ver-1", "sources": ["node-0"]}
    for name in ("again", "more"):
        assert cluster.run("verify", {**asked, "backup_name": name})["damaged"] == []
    last = cluster.run("delete", {"operation": "del-2", "keep_last": 0})
    assert last["backups"] == ["again", "more"]
    assert last["kept_for_others"] == 0
    assert cluster.ask("backups") == {"backups": []}


def test_everything_is_taken_but_local_key_spaces(cluster: Cluster) -> None:
    cluster.back_up("all")
    key_spaces = cluster.ask("backup", backup_name="all")["key_spaces"]
    assert {KEY_SPACE, "system_auth", "system_distributed", "system_traces"} == set(key_spaces)


def test_one_table_is_not_another_that_begins_alike(cluster: Cluster) -> None:
    cluster.back_up("one", key_spaces=[KEY_SPACE], column_families=["user"])
    assert cluster.ask("backup", backup_name="one")["key_spaces"] == {KEY_SPACE: ["user"]}


def test_a_cancelled_upload_is_taken_up_and_its_snapshot_swept(cluster: Cluster) -> None:
    """T1, T2: the first attempt ends in its midst, the second sends the rest; a third operation finds no snapshot."""
    common, found = cluster.snapshot("cut", key_spaces=[KEY_SPACE])
    slow = cluster.begin("upload", common, {"throttle": 20_000})

    def sent() -> float:
        return slow.context.told[-1].done.get("sent_bytes", 0) if slow.context.told else 0

    wait_for("some of it is sent", lambda: slow.ended or sent() >= 30_000)
    assert not slow.ended
    slow.context.cancel()
    slow._thread.join(patient(10))
    assert type(slow.error).__name__ == "Cancelled"
    uploaded = cluster.run("upload", common)
    assert 0 < uploaded["sent_objects"] < uploaded["objects"]

    # The scheduler was never heard of again; the next backup is another one.
    other, _ = cluster.snapshot("next", key_spaces=[KEY_SPACE], column_families=["user"])
    assert {path.name for path in cluster.snapshots()} == {other["tag"]}
    with pytest.raises(JobError, match="is not on this node's volume"):
        cluster.run("upload", common)
    assert cluster.run("clear", other) == {"cleared": 1}
    assert cluster.snapshots() == []
    assert found["snapshot"]["tables"] == len(tables.NAMES)


def test_a_name_is_claimed_once(cluster: Cluster) -> None:
    cluster.back_up("taken", key_spaces=[KEY_SPACE], column_families=["user"])
    with pytest.raises(JobError, match="there is a backup taken already") as refused:
        cluster.snapshot("taken", key_spaces=[KEY_SPACE])
    assert refused.value.hopeless


def test_a_schema_that_changes_elsewhere_disturbs_nothing(cluster: Cluster) -> None:
    """DDL in another key space, and options of tables, while the snapshot is taken, described and sent."""
    operation = {"operation": "op-e", "backup_name": "elsewhere", "tag": "backup-op-e", "key_spaces": [KEY_SPACE]}
    with cluster.node.cql() as session:
        session.execute(f"CREATE KEYSPACE elsewhere {_ONE}")
        taken = cluster.run("snapshot", operation)
        session.execute("CREATE TABLE elsewhere.t (id int PRIMARY KEY)")
        session.execute(f"ALTER TABLE {KEY_SPACE}.user WITH comment = 'another'")
        described = cluster.describe(operation, taken)
        session.execute("DROP KEYSPACE elsewhere")
    assert not {"retake", "left_out"} & described.keys()
    cluster.complete(operation, {"snapshot": taken, "describe": described}, cluster.run("upload", operation))
    assert cluster.ask("backup", backup_name="elsewhere")["key_spaces"] == {KEY_SPACE: sorted(tables.NAMES)}


def test_a_table_that_is_made_or_dropped_meanwhile_is_left_out(cluster: Cluster, tmp_path: Path) -> None:
    operation = {"operation": "op-m", "backup_name": "meanwhile", "tag": "backup-op-m", "key_spaces": [_OWN]}
    with cluster.node.cql() as session:
        session.execute(f"CREATE KEYSPACE {_OWN} {_ONE}")
        for name in ("stays", "goes"):
            session.execute(f"CREATE TABLE {_OWN}.{name} (id int PRIMARY KEY, name text)")
            session.execute(f"INSERT INTO {_OWN}.{name} (id, name) VALUES (1, 'x')")
        taken = cluster.run("snapshot", operation)
        session.execute(f"DROP TABLE {_OWN}.goes")
        session.execute(f"CREATE TABLE {_OWN}.late (id int PRIMARY KEY, name text)")
        session.execute(f"CREATE INDEX late_names ON {_OWN}.late (name)")
        described = cluster.describe(operation, taken)
        assert described["left_out"] == {
            f"{_OWN}.goes": "dropped after the snapshots were taken",
            f"{_OWN}.late": "created after the snapshots were taken",
        }
        assert f"{_OWN}.late is left out: created after" in described["message"]
        uploaded = cluster.run("upload", {**operation, "left_out": sorted(described["left_out"])})
        cluster.complete(operation, {"snapshot": taken, "describe": described}, uploaded)
        answer = cluster.ask("backup", backup_name="meanwhile")
        assert (answer["key_spaces"], answer["left_out"]) == ({_OWN: ["stays"]}, described["left_out"])
        with store_at(parse(cluster.location), tmp_path) as store:
            found = Catalog(store).manifest("meanwhile")
            assert found is not None
            statements = "".join(Catalog(store).schema(found).key_spaces[0].statements)
            moments = Catalog(store).moments("meanwhile")
        assert "stays" in statements
        assert "late" not in statements
        assert moments is not None
        assert moments.counted_at is not None
        assert found.nodes["node-0"].member.taken_at <= moments.described_at <= moments.counted_at <= found.finished_at
        assert cluster.run("verify", {**operation, "sources": ["node-0"]})["damaged"] == []
        session.execute(f"DROP KEYSPACE {_OWN}")


def test_a_change_of_a_table_takes_the_snapshots_anew_until_that_is_of_no_use(cluster: Cluster) -> None:
    operation = {"operation": "op-c", "backup_name": "changes", "tag": "backup-op-c", "key_spaces": [_OWN]}
    with cluster.node.cql() as session:
        session.execute(f"CREATE KEYSPACE {_OWN} {_ONE}")
        session.execute(f"CREATE TABLE {_OWN}.t (id int PRIMARY KEY)")
        before = cluster.run("snapshot", operation)
        session.execute(f"ALTER TABLE {_OWN}.t ADD name text")
        assert cluster.describe(operation, before)["retake"] == [f"{_OWN}.t"]
        with pytest.raises(JobError, match=rf"{_OWN}\.t changed again: its columns; the snapshots were taken") as last:
            cluster.describe(operation, before, last_round=True)
        assert last.value.hopeless
        after = cluster.run("snapshot", operation)
        words = rf"{_OWN}\.t changed between the snapshots of node-0 and node-1: its columns"
        with pytest.raises(JobError, match=words):
            cluster.describe(operation, after, last_round=True, **{"node-1": before})
        # As while an update of the executors is half done: their fingerprints cannot be compared.
        other = {**operation, "schema": {"agreed": {}, "left_out": {}, "differs": {}, "rules": 1}, "last_round": False}
        versions = {"schema_versions": [after["schema_version"]]}
        assert cluster.run("describe", {**other, **versions})["key_spaces"] == {_OWN: 1}
        late = {**other, "schema_versions": sorted([before["schema_version"], after["schema_version"]])}
        assert cluster.run("describe", late)["retake"] == ["the cluster"]
        with pytest.raises(JobError, match="executors of several versions can compare it as a whole alone"):
            cluster.run("describe", {**late, "last_round": True})
        session.execute(f"DROP KEYSPACE {_OWN}")
    cluster.run("clear", operation)


def test_a_table_that_is_recreated_all_the_time_fails_no_backup(cluster: Cluster) -> None:
    """As tests of applications do, in a keyspace of a cluster that is backed up."""
    operation = {"operation": "op-r", "backup_name": "recreated", "tag": "backup-op-r", "key_spaces": [_OWN]}
    with cluster.node.cql() as session:
        session.execute(f"CREATE KEYSPACE {_OWN} {_ONE}")
        session.execute(f"CREATE TYPE {_OWN}.used (x int)")
        session.execute(f"CREATE TABLE {_OWN}.stays (id int PRIMARY KEY, v map<text, frozen<used>>)")
        session.execute(f"CREATE TABLE {_OWN}.t (id int PRIMARY KEY)")
        before = cluster.run("snapshot", operation)
        session.execute(f"DROP TABLE {_OWN}.t")
        session.execute(f"CREATE TABLE {_OWN}.t (id int PRIMARY KEY)")
        session.execute(f"CREATE TYPE {_OWN}.scratch (x int)")
        assert cluster.describe(operation, before)["retake"] == [f"{_OWN}.t"]
        left_out = {f"{_OWN}.t": "dropped and recreated while the snapshots were taken"}
        assert cluster.describe(operation, before, last_round=True)["left_out"] == left_out
        after = cluster.run("snapshot", operation)
        described = cluster.describe(operation, after, last_round=True, **{"node-1": before})
        assert described["left_out"] == left_out
        session.execute(f"ALTER TYPE {_OWN}.used ADD y int")
        with pytest.raises(JobError, match=rf"{_OWN}\.stays changed again: its types"):
            cluster.describe(operation, after, last_round=True)
        uploaded = cluster.run("upload", {**operation, "left_out": sorted(left_out)})
        cluster.complete(operation, {"snapshot": after, "describe": described}, uploaded)
        answer = cluster.ask("backup", backup_name="recreated")
        assert (answer["key_spaces"], answer["left_out"]) == ({_OWN: ["stays"]}, left_out)
        session.execute(f"DROP KEYSPACE {_OWN}")


def test_a_named_key_space_that_is_dropped_meanwhile(cluster: Cluster) -> None:
    with cluster.node.cql() as session:
        session.execute(f"CREATE KEYSPACE {_OWN} {_ONE}")
        session.execute(f"DROP KEYSPACE {_OWN}")
    common, found = cluster.snapshot("left", key_spaces=[KEY_SPACE, _OWN])
    assert found["snapshot"]["message"] == f"done, but {_OWN} was skipped: dropped meanwhile"
    cluster.complete(common, found, cluster.run("upload", common))
    assert list(cluster.ask("backup", backup_name="left")["key_spaces"]) == [KEY_SPACE]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param({"key_spaces": ["nowhere"]}, "nothing to back up: nowhere does not exist", id="key-space"),
        pytest.param({"key_spaces": ["system"]}, "nothing to back up: system does not exist", id="local"),
        pytest.param({"key_spaces": [KEY_SPACE], "column_families": ["use"]}, "nothing to back up: use", id="table"),
    ],
)
def test_what_is_not_there_is_refused(cluster: Cluster, request_: Mapping[str, Any], words: str) -> None:
    with pytest.raises(JobError, match=words) as refused:
        cluster.snapshot("none", **request_)
    assert refused.value.hopeless
    assert cluster.snapshots() == []
