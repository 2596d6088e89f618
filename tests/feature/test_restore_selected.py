"""The selection of a backup and a restore: names, views, indexes, keyspaces without tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import NoHostAvailable
from cassandra.concurrent import execute_concurrent_with_args

from executor.backup.format import document, layout
from executor.backup.format.manifest import NodeManifest
from executor.backup.jobs.questions import describe_backup
from executor.cql.names import TableName
from executor.jmx.jolokia import STORAGE_SERVICE
from executor.jobs.context import JobError
from executor.restore.proof.restored_rows import Keeper
from executor.restore.source.batches import Batch
from executor.restore.views import Views
from tests.feature.backup_jobs import BUCKET, SECRETS, Bucket, Operator, schema_of, serve_bucket
from tests.feature.cassandra_ring import LAUNCH, RingNode, running_ring
from tests.waiting import wait_for

pytestmark = pytest.mark.cassandra

NODE = ["node-0"]
FLUSH = "forceKeyspaceFlush(java.lang.String,[Ljava.lang.String;)"
LOGIN = ("cassandra", "cassandra")
ROWS, LARGE = 20, 20_000
_OPTIONS = {
    "authenticator": "PasswordAuthenticator",
    "authorizer": "CassandraAuthorizer",
    "materialized_views_enabled": True,
    "sasi_indexes_enabled": True,
    "user_defined_functions_enabled": True,
}
_REPLICATION = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
_VIEW = """CREATE MATERIALIZED VIEW mv.by_v AS SELECT * FROM mv.t
    WHERE v IS NOT NULL AND id IS NOT NULL PRIMARY KEY (v, id)"""


@dataclass(frozen=True)
class Place:
    """One node with its operator."""

    operator: Operator
    node: RingNode
    bucket: Bucket

    def execute(self, *statements: str) -> None:
        with self.node.cql(login=LOGIN) as session:
            for statement in statements:
                session.execute(statement)

    def rows(self, query: str) -> list[Any]:
        with self.node.cql(login=LOGIN) as session:
            return sorted(tuple(row) for row in session.execute(query))

    def restore(self, backup: str, **request: Any) -> dict[str, Any]:
        return self.operator.restore(backup, NODE, **request)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    launch = replace(LAUNCH, options=_OPTIONS)
    with running_ring(tmp_path_factory.mktemp("selected"), ["127.0.47.1"], launch) as ring, serve_bucket() as bucket:
        wait_for("the first role is made", lambda: ring.nodes[0].accepts(*LOGIN), 60.0)
        login = {"cassandra_username": LOGIN[0], "cassandra_password": LOGIN[1]}
        yield Place(Operator(ring, bucket, login=login), ring.nodes[0], bucket)


@pytest.fixture(scope="module")
def viewed(place: Place) -> list[Any]:
    """The rows of `mv.t`, of which there is a backup `mv`; it has a view."""
    place.execute(f"CREATE KEYSPACE mv {_REPLICATION}", "CREATE TABLE mv.t (id int PRIMARY KEY, v int, w text)", _VIEW)
    place.execute(*(f"INSERT INTO mv.t (id, v, w) VALUES ({i}, {i}, 'w')" for i in range(ROWS)))
    wait_for("the view has the rows", lambda: len(place.rows("SELECT v, id, w FROM mv.by_v")) == ROWS)
    place.operator.back_up("mv", ["mv"])
    return place.rows("SELECT id, v, w FROM mv.t")


def follows(place: Place, table: str = "mv.t", view: str = "mv.by_v") -> bool:
    """Whether a view has what its table has, and nothing else."""
    return place.rows(f"SELECT id, v, w FROM {table}") == place.rows(f"SELECT id, v, w FROM {view}")


def test_files_of_views_are_not_backed_up(place: Place, viewed: list[Any]) -> None:
    (key,) = place.bucket.keys(layout.node_key("mv", "node-0"))
    written = place.bucket.client().get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert [table.name for table in document.read(NodeManifest, written, key).tables] == ["t"]


VIEW_GONE = "DROP MATERIALIZED VIEW IF EXISTS mv.by_v"
# Older than the backup's, under other values: what the view has of them is stale once the backup's are there.
OLDER = tuple(f"UPDATE mv.t USING TIMESTAMP 1 SET v = {i + 100} WHERE id = {i}" for i in range(ROWS))


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(("TRUNCATE mv.t",), id="a view that lives on"),
        pytest.param((VIEW_GONE, "TRUNCATE mv.t", _VIEW), id="one made after the backup"),
        pytest.param((VIEW_GONE, "TRUNCATE mv.t"), id="one that was dropped"),
        pytest.param(("TRUNCATE mv.t", *OLDER), id="one with rows that the backup's overwrite"),
        pytest.param(("DROP KEYSPACE mv",), id="all of it dropped"),
    ],
)
@pytest.mark.parametrize("mode", ["import", "stream"])
def test_a_view_follows_its_restored_table(place: Place, viewed: list[Any], before: Sequence[str], mode: str) -> None:
    place.execute(*before)
    found = place.restore("mv", column_families=["t"], mode=mode)
    assert found["schema"]["views"] == ["mv.by_v"]
    assert place.rows("SELECT id, v, w FROM mv.t") == viewed
    assert follows(place)
    assert found["compare"]["verdict"] == "equal"


def test_a_view_whose_table_has_newer_rows(place: Place, viewed: list[Any]) -> None:
    place.execute(VIEW_GONE, "UPDATE mv.t SET v = 500 WHERE id = 1")
    place.restore("mv", column_families=["t"])
    assert follows(place)
    assert (1, 500, "w") in place.rows("SELECT id, v, w FROM mv.by_v")
    place.execute("TRUNCATE mv.t")
    place.restore("mv")


_LATER = """CREATE MATERIALIZED VIEW mv.later AS SELECT * FROM mv.t
    WHERE w IS NOT NULL AND id IS NOT NULL PRIMARY KEY (w, id)"""


@pytest.mark.parametrize("mode", ["import", "stream"])
def test_a_view_that_is_made_while_rows_are_loaded(
    place: Place, viewed: list[Any], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cassandra builds it from the rows that are there, and no load updates a view."""
    place.execute("TRUNCATE mv.t", "INSERT INTO mv.t (id, v, w) VALUES (-1, -1, 'w')")
    keep = Keeper.keep

    def make(keeper: Keeper, batch: Batch, staged: Path) -> None:
        place.execute(_LATER)
        wait_for("the view is built", lambda: place.rows("SELECT w, id FROM mv.later") == [("w", -1)])
        keep(keeper, batch, staged)

    monkeypatch.setattr(Keeper, "keep", make)
    found = place.restore("mv", column_families=["t"], mode=mode, compare="none")
    assert follows(place, view="mv.later")
    assert found["load"]["node-0"]["views"] == ["mv.later"]
    assert follows(place)
    place.execute("DROP MATERIALIZED VIEW mv.later", "DELETE FROM mv.t WHERE id = -1")


def test_a_view_that_is_emptied_while_it_is_built(place: Place) -> None:
    """What a build has done before is no work that another one can leave out."""
    place.execute(f"CREATE KEYSPACE large {_REPLICATION}", "CREATE TABLE large.t (id int PRIMARY KEY, v int)")
    with place.node.cql(login=LOGIN) as session:
        insert = session.prepare("INSERT INTO large.t (id, v) VALUES (?, ?)")
        execute_concurrent_with_args(session, insert, [(number, number) for number in range(LARGE)])
    place.execute(_VIEW.replace("mv.", "large."))
    view = TableName("large", "by_v")
    work = Views(place.node.jolokia, lambda: None)
    wait_for("its build has come far", lambda: work.unbuilt([view]).get(view, LARGE) > LARGE // 4)
    work.empty(view)
    assert view in work.unbuilt([view])
    work.build(view)
    wait_for("the view is built", lambda: not work.unbuilt([view]))
    assert len(place.rows("SELECT v FROM large.by_v")) == LARGE
    place.execute("DROP MATERIALIZED VIEW large.by_v", "DROP KEYSPACE large")


def test_a_view_of_a_table_beside_itself_is_left_out(place: Place, viewed: list[Any]) -> None:
    place.execute("TRUNCATE mv.t")
    found = place.restore("mv", rename={"mv.t": "mv.t_old"})
    assert found["schema"]["left_out"] == [
        "view mv.by_v: mv.t becomes mv.t_old in the same keyspace, where the view keeps its name and its table"
    ]
    assert place.rows("SELECT id, v, w FROM mv.t_old") == viewed
    assert place.rows("SELECT id, v, w FROM mv.by_v") == place.rows("SELECT id, v, w FROM mv.t") == []
    place.execute("DROP TABLE mv.t_old")
    place.restore("mv")


def test_a_view_under_another_key_space(place: Place, viewed: list[Any]) -> None:
    place.restore("mv", rename={"mv": "Systems_2"})
    assert place.rows('SELECT id, v, w FROM "Systems_2".t') == viewed
    assert follows(place, '"Systems_2".t', '"Systems_2".by_v')
    place.execute('DROP KEYSPACE "Systems_2"')


def test_a_view_by_itself_is_refused(place: Place, viewed: list[Any]) -> None:
    given = {"backup_name": "mv", "sources": NODE, "column_families": ["by_v"]}
    with pytest.raises(JobError, match=r"mv\.by_v is a materialized view of mv\.t and is built from it: name mv\.t"):
        place.operator.run("restore-check", place.node, "x", given)


INDEXES = (
    "CREATE INDEX plain ON ix.t (a)",
    "CREATE CUSTOM INDEX sai ON ix.t (b) USING 'sai'",
    "CREATE CUSTOM INDEX sasi ON ix.t (c) USING 'org.apache.cassandra.index.sasi.SASIIndex'",
)


@pytest.fixture(scope="module")
def indexed(place: Place) -> None:
    place.execute(f"CREATE KEYSPACE ix {_REPLICATION}", "CREATE TABLE ix.t (id int PRIMARY KEY, a int, b int, c text)")
    place.execute(*INDEXES)
    place.execute(*(f"INSERT INTO ix.t (id, a, b, c) VALUES ({i}, {i % 4}, {i % 4}, 'c{i % 4}')" for i in range(ROWS)))
    place.operator.back_up("ix", ["ix"])


@pytest.mark.parametrize("before", ["TRUNCATE ix.t", "DROP TABLE ix.t"])
@pytest.mark.parametrize("mode", ["import", "stream"])
def test_every_kind_of_index_finds_every_row(place: Place, indexed: None, before: str, mode: str) -> None:
    place.execute(before)
    place.restore("ix", mode=mode)
    for number in range(4):
        wanted = [(i,) for i in range(number, ROWS, 4)]
        for condition in (f"a = {number}", f"b = {number}", f"c = 'c{number}'"):
            assert place.rows(f"SELECT id FROM ix.t WHERE {condition}") == wanted, condition


def test_a_key_space_of_users_whose_name_begins_with_system(place: Place) -> None:
    """Its table has lost a column since and has it again: that is looked at as in any key space of users."""
    outcomes = []
    for name in ("systems", "plainks"):
        place.execute(
            f"CREATE KEYSPACE {name} {_REPLICATION}",
            f"CREATE TABLE {name}.t (id int PRIMARY KEY, a text, b text)",
            f"INSERT INTO {name}.t (id, a, b) VALUES (1, 'a', 'b')",
        )
        place.node.jolokia.execute(STORAGE_SERVICE, FLUSH, [name, []], 60.0)
        place.execute(f"ALTER TABLE {name}.t DROP b")
        place.operator.back_up(name, [name])
        place.execute(f"ALTER TABLE {name}.t ADD b text", f"INSERT INTO {name}.t (id, b) VALUES (2, 'live')")
        outcomes.append(_outcome(place, name))
        assert place.rows(f"SELECT id, b FROM {name}.t") == [(1, None), (2, "live")]
        place.execute(f"DROP KEYSPACE {name}")
    assert outcomes[0] == outcomes[1]


def _outcome(place: Place, name: str) -> str:
    """What a restore of a keyspace says, with the keyspace's name taken out."""
    try:
        found = place.restore(name, key_spaces=[name])
    except JobError as error:
        return str(error).replace(name, "K")
    return str(sorted(found["schema"]["created"])).replace(name, "K")


def test_rename_alone_restores_what_it_names(place: Place) -> None:
    place.execute(f"CREATE KEYSPACE k1 {_REPLICATION}", f"CREATE KEYSPACE k2 {_REPLICATION}")
    for table in ("k1.users", "k1.orders", "k2.audit"):
        place.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)", f"INSERT INTO {table} (id) VALUES (1)")
    place.operator.back_up("renames")
    place.execute("TRUNCATE k1.orders", "TRUNCATE k2.audit")
    found = place.restore("renames", rename={"k1.users": "k1.users_before"})
    assert list(found["load"]["node-0"]["tables"]) == ["k1.users_before"]
    assert place.rows("SELECT id FROM k1.users_before") == [(1,)]
    assert place.rows("SELECT id FROM k1.orders") == place.rows("SELECT id FROM k2.audit") == []
    place.execute("DROP KEYSPACE k1", "DROP KEYSPACE k2")


def test_a_key_space_without_tables(place: Place) -> None:
    place.execute(
        f"CREATE KEYSPACE bare {_REPLICATION}",
        "CREATE TYPE bare.address (street text)",
        "CREATE FUNCTION bare.twice(x int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return x * 2;'",
        "CREATE FUNCTION bare.cents(x int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return x; // in $'",
    )
    place.operator.back_up("bare", ["bare"])
    for request in ({}, {"key_spaces": ["bare"]}):
        place.execute("DROP KEYSPACE bare")
        found = place.restore("bare", **request)
        assert found["check"]["node-0"]["tables"] == 0
        assert found["schema"]["message"] == "made: 1 keyspace, 1 type, 2 functions"
        assert place.rows("SELECT type_name FROM system_schema.types WHERE keyspace_name = 'bare'") == [("address",)]
    place.execute(
        "CREATE OR REPLACE FUNCTION bare.twice(x int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return x * 3;'"
    )
    again = place.restore("bare", key_spaces=["bare"])["schema"]
    assert again["verdict"] == "different"
    assert "function bare.twice(int) is not as in the backup" in again["message"]
    question = {"backup_name": "bare", "location": place.bucket.location, "secrets": SECRETS}
    assert describe_backup(place.node.facts(), question)["key_spaces"] == {"bare": []}
    place.execute("DROP KEYSPACE bare")


@pytest.mark.parametrize("mode", ["import", "stream"])
def test_tables_with_compact_storage_and_one_that_is_dropped_meanwhile(
    place: Place, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.execute(
        f"CREATE KEYSPACE old {_REPLICATION}",
        "CREATE TABLE old.few (id int PRIMARY KEY, a int, b text) WITH COMPACT STORAGE",
        "CREATE INDEX few_a ON old.few (a)",
        "CREATE TABLE old.anew (id int PRIMARY KEY, a int)",
        "CREATE TABLE old.gone (id int PRIMARY KEY, a int)",
        "CREATE TABLE old.wide (id int, c int, a int, PRIMARY KEY (id, c)) WITH COMPACT STORAGE",
        *(f"INSERT INTO old.few (id, a, b) VALUES ({i}, {i}, 'b')" for i in range(ROWS)),
        *(f"INSERT INTO old.anew (id, a) VALUES ({i}, {i})" for i in range(ROWS)),
        *(f"INSERT INTO old.gone (id, a) VALUES ({i}, {i})" for i in range(ROWS)),
        *(f"INSERT INTO old.wide (id, c, a) VALUES ({i % 3}, {i}, {i})" for i in range(ROWS)),
    )
    queries = (
        "SELECT id, a, b FROM old.few", "SELECT id FROM old.few WHERE a = 7", "SELECT id, c, a FROM old.wide",
    )  # fmt: skip
    before = [place.rows(query) for query in queries]
    name = f"old-{mode}"
    place.operator.back_up(name, ["old"])
    place.execute("DROP KEYSPACE old")
    keep = Keeper.keep

    def drop(keeper: Keeper, batch: Batch, staged: Path) -> None:
        if batch.target.table == "gone":
            place.execute("DROP TABLE old.gone")
        if batch.target.table == "anew":
            place.execute("DROP TABLE old.anew", "CREATE TABLE old.anew (id text PRIMARY KEY, b text)")
        keep(keeper, batch, staged)

    monkeypatch.setattr(Keeper, "keep", drop)
    found = place.restore(name, mode=mode)
    assert [place.rows(query) for query in queries] == before
    how = f"{mode}ed"
    dropped = "skipped: it was dropped meanwhile"
    tables = {"old.anew": dropped, "old.few": how, "old.gone": dropped, "old.wide": how}
    assert found["load"]["node-0"]["tables"] == tables
    states = {name: one["state"] for name, one in found["compare"]["comparison"].items()}
    assert states.pop("old.anew") == "different"
    assert states == {"old.few": "equal", "old.gone": "not compared", "old.wide": "equal"}
    place.execute("DROP KEYSPACE old")


LONG_SPACE, LONG_TABLE, LONG_NAME = "K" * 48, "T" * 222, "n" * 222


def test_the_longest_names(place: Place) -> None:
    table = f'"{LONG_SPACE}"."{LONG_TABLE}"'
    place.execute(
        f'CREATE KEYSPACE "{LONG_SPACE}" {_REPLICATION}',
        f'CREATE TYPE "{LONG_SPACE}".{LONG_NAME}x (street text)',
        f"CREATE TABLE {table} (id int PRIMARY KEY, v text, a frozen<{LONG_NAME}x>)",
        f"CREATE INDEX by_v ON {table} (v)",
        f"CREATE CUSTOM INDEX by_a ON {table} (a) USING 'sai'",
        f"INSERT INTO {table} (id, v, a) VALUES (1, 'v', {{street: 's'}})",
    )
    place.operator.back_up("long", [LONG_SPACE])
    place.execute(f"DROP TABLE {table}")
    place.restore("long", key_spaces=[LONG_SPACE])
    assert place.rows(f"SELECT id FROM {table} WHERE v = 'v'") == [(1,)]
    other = f'"{LONG_SPACE}".{LONG_NAME}'
    place.restore("long", rename={f"{LONG_SPACE}.{LONG_TABLE}": f"{LONG_SPACE}.{LONG_NAME}"}, mode="stream")
    assert place.rows(f"SELECT id FROM {other} WHERE v = 'v'") == [(1,)]
    place.execute(f"DROP TABLE {other}")
    place.execute(f'DROP KEYSPACE "{LONG_SPACE}"')


_GROUPS = "system_auth.cidr_groups"


def _changes_the_password(place: Place) -> bool:
    """False while Cassandra refuses: it changes a role's password once in five seconds at most."""
    try:
        place.execute("ALTER ROLE weak WITH PASSWORD = 'after' AND SUPERUSER = true")
    except NoHostAvailable as error:
        if "can only be changed every" not in str(error):
            raise
        return False
    return True


@pytest.fixture(scope="module")
def roles(place: Place) -> None:
    """A backup `roles`, and what became of the roles since."""
    place.execute(
        f"CREATE KEYSPACE held {_REPLICATION}",
        "CREATE TABLE held.t (id int PRIMARY KEY)",
        "CREATE FUNCTION held.twice(x int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return x * 2;'",
        'CREATE TYPE held."Up" (x int, y frozen<list<int>>)',
        """CREATE FUNCTION held.many(a list<int>, b map<text, frozen<list<"Up">>>, c tuple<int, "Up">, d "Up",
            e vector<float, 3>) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return 1;'""",
        "CREATE ROLE readers",
        "CREATE ROLE \"App-1\" WITH PASSWORD = 'secret-1' AND LOGIN = true",
        "CREATE ROLE weak WITH PASSWORD = 'before' AND LOGIN = true",
        'GRANT readers TO "App-1"',
        "GRANT SELECT ON TABLE held.t TO readers",
        "GRANT EXECUTE ON FUNCTION held.twice(int) TO readers",
        """GRANT EXECUTE ON FUNCTION held.many(list<int>, map<text, frozen<list<"Up">>>, tuple<int, "Up">, "Up",
            vector<float, 3>) TO "App-1\"""",
        'GRANT MODIFY ON KEYSPACE held TO "App-1"',
        "GRANT DESCRIBE ON MBEANS 'org.apache.cassandra.db:*' TO \"App-1\"",
        "ADD IDENTITY 'spiffe://app' TO ROLE 'App-1'",
        f"INSERT INTO {_GROUPS} (cidr_group, cidrs) VALUES ('office', {{('10.0.0.0', 8)}})",
    )
    place.operator.back_up("roles")
    wait_for("the password may be changed again", lambda: _changes_the_password(place))
    place.execute(
        'DROP ROLE "App-1"',
        "REVOKE SELECT ON TABLE held.t FROM readers",
        "CREATE ROLE later",
        "ADD IDENTITY 'spiffe://app' TO ROLE 'readers'",
        f"INSERT INTO {_GROUPS} (cidr_group, cidrs) VALUES ('office', {{('0.0.0.0', 0), ('10.0.0.0', 8)}})",
    )


def test_roles_are_restored_as_statements(place: Place, roles: None) -> None:
    place.restore("roles", key_spaces=["held"])
    assert not place.node.accepts("App-1", "secret-1")
    found = place.restore("roles", key_spaces=["system_auth"])
    assert found["load"]["node-0"]["tables"] == {}
    assert found["schema"]["roles"] == {
        "App-1": "created",
        "cassandra": "left as it is: the restore logs in with it",
        "readers": "altered",
        "weak": "altered",
    }
    assert found["schema"]["other_roles"] == ["later"]
    assert place.node.accepts("App-1", "secret-1")
    wait_for("the old password holds", lambda: place.node.accepts("weak", "before"))
    assert not place.node.accepts("weak", "after")
    assert place.rows("SELECT is_superuser FROM system_auth.roles WHERE role = 'weak'") == [(False,)]
    assert place.rows("SELECT member FROM system_auth.role_members WHERE role = 'readers'") == [("App-1",)]
    assert place.rows("SELECT resource FROM system_auth.role_permissions WHERE role = 'readers'") == [
        ("data/held/t",),
        ("functions/held/twice[org.apache.cassandra.db.marshal.Int32Type]",),
    ]
    data, function, mbean = place.rows("SELECT resource FROM system_auth.role_permissions WHERE role = 'App-1'")
    assert (data, mbean) == (("data/held",), ("mbean/org.apache.cassandra.db:*",))
    assert function[0].startswith("functions/held/many[org.apache.cassandra.db.marshal.ListType(")
    assert place.rows("SELECT identity, role FROM system_auth.identity_to_role") == [("spiffe://app", "App-1")]
    assert place.rows(f"SELECT cidrs FROM {_GROUPS} WHERE cidr_group = 'office'") == [({("10.0.0.0", 8)},)]
    again = place.restore("roles", key_spaces=["system_auth"])["schema"]["roles"]
    assert {name: what for name, what in again.items() if name != "cassandra"} == dict.fromkeys(
        ("App-1", "readers", "weak"), "as in the backup"
    )


def test_permissions_that_cannot_be_granted_are_told(place: Place, roles: None) -> None:
    place.execute("DROP TABLE held.t")
    found = place.restore("roles", key_spaces=["system_auth"])["schema"]
    assert found["verdict"] == "different"
    refused = "readers: SELECT on data/held/t (Resource <table held.t> doesn't exist)"
    assert found["message"].endswith(f"because one statement was refused: {refused}")
    place.execute("CREATE TABLE held.t (id int PRIMARY KEY)")


def test_roles_can_be_looked_at_under_another_name(place: Place, roles: None) -> None:
    place.restore("roles", rename={"system_auth": "auth_before"})
    assert {row[0] for row in place.rows("SELECT role FROM auth_before.roles")} >= {"App-1", "weak", "readers"}
    place.execute("DROP KEYSPACE auth_before")


def test_roles_need_a_superuser(place: Place, roles: None) -> None:
    place.execute(
        "CREATE ROLE operator WITH PASSWORD = 'o' AND LOGIN = true", "GRANT SELECT ON KEYSPACE system_auth TO operator"
    )
    operator = replace(place.operator, login={"cassandra_username": "operator", "cassandra_password": "o"})
    given = {"backup_name": "roles", "sources": NODE, "key_spaces": ["system_auth"]}
    with pytest.raises(JobError, match="roles cannot be restored by operator, which is no superuser") as caught:
        operator.run("restore-check", place.node, "x", given)
    assert caught.value.hopeless
    place.execute("DROP ROLE operator")


def test_a_backup_whose_login_cannot_read_the_roles_says_so(place: Place) -> None:
    place.execute("CREATE ROLE narrow WITH PASSWORD = 'n' AND LOGIN = true")
    operator, node = (
        replace(place.operator, login={"cassandra_username": "narrow", "cassandra_password": "n"}),
        place.node,
    )
    common = {"backup_name": "roleless", "key_spaces": ["system_auth"], "column_families": [], "tag": "backup-roleless"}
    taken = operator.run("snapshot", node, "roleless", common)
    asked = {"schema_versions": [taken["schema_version"]], "count_rows": False, **schema_of({"node-0": taken})}
    found = operator.run("describe", node, "roleless", {**common, **asked})
    assert found["message"].startswith("the roles are not in the backup as statements, so that they cannot be restored")
    assert "narrow" in found["message"]
    operator.run("clear", node, "roleless", common)
    place.execute("DROP ROLE narrow")


def test_roles_of_a_backup_that_has_none_as_statements(place: Place, roles: None) -> None:
    """As those of earlier versions: the schema names no document of roles."""
    client = place.bucket.client()
    (key,) = place.bucket.keys(layout.schema_key("roles"))
    (whole,) = place.bucket.keys(layout.manifest_key("roles"))
    schema = json.loads(client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    manifest = json.loads(client.get_object(Bucket=BUCKET, Key=whole)["Body"].read())
    del schema["roles_sha256"]
    content = json.dumps(schema).encode()
    manifest["schema_sha256"] = hashlib.sha256(content).hexdigest()
    client.put_object(Bucket=BUCKET, Key=key, Body=content)
    client.put_object(Bucket=BUCKET, Key=whole, Body=json.dumps(manifest).encode())
    given = {"backup_name": "roles", "sources": NODE, "key_spaces": ["system_auth"]}
    with pytest.raises(JobError, match="its files do not override later changes") as caught:
        place.operator.run("restore-check", place.node, "x", given)
    assert caught.value.hopeless
