"""Restores onto the node that was backed up: files are taken over by a running Cassandra."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import Session

from executor.backup.format import document, layout
from executor.backup.format.manifest import NodeManifest
from executor.jobs import cql
from executor.jobs.context import Cancelled, JobError
from executor.restore.jobs.questions import plan_restore
from tests.cluster import tables
from tests.feature.backup_jobs import BUCKET, SECRETS, Bucket, Operator
from tests.feature.cassandra_ring import LAUNCH, Ring, RingNode, running_ring
from tests.waiting import wait_for

pytestmark = pytest.mark.cassandra

NODE = ["node-0"]
_ID = "SELECT id FROM system_schema.tables WHERE keyspace_name = 'shop' AND table_name = 'user'"
_VIEW = """CREATE MATERIALIZED VIEW shop.bodies AS SELECT * FROM shop.plain
    WHERE body IS NOT NULL AND id IS NOT NULL PRIMARY KEY (id, body)"""
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    launch = replace(LAUNCH, options={"materialized_views_enabled": True})
    with running_ring(tmp_path_factory.mktemp("import"), ["127.0.45.1"], launch) as ring:
        yield ring


@pytest.fixture(scope="module")
def shop(operator: Operator, node: RingNode) -> Rows:
    """The rows of the keyspace `shop`, of which there is a backup `first`."""
    with node.cql() as session:
        tables.create(session, "shop", 1)
        session.execute("CREATE CUSTOM INDEX by_motto ON shop.users (name) USING 'sai'")
        session.execute("CREATE TABLE shop.changed (id int PRIMARY KEY, gone int, kept int)")
        session.execute("INSERT INTO shop.changed (id, gone, kept) VALUES (1, 2, 3)")
        session.execute("ALTER TABLE shop.changed DROP gone")
        session.execute(_VIEW)
        session.execute("INSERT INTO shop.plain (id, body) VALUES (7, %s)", ["body 7 " * 20])
        wait_for("the view has the row", lambda: body_of_view(session, "shop") == ["body 7 " * 20])
        rows = tables.read(session, "shop")
    operator.back_up("first", ["shop"])
    return rows


def rows_of(node: RingNode, key_space: str = "shop") -> Rows:
    with node.cql() as session:
        return tables.read(session, key_space)


def staged(node: RingNode) -> list[Path]:
    return [path for path in (node.facts().scratch / "restore").rglob("*") if path.is_file()]


def body_of_view(session: Session, key_space: str) -> list[str]:
    return [row.body for row in session.execute(f"SELECT body FROM {key_space}.bodies WHERE id = 7")]


def use_indexes(session: Session, key_space: str) -> tuple[int, int]:
    by_name = session.execute(f"SELECT id FROM {key_space}.user WHERE name = 'name-3'").all()
    by_motto = session.execute(f"SELECT id FROM {key_space}.users WHERE name = 'n7'").all()
    return len(by_name), len(by_motto)


def test_a_key_space_that_was_dropped(operator: Operator, node: RingNode, shop: Rows) -> None:
    with node.cql() as session:
        table_id = session.execute(_ID).one().id
        session.execute("DROP KEYSPACE shop")
    result = operator.restore("first", NODE)
    assert result["mode"] == "import"
    assert result["check"]["node-0"]["same_as"] == "node-0"
    assert result["schema"]["created"][:2] == ["keyspace shop", "type shop.address"]
    assert result["schema"]["kept"] == []
    loaded = result["load"]["node-0"]
    assert loaded["tables"]["shop.user"] == "imported"
    assert loaded["tables"]["shop.nothing"] == "empty"
    assert loaded["sstables"] >= 7
    assert (result["compare"]["different"], result["compare"]["not_counted"]) == (0, 0)
    assert result["compare"]["tables"]["shop.user"] == {"backup": tables.ROWS, "now": tables.ROWS}
    assert rows_of(node) == shop
    with node.cql() as session:
        assert use_indexes(session, "shop") == (30, 1)
        assert body_of_view(session, "shop") == ["body 7 " * 20]
        assert session.execute("SELECT * FROM shop.changed").one() == (1, 3)
        assert session.execute(_ID).one().id == table_id
    assert staged(node) == []


def test_newer_data_is_not_overwritten_and_older_comes_back(operator: Operator, node: RingNode, shop: Rows) -> None:
    with node.cql() as session:
        session.execute("UPDATE shop.user SET name = 'newer' WHERE id = 1")
        session.execute("INSERT INTO shop.user (id, name) VALUES (100000, 'added')")
        session.execute("TRUNCATE shop.plain")
    result = operator.restore("first", NODE, key_spaces=["shop"])
    assert "keyspace shop" in result["schema"]["kept"]
    assert result["schema"]["created"] == []
    now = rows_of(node)
    assert now["plain"] == shop["plain"]
    assert len(now["user"]) == len(shop["user"]) + 1
    with node.cql() as session:
        assert session.execute("SELECT name FROM shop.user WHERE id = 1").one().name == "newer"
        session.execute("UPDATE shop.user SET name = 'name-1' WHERE id = 1")
        session.execute("DELETE FROM shop.user WHERE id = 100000")
    assert result["compare"]["tables"]["shop.user"] == {"backup": tables.ROWS, "now": tables.ROWS + 1}
    assert result["compare"]["different"] == 1
    # Counters that are loaded twice are not counted twice.
    assert now["visits"] == shop["visits"]


def test_under_another_name(operator: Operator, node: RingNode, shop: Rows) -> None:
    result = operator.restore("first", NODE, rename={"shop": "Copy"})
    assert "index Copy.user_by_name" in result["schema"]["created"]
    with node.cql() as session:
        assert tables.read(session, '"Copy"') == shop
        assert use_indexes(session, '"Copy"') == (30, 1)
        assert body_of_view(session, '"Copy"') == ["body 7 " * 20]
        session.execute('DROP KEYSPACE "Copy"')
    assert rows_of(node) == shop


def test_one_table_beside_itself(operator: Operator, node: RingNode, shop: Rows) -> None:
    result = operator.restore("first", NODE, column_families=["user"], rename={"shop.user": "shop.user_old"})
    assert list(result["load"]["node-0"]["tables"]) == ["shop.user_old"]
    with node.cql() as session:
        assert sorted(map(tables._plain, session.execute("SELECT * FROM shop.user_old"))) == shop["user"]
        session.execute("DROP TABLE shop.user_old")


_ASIDE = (
    *(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
      for name in ("aside", "behind")),
    *(f"CREATE TABLE {name}.plain (id int PRIMARY KEY, v int)" for name in ("aside", "behind")),
    *(f"INSERT INTO {name}.plain (id, v) VALUES ({number}, 1)" for number, name in enumerate(("aside", "behind"))),
)  # fmt: skip


def test_an_end_without_a_drain_restores_nothing_again_and_loses_no_write(
    operator: Operator, node: RingNode, shop: Rows
) -> None:
    """A file notes the part of the commit log that it holds, and Cassandra does not replay it for the file's table.

    That part can have writes to another table of the same node, into which the file is loaded.
    """
    with node.cql() as session:
        for statement in _ASIDE:
            session.execute(statement)
    operator.back_up("behind", ["behind"])
    for mode in ("import", "stream"):
        operator.restore("behind", NODE, mode=mode, rename={"behind.plain": "aside.plain"})
    operator.restore("first", NODE, column_families=["plain"])
    with node.cql() as session:
        session.execute("TRUNCATE shop.plain")
    node.kill()
    node.start()
    with node.cql() as session:
        assert sorted(row.id for row in session.execute("SELECT id FROM aside.plain")) == [0, 1]
        for name in ("aside", "behind"):
            session.execute(f"DROP KEYSPACE {name}")
    assert rows_of(node)["plain"] == []
    operator.restore("first", NODE, column_families=["plain"])
    assert rows_of(node)["plain"] == shop["plain"]


def test_roles_come_back_only_when_they_are_named(operator: Operator, node: RingNode, shop: Rows) -> None:
    """That they come back is tried in `test_restore_selected`, on a node with logins."""
    operator.back_up("everything")
    result = operator.restore("everything", NODE)
    assert not [name for name in result["load"]["node-0"]["tables"] if not name.startswith("shop.")]
    assert "roles" not in result["schema"]
    assert rows_of(node) == shop


REFUSED = [
    pytest.param({"backup_name": "none"}, "there is no complete backup none", id="no such backup"),
    pytest.param({"key_spaces": ["shops"]}, "the backup has no keyspace shops", id="no such key space"),
    pytest.param({"column_families": ["use"]}, "the backup has no table use", id="no such table"),
    pytest.param({"key_spaces": ["system_schema"]}, "never restored", id="the cluster's own"),
    # Cassandra would make the keyspace, refuse its tables, and never drop it.
    pytest.param({"rename": {"shop": "System_Traces"}}, "belongs to the cluster itself", id="its own by other letters"),
    pytest.param(
        {"rename": {"shop.user": "shop.users"}, "column_families": ["user"]},
        "table shop.users: home frozen<address> of the backup does not exist here; .*; restore it under another name",
        id="onto another table",
    ),
]


@pytest.mark.parametrize(("request_", "message"), REFUSED)
def test_refused_before_anything_is_changed(
    operator: Operator, node: RingNode, shop: Rows, request_: dict[str, Any], message: str
) -> None:
    given = {"backup_name": "first", "sources": NODE, **request_}
    with pytest.raises(JobError, match=message) as caught:
        operator.run("restore-check", node, "x", given)
    assert caught.value.hopeless
    assert rows_of(node) == shop


def test_another_table_of_the_name_is_refused(operator: Operator, node: RingNode, shop: Rows) -> None:
    with node.cql() as session:
        session.execute("CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        session.execute("CREATE TABLE other.user (id text PRIMARY KEY, name text)")
    given = {"backup_name": "first", "sources": NODE, "column_families": ["user"], "rename": {"shop": "other"}}
    for job in ("restore-check", "restore-schema"):
        with pytest.raises(JobError, match=r"table other\.user: id is int in the backup and text here") as caught:
            operator.run(job, node, f"x-{job}", given)
        assert caught.value.hopeless
    with node.cql() as session:
        types = session.execute("SELECT type_name FROM system_schema.types WHERE keyspace_name = 'other'").all()
        session.execute("DROP KEYSPACE other")
    assert types == []


def test_the_dry_run_tells_what_stays_and_what_is_streamed(operator: Operator, node: RingNode, shop: Rows) -> None:
    other = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    given = {"location": operator.bucket.location, "secrets": SECRETS, "backup_name": "first", "sources": NODE}
    with node.cql() as session:
        replication = session.execute("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = 'shop'")
        before = dict(replication.one().replication)
        session.execute("DROP MATERIALIZED VIEW shop.bodies")
        session.execute(_VIEW.replace("(id, body)", "(body, id)"))
        session.execute(f"ALTER KEYSPACE shop WITH replication = {other}")
        found = plan_restore(node.facts(), {**given, "share": NODE, "rename": {"shop.plain": "shop.plain_2"}})
        assert found["views_left_out"][0].startswith("view shop.bodies: shop.plain becomes shop.plain_2")
        found = plan_restore(node.facts(), {**given, "share": NODE})
        assert (found["changed"], found["streamed"]) == ([{"kind": "view", "name": "shop.bodies"}], ["shop"])
        assert 0 < found["stored"]["node-0"] <= found["sources"]["node-0"]
        result = operator.restore("first", NODE)
        assert "view shop.bodies is not as in the backup" in result["schema"]["message"]
        assert (result["mode"], result["load"]["node-0"]["tables"]["shop.plain"]) == ("import", "streamed")
        session.execute("DROP MATERIALIZED VIEW shop.bodies")
        session.execute(_VIEW)
        session.execute(f"ALTER KEYSPACE shop WITH replication = {before}")


def test_names_beyond_ascii(operator: Operator, node: RingNode) -> None:
    """Cassandra answers each statement that creates such a type with its name in Latin-1."""
    types = ["Größe", "Maß", "été"]
    create = ["CREATE KEYSPACE latin WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"]
    create += [f'CREATE TYPE latin."{name}" (a int)' for name in types]
    create += ['CREATE TABLE latin.t (id int PRIMARY KEY, v "Größe", w frozen<"Maß">, x list<frozen<"été">>)']
    create += ["INSERT INTO latin.t (id, v, w, x) VALUES (1, {a: 1}, {a: 2}, [{a: 3}])"]
    with cql.connect(node.facts(), {}, ConsistencyLevel.ONE) as session:
        for statement in create:
            session.execute(statement)
        operator.back_up("latin", ["latin"])
        session.execute("DROP KEYSPACE latin")
        found = operator.restore("latin", NODE)
        assert found["schema"]["message"] == "made: 1 keyspace, 3 types, 1 table"
        assert found["compare"]["verdict"] == "equal"
        session.execute("DROP KEYSPACE latin")


@pytest.fixture
def broken(bucket: Bucket, shop: Rows) -> Iterator[str]:
    """The key of an object of the backup `first`, which is whole again afterwards."""
    (manifest,) = bucket.keys(layout.node_key("first", "node-0"))
    written = bucket.client().get_object(Bucket=BUCKET, Key=manifest)["Body"].read()
    found = document.read(NodeManifest, written, manifest)
    components = [component for table in found.tables for component in table.components]
    key = "here/" + next(component.key for component in components if component.stored_size > 1000)
    content = bucket.client().get_object(Bucket=BUCKET, Key=key)["Body"].read()
    yield key
    bucket.client().put_object(Bucket=BUCKET, Key=key, Body=content)


def test_an_object_that_is_missing_or_cut_is_named_by_the_check(
    operator: Operator, bucket: Bucket, node: RingNode, broken: str
) -> None:
    given = {"backup_name": "first", "sources": NODE}
    name = broken.removeprefix("here/")
    bucket.client().delete_object(Bucket=BUCKET, Key=broken)
    with pytest.raises(JobError, match=f"1 objects differ from the backup's manifest: {name} .* is missing"):
        operator.run("restore-check", node, "x", given)
    bucket.client().put_object(Bucket=BUCKET, Key=broken, Body=b"short")
    with pytest.raises(JobError, match=f"{name} .* has 5 bytes instead of"):
        operator.run("restore-check", node, "x", given)


def test_a_damaged_object_fails_the_load_and_the_next_attempt_takes_up_what_was_done(
    operator: Operator, bucket: Bucket, node: RingNode, shop: Rows, broken: str
) -> None:
    content = bytearray(bucket.client().get_object(Bucket=BUCKET, Key=broken)["Body"].read())
    content[len(content) // 2] ^= 1
    whole = bytes(bucket.client().get_object(Bucket=BUCKET, Key=broken)["Body"].read())
    bucket.client().put_object(Bucket=BUCKET, Key=broken, Body=bytes(content))
    given = {"backup_name": "first", "sources": NODE, "mode": "import", "key_spaces": ["shop"]}
    operator.run("restore-check", node, "again", given)
    with pytest.raises(JobError, match=f"{broken.removeprefix('here/')} .* is damaged") as caught:
        operator.run("restore-load", node, "again", given)
    assert caught.value.hopeless
    bucket.client().put_object(Bucket=BUCKET, Key=broken, Body=whole)
    running = operator.begin("restore-load", node, "again", given)
    result = running.join(120)
    assert running.context.told[0].total["bytes"] <= result["bytes"]
    assert len(result["tables"]) == 8
    assert rows_of(node) == shop
    assert staged(node) == []


def test_cancelling_ends_it_soon_and_leaves_nothing(operator: Operator, node: RingNode, shop: Rows) -> None:
    given = {"backup_name": "first", "sources": NODE, "mode": "import", "key_spaces": ["shop"]}
    running = operator.begin("restore-load", node, "slow", given, {"throttle": 2000})
    wait_for("something is being fetched", lambda: any(told.done.get("bytes") for told in running.context.told))
    running.context.cancel()
    wait_for("the job ends", lambda: running.ended, 2.0)
    with pytest.raises(Cancelled):
        running.join(1)
    assert staged(node) == []


def test_the_throttle_holds_and_can_be_lifted(operator: Operator, node: RingNode, shop: Rows) -> None:
    given = {"backup_name": "first", "sources": NODE, "mode": "import", "key_spaces": ["shop"]}
    running = operator.begin("restore-load", node, "slowly", given, {"throttle": 2000})
    wait_for("a rate is told", lambda: len(running.context.told) > 12)
    assert not running.ended
    told = running.context.told[-1]
    assert told.tuning == {"throttle": 2000}
    assert told.seconds_left is None or told.seconds_left > 0
    running.context.tuning["throttle"] = 0
    running.join(60)
    assert running.context.told[-1].percent == 100


def test_files_of_a_restore_that_nobody_took_up_are_removed(operator: Operator, node: RingNode, shop: Rows) -> None:
    left = node.facts().scratch / "restore" / "long-ago" / "0" / "shop" / "user"
    left.mkdir(parents=True)
    (left / "nb-1-big-Data.db").write_bytes(b"x")
    operator.run("restore-check", node, "sweeping", {"backup_name": "first", "sources": NODE})
    assert staged(node) == []
