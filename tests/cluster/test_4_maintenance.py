"""Maintenance on real nodes: each kind from the request to COMPLETE, bad requests, and the data that it is about."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.cluster import tables
from tests.cluster.test_2_reference import run as run_line
from tests.cluster.world import World
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

KEYSPACE = "shop"
_THREE = "WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 3}"
_PUT = 'curl -X PUT -H "Authorization: token=$AUTH_TOKEN"'
_MASTER = "<master-IP>/service/cassandra/v1"
# The reference's lines, word for word.
TABLES_LINES = {
    "cleanup": f'{_PUT} -H "Content-Type:application/json" {_MASTER}/cleanup/start --data @cleanup.json',
    "repair": f'{_PUT} -H "Content-Type:application/json" {_MASTER}/repair/start --data @repair.json',
}
BACKUP_LINE = f'{_PUT} -H "Content-Type: application/json" -d @backup.json {_MASTER}/backup/start'
RESTORE_LINE = f'{_PUT} -H "Content-Type: application/json" -d @restore.json {_MASTER}/restore/start'
CREDENTIALS = {"s3_access_key": "reference-key", "s3_secret_key": "reference-secret"}


@pytest.fixture(scope="module", autouse=True)
def data(world: World) -> None:
    with world.cql() as session:
        tables.create(session, KEYSPACE, replicas=3)


def test_no_operation_yet(world: World) -> None:
    assert world.read("/v1/cleanup/status")["state"] == "NONE"
    assert world.read("/v1/cleanup/history") == []


@pytest.mark.parametrize("kind", ["flush", "cleanup", "upgradesstables", "compact", "scrub", "garbagecollect"])
def test_every_kind_of_work_on_tables(world: World, kind: str) -> None:
    with world.cql() as session:
        before = tables.read(session, KEYSPACE)
    status = world.run(kind, {"nodes": ["*"], "key_spaces": [KEYSPACE]})
    with world.cql() as session:
        assert tables.read(session, KEYSPACE) == before
    assert sorted(status["nodes"]) == ["node-0", "node-1", "node-2"]
    for node in status["nodes"].values():
        assert node["state"] == "COMPLETE"
        assert sorted(node["result"]["tables"]) == sorted(f"{KEYSPACE}.{name}" for name in tables.NAMES)
        assert node["result"]["failed"] == 0
    assert world.read(f"/v1/plans/{kind}")["status"] == "COMPLETE"
    assert world.read(f"/v1/{kind}/history")[0]["id"] == status["id"]


@pytest.mark.parametrize("kind", sorted(TABLES_LINES))
def test_the_reference_lines(world: World, kind: str, tmp_path: Path) -> None:
    body = {"nodes": ["*"], "key_spaces": [KEYSPACE], "column_families": ["user", "users"]}
    (tmp_path / f"{kind}.json").write_text(json.dumps(body))
    assert run_line(world, TABLES_LINES[kind], tmp_path) == 202, (tmp_path / "body").read_text()
    status = world.wait_ended(kind, 300)
    assert status["state"] == "COMPLETE", status


def test_backup_and_restore_by_the_reference_lines(world: World, tmp_path: Path) -> None:
    """Dropped, restored: same tokens, so the files are imported; every row is back."""
    body = {"backup_name": "first", "external_location": "s3://backups", **CREDENTIALS}
    for name in ("backup", "restore"):
        (tmp_path / f"{name}.json").write_text(json.dumps(body))
    with world.cql() as session:
        before = tables.read(session, KEYSPACE)
    assert all(before[name] for name in tables.NAMES if name != "nothing")
    assert run_line(world, BACKUP_LINE, tmp_path) == 202, (tmp_path / "body").read_text()
    assert world.wait_ended("backup")["state"] == "COMPLETE"
    with world.cql() as session:
        session.execute(f"DROP KEYSPACE {KEYSPACE}")
    check_plan(world, body, "create", {f"{KEYSPACE}.{name}": len(rows) for name, rows in before.items()})
    assert run_line(world, RESTORE_LINE, tmp_path) == 202, (tmp_path / "body").read_text()
    answer = json.loads((tmp_path / "body").read_text())
    assert (answer["status"], answer["message"]) == ("started", "")
    status = world.wait_ended("restore")
    assert status["state"] == "COMPLETE", json.dumps(status, indent=1)
    with world.cql() as session:
        assert tables.read(session, KEYSPACE) == before
        by_index = session.execute(f"SELECT id FROM {KEYSPACE}.user WHERE name = 'name-3'")
        assert len(list(by_index)) == tables.ROWS // 10
    wait_for("no snapshot is left", lambda: not snapshots(world))
    check_plan(world, body, "load into existing", {})


def check_plan(world: World, body: dict[str, str], what: str, rows: dict[str, int]) -> None:
    """The dry run of a restore of everything, for which nothing begins."""
    before = world.read("/v1/restore/status")["id"]
    code, plan = world.put("/v1/restore/plan", body)
    assert (code, plan["possible"]) == (200, True), plan
    assert plan["mode"] == "import"
    own = {table["to"]: table for table in plan["tables"] if table["to"].startswith(f"{KEYSPACE}.")}
    assert {table["what"] for table in own.values()} == {what}
    assert own[f"{KEYSPACE}.user"]["has_data"] is (what != "create")
    assert {name: own[name]["rows"] for name in rows if own[name]["rows"] is not None}.items() <= rows.items()
    assert (f"{KEYSPACE}" in plan["creates"].get("keyspace", [])) is (what == "create")
    assert sum(node["bytes"] for node in plan["nodes"].values()) == plan["bytes"] > 0
    assert world.read("/v1/restore/status")["id"] == before


def test_no_secret_is_anywhere(world: World) -> None:
    """Neither in ZooKeeper nor in what Mesos shows, in an answer or a log."""
    secret = CREDENTIALS["s3_secret_key"]
    assert secret not in json.dumps(world.records(), default=str)
    for path in (
        "/v1/backup/status",
        "/v1/backup/history",
        "/v1/restore/status",
        "/v1/plans/backup",
        "/v1/state/properties",
    ):
        assert secret not in world.get(f"/v1/{path}").body.decode()
    code, state = world.curl(f"{world.layout.master_url}/state")
    assert code == 200
    assert secret not in json.dumps(state)
    logs = [*(world.layout.directory / "logs").iterdir(), *world.layout.directory.glob("agents/*/**/stderr")]
    assert len(logs) > 6
    for log in logs:
        assert secret.encode() not in log.read_bytes(), log


def test_a_second_backup_sends_only_what_is_new(world: World) -> None:
    place = {"external_location": world.location}
    world.run("backup", {"backup_name": "whole", **place, "key_spaces": [KEYSPACE]})
    with world.cql() as session:
        tables.fill(session, KEYSPACE, [1_000_001])
    status = world.run("backup", {"backup_name": "more", **place, "key_spaces": [KEYSPACE]})
    for node in status["nodes"].values():
        assert 0 < node["result"]["sent_objects"] < node["result"]["objects"] / 2
    names = [item["backup_name"] for item in world.read(f"/v1/backups?external_location={world.location}")["backups"]]
    assert {"first", "whole", "more"} <= set(names)


def test_tables_that_come_and_go_do_not_disturb_a_backup(world: World) -> None:
    """Of everything, and of a keyspace while DDL goes on in another."""
    stop = threading.Event()

    def change() -> None:
        with world.cql() as session:
            session.execute(f"CREATE KEYSPACE IF NOT EXISTS comes {_THREE}")
            while not stop.wait(1.0):
                session.execute("CREATE TABLE comes.and_goes (id int PRIMARY KEY)")
                stop.wait(1.0)
                session.execute("DROP TABLE comes.and_goes")
            session.execute("DROP KEYSPACE comes")

    thread = threading.Thread(target=change, name="ddl")
    thread.start()
    place = {"external_location": world.location}
    try:
        world.run("backup", {"backup_name": "restless", **place})
        world.run("backup", {"backup_name": "beside", **place, "key_spaces": [KEYSPACE]})
    finally:
        stop.set()
        thread.join()
    for name in ("restless", "beside"):
        found = world.read(f"/v1/backups/{name}?external_location={world.location}")
        assert found["key_spaces"][KEYSPACE] == sorted(tables.NAMES)
        assert all(name.startswith("comes") for name in found.get("left_out", {}))
        assert sorted(found["nodes"]) == ["node-0", "node-1", "node-2"]
    assert world.get(f"/v1/backups/never?external_location={world.location}").status == 404


@pytest.mark.parametrize("kind", ["repair", "cleanup"])
def test_what_is_dropped_after_the_request_is_skipped_and_told(world: World, kind: str) -> None:
    with world.cql() as session:
        session.execute(f"CREATE KEYSPACE goes {_THREE}")
        session.execute("CREATE TABLE goes.t (id int PRIMARY KEY)")
        world.begin(kind, {"nodes": ["*"], "key_spaces": [KEYSPACE, "goes"]})
        assert world.put(f"/v1/plans/{kind}/interrupt")[0] == 200
        session.execute("DROP KEYSPACE goes")
    assert world.put(f"/v1/plans/{kind}/continue")[0] == 200
    status = world.wait_ended(kind)
    assert status["state"] == "COMPLETE", status
    for name in ("node-1", "node-2"):
        result = status["nodes"][name]["result"]
        assert result["tables"]["goes"] == "skipped: it was dropped meanwhile"
        assert result["tables"][f"{KEYSPACE}.user"] == "done"
    assert "done, but goes was skipped: dropped meanwhile" in status["message"]


def test_verify_and_delete(world: World) -> None:
    place = {"external_location": world.location}
    code, answer = world.put("/v1/backup/verify", {"backup_name": "more", **place})
    assert code == 202, answer
    assert world.wait_ended("backup/verify")["state"] == "COMPLETE"
    code, answer = world.put("/v1/backup/delete", {"backup_name": "whole", **place})
    assert code == 202, answer
    assert world.wait_ended("backup/delete")["state"] == "COMPLETE"
    listed = {item["backup_name"] for item in world.read(f"/v1/backups?external_location={world.location}")["backups"]}
    assert "whole" not in listed
    code, answer = world.put("/v1/backup/verify", {"backup_name": "more", **place})
    assert code == 202, answer
    assert world.wait_ended("backup/verify")["state"] == "COMPLETE"


def test_one_table_under_another_name(world: World) -> None:
    place = {"external_location": world.location}
    body = {"backup_name": "more", **place, "key_spaces": [KEYSPACE], "column_families": ["users"]}
    world.run("restore", {**body, "rename": {f"{KEYSPACE}.users": f"{KEYSPACE}.users_before"}})
    with world.cql() as session:
        copy = sorted(map(str, session.execute(f"SELECT * FROM {KEYSPACE}.users_before")))
        assert copy == sorted(map(str, session.execute(f"SELECT * FROM {KEYSPACE}.users")))


BAD = [
    ("cleanup", {"nodes": ["node-7"]}, "node-7"),
    ("cleanup", {"nodes": []}, "nodes"),
    ("cleanup", {"nodes": ["*"], "key_spaces": ["nowhere"]}, "nowhere"),
    ("cleanup", {"nodes": ["*"], "key_spaces": [KEYSPACE], "column_families": ["no_table"]}, "no_table"),
    ("cleanup", {"nodes": ["*"], "extra": 1}, "extra"),
    ("repair", {"nodes": ["*"], "parallelism": "wild"}, "parallelism"),
    ("backup", {"backup_name": "a/b", "external_location": "s3://backups"}, "backup_name"),
    ("backup", {"backup_name": "..", "external_location": "s3://backups"}, "backup_name"),
    ("backup", {"backup_name": "good"}, "external_location"),
    ("backup", {"backup_name": "good", "external_location": "ftp://x"}, "external_location"),
    ("backup", {"backup_name": "good", "external_location": "s3://no-such-bucket-here"}, "no-such-bucket-here"),
    ("restore", {"backup_name": "never-made", "external_location": "s3://backups"}, "never-made"),
]


@pytest.mark.parametrize(("kind", "body", "part"), BAD, ids=[f"{kind}-{part}" for kind, _, part in BAD])
def test_bad_requests_change_nothing(world: World, kind: str, body: dict[str, object], part: str) -> None:
    before = world.records()
    code, answer = world.put(f"/v1/{kind}/start", body)
    assert code == 400, answer
    assert part in answer["message"]
    assert world.records() == before


def test_a_name_that_exists_is_refused(world: World) -> None:
    code, answer = world.put("/v1/backup/start", {"backup_name": "first", "external_location": "s3://backups"})
    assert code == 409, answer
    assert "first" in answer["message"]


def test_stop_without_an_operation(world: World) -> None:
    code, answer = world.put("/v1/scrub/stop")
    assert code == 409
    assert "already not running" in answer["message"]


def snapshots(world: World) -> list[Path]:
    """All snapshot directories on the nodes' volumes that a backup made."""
    return list(world.layout.directory.glob("agents/**/data/*/*/snapshots/backup-*"))
