"""The checks of a restore before it changes anything, on a real node that authenticates its clients."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from cassandra.cluster import Session

from executor.cql.ddl import TABLE, Element
from executor.jmx.jolokia import STORAGE_SERVICE
from executor.jobs.context import JobError
from executor.restore.jobs import schema
from executor.restore.jobs.questions import plan_restore
from tests.feature.backup_jobs import SECRETS, Bucket, Operator
from tests.feature.cassandra_ring import LAUNCH, Ring, RingNode, running_ring
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(900)]

NODE = ["node-0"]
SUPERUSER = ("cassandra", "cassandra")
GUARDRAILS = "org.apache.cassandra.db:type=Guardrails"
AUTHENTICATED = {
    "authenticator": "PasswordAuthenticator",
    "authorizer": "CassandraAuthorizer",
    # So that what a role may do is known at once.
    "permissions_validity": "0ms",
    "roles_validity": "0ms",
}
SWITCHES = (
    "materialized_views_enabled", "user_defined_functions_enabled", "sasi_indexes_enabled",
    "dynamic_data_masking_enabled",
)  # fmt: skip
AT_ONCE = ("-Dcassandra.superuser_setup_delay_ms=0",)
REPLICATION = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    options = {**AUTHENTICATED, **dict.fromkeys(SWITCHES, True)}
    launch = replace(LAUNCH, options=options, jvm_options=(*LAUNCH.jvm_options, *AT_ONCE))
    with running_ring(tmp_path_factory.mktemp("check"), ["127.0.45.41"], launch) as ring:
        wait_for("the first user exists", lambda: ring.nodes[0].accepts(*SUPERUSER), 60)
        yield ring


def login(user: tuple[str, str]) -> dict[str, str]:
    return {"cassandra_username": user[0], "cassandra_password": user[1]}


@pytest.fixture(scope="module")
def operator(ring: Ring, bucket: Bucket) -> Operator:
    return Operator(ring, bucket, login=login(SUPERUSER))


@contextmanager
def cql(node: RingNode) -> Iterator[Session]:
    with node.cql(login=SUPERUSER) as session:
        yield session


def run(node: RingNode, *statements: str) -> None:
    with cql(node) as session:
        for statement in statements:
            session.execute(statement)


def rows(node: RingNode, query: str) -> list[tuple[Any, ...]]:
    with cql(node) as session:
        return sorted(map(tuple, session.execute(query)))


def flush(node: RingNode, key_space: str) -> None:
    node.jolokia.execute(
        STORAGE_SERVICE, "forceKeyspaceFlush(java.lang.String,[Ljava.lang.String;)", [key_space, []], 60
    )


def refused(operator: Operator, node: RingNode, backup: str, **request: Any) -> str:
    """The check's words; nothing may have changed."""
    schema = "SELECT keyspace_name, table_name FROM system_schema.tables"
    before = rows(node, schema)
    with pytest.raises(JobError) as caught:
        operator.run("restore-check", node, "x", {"backup_name": backup, "sources": NODE, **request})
    assert caught.value.hopeless
    assert rows(node, schema) == before
    return str(caught.value)


# Columns that were dropped.

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


def a_column_that_is_unknown_here(operator: Operator, node: RingNode, name: str) -> None:
    run(node, "ALTER TABLE past.t DROP b")
    operator.back_up(name, ["past"])
    run(node, "DROP TABLE past.t", "CREATE TABLE past.t (id int PRIMARY KEY, a text)")


def a_column_that_was_dropped_after_the_backup(operator: Operator, node: RingNode, name: str) -> None:
    operator.back_up(name, ["past"])
    run(node, "ALTER TABLE past.t DROP b", "ALTER TABLE past.t ADD b text", "TRUNCATE past.t")


def a_table_that_was_made_anew(operator: Operator, node: RingNode, name: str) -> None:
    run(node, "ALTER TABLE past.t DROP b", "ALTER TABLE past.t ADD b text")
    operator.back_up(name, ["past"])
    run(node, "DROP TABLE past.t", "CREATE TABLE past.t (id int PRIMARY KEY, a text, b text)")


PASTS = [
    pytest.param(
        a_column_that_is_unknown_here,
        rf"table past\.t: column b was dropped in the backup at {STAMP} and never existed here",
        [(1, "a", None)],
        id="unknown here",
    ),
    pytest.param(
        a_column_that_was_dropped_after_the_backup,
        rf"column b was dropped here at {STAMP} and added again, and in the backup it was never dropped",
        [(1, "a", "old")],
        id="dropped after the backup",
    ),
    pytest.param(
        a_table_that_was_made_anew,
        rf"column b was dropped in the backup at {STAMP} and added again, and here it was never dropped",
        [(1, "a", None)],
        id="made anew",
    ),
]


@pytest.mark.parametrize(("happens", "words", "expected"), PASTS)
def test_another_past_of_a_column_is_refused_and_the_advice_helps(
    operator: Operator,
    node: RingNode,
    happens: Callable[[Operator, RingNode, str], None],
    words: str,
    expected: list[tuple[Any, ...]],
    request: pytest.FixtureRequest,
) -> None:
    name = f"past-{request.node.callspec.id.replace(' ', '-')}"
    run(
        node,
        "DROP KEYSPACE IF EXISTS past",
        f"CREATE KEYSPACE past {REPLICATION}",
        "CREATE TABLE past.t (id int PRIMARY KEY, a text, b text)",
        "INSERT INTO past.t (id, a, b) VALUES (1, 'a', 'old')",
    )
    flush(node, "past")
    happens(operator, node, name)
    found = refused(operator, node, name)
    assert re.search(words, found)
    assert "rename" in found
    assert "DROP TABLE past.t first" in found

    operator.restore(name, NODE, rename={"past.t": "past.beside"})
    assert values(node, "beside") == expected
    run(node, "DROP TABLE past.t", "DROP TABLE past.beside")
    operator.restore(name, NODE)
    assert values(node, "t") == expected


def values(node: RingNode, table: str) -> list[tuple[Any, ...]]:
    """Each row's id, a and, if there is such a column, b."""
    query = f"SELECT column_name FROM system_schema.columns WHERE keyspace_name = 'past' AND table_name = '{table}'"
    columns = sorted(name for (name,) in rows(node, query) if name != "id")
    return [(*row, None)[:3] for row in rows(node, f"SELECT id, {', '.join(columns)} FROM past.{table}")]


class Killed(BaseException):
    """The end of an executor."""


def test_dropped_columns_of_every_kind_come_back_as_dropped_when_the_table_is_made_by_the_restore(
    operator: Operator, node: RingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {
        "b": "text", "m": "map<text, text>", "l": "list<int>", "fu": "frozen<addr>", "fl": "frozen<list<int>>",
        "lu": "list<frozen<addr>>", "s": "text static",
    }  # fmt: skip
    listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    run(
        node,
        f"CREATE KEYSPACE kinds {REPLICATION}",
        "CREATE TYPE kinds.addr (street text, tags frozen<list<text>>)",
        f"CREATE TABLE kinds.t (id int, c int, a text, {listed}, PRIMARY KEY (id, c))",
        "INSERT INTO kinds.t (id, c, a, b, m, l, fu, fl, lu, s) VALUES (1, 1, 'a', 'b', {'x': 'y'}, [1],"
        " {street: 's', tags: ['t']}, [2], [{street: 'z'}], 'static')",
    )
    flush(node, "kinds")
    run(node, *(f"ALTER TABLE kinds.t DROP {name}" for name in columns), "ALTER TABLE kinds.t ADD b text")
    drops = (
        "SELECT column_name, dropped_time, kind, type FROM system_schema.dropped_columns WHERE keyspace_name = 'kinds'"
    )
    before = rows(node, drops)
    operator.back_up("kinds", ["kinds"])
    run(node, "DROP TABLE kinds.t")
    operator.restore("kinds", NODE)
    assert rows(node, "SELECT id, c, a, b FROM kinds.t") == [(1, 1, "a", None)]
    assert rows(node, drops) == before
    kill_the_creator(operator, node, monkeypatch, "killed")
    operator.run("restore-schema", node, "killed", {"backup_name": "kinds"})
    assert rows(node, drops) == before
    # Another node goes on, which does not know that the restore made the table.
    kill_the_creator(operator, node, monkeypatch, "lost")
    (node.facts().scratch / "lost-restore-schema.json").unlink()
    with pytest.raises(JobError, match=r"table kinds\.t: column .* and here it was never dropped") as caught:
        operator.run("restore-schema", node, "lost", {"backup_name": "kinds"})
    assert caught.value.hopeless
    run(node, "DROP TABLE kinds.t")
    operator.run("restore-schema", node, "lost", {"backup_name": "kinds"})
    assert rows(node, drops) == before
    # Once more, onto the table with the same past.
    run(node, "TRUNCATE kinds.t")
    operator.restore("kinds", NODE)
    assert rows(node, "SELECT id, c, a, b FROM kinds.t") == [(1, 1, "a", None)]


def kill_the_creator(operator: Operator, node: RingNode, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """Kill the executor between the statement that creates the table and those that drop its columns."""
    run(node, "DROP TABLE kinds.t")
    create = schema._create

    def killed(session: Session, element: Element) -> None:
        create(session, element)
        if element.kind == TABLE:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(schema, "_create", killed)
        with pytest.raises(Killed):
            operator.run("restore-schema", node, operation, {"backup_name": "kinds"})


def test_a_load_that_fails_tells_the_cause_at_its_root(operator: Operator, node: RingNode) -> None:
    run(
        node,
        f"CREATE KEYSPACE cause {REPLICATION}",
        "CREATE TABLE cause.t (id int PRIMARY KEY, b text)",
        "INSERT INTO cause.t (id, b) VALUES (1, 'b')",
    )
    operator.back_up("cause", ["cause"])
    run(node, "ALTER TABLE cause.t DROP b", "DROP TABLE cause.t", "CREATE TABLE cause.t (id int PRIMARY KEY)")
    given = {"backup_name": "cause", "mode": "stream", "sources": NODE}
    with pytest.raises(JobError, match=r"Failed to list files .* Unknown column b during deserialization"):
        operator.run("restore-load", node, "cause", given)


def test_counters_that_were_counted_on_after_a_truncate(operator: Operator, node: RingNode) -> None:
    count = "UPDATE counts.c SET n = n + {} WHERE id = 1"
    run(
        node,
        f"CREATE KEYSPACE counts {REPLICATION}",
        "CREATE TABLE counts.c (id int PRIMARY KEY, n counter)",
        count.format(1),
        "TRUNCATE counts.c",
        count.format(5),
    )
    operator.back_up("counts", ["counts"])
    given = {"backup_name": "counts", "sources": NODE}
    run(node, count.format(2))
    operator.run("restore-check", node, "x", given)
    run(node, "TRUNCATE counts.c")
    operator.run("restore-check", node, "x", given)
    run(node, count.format(1))
    words = "it was truncated after the backup, and holds counts again"
    assert f"table counts.c: {words}" in refused(operator, node, "counts")
    flush(node, "counts")
    assert f"table counts.c: {words}" in refused(operator, node, "counts")
    found = [problem for problem in asked(operator, node, "counts")["problems"] if problem["kind"] == "counters"]
    assert [problem["where"] for problem in found] == ["table counts.c"]
    run(node, "DROP TABLE counts.c", "CREATE TABLE counts.c (id int PRIMARY KEY, n counter)", count.format(1))
    assert "table counts.c: it is another table than the backup's" in refused(operator, node, "counts")
    other = {"counts.c": "counts.before"}
    for _ in range(2):
        operator.restore("counts", NODE, rename=other)
        assert rows(node, "SELECT n FROM counts.before") == [(5,)]
    run(node, "UPDATE counts.before SET n = n + 1 WHERE id = 1")
    words = "a restore made it from this backup, and it was counted on since"
    assert f"table counts.before: {words}" in refused(operator, node, "counts", rename=other)


# Whether the schema can be created.

PARTS = [
    f"CREATE KEYSPACE parts {REPLICATION}",
    "CREATE TYPE parts.inner (n int)",
    "CREATE TYPE parts.outer (i frozen<inner>)",
    "CREATE FUNCTION parts.hide(x text) CALLED ON NULL INPUT RETURNS text LANGUAGE java AS 'return \"*\";'",
    "CREATE FUNCTION parts.other(x int, y int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return x;'",
    "CREATE AGGREGATE parts.total(int) SFUNC other STYPE int",
    "CREATE TABLE parts.t (id int PRIMARY KEY, v text, w text MASKED WITH parts.hide(), o frozen<outer>, g text,"
    " gone map<text, text>, back text)",
    "CREATE INDEX by_back ON parts.t (g)",
    "CREATE CUSTOM INDEX by_sai ON parts.t (w) USING 'sai'",
    "CREATE CUSTOM INDEX by_sasi ON parts.t (v) USING 'org.apache.cassandra.index.sasi.SASIIndex'",
    "ALTER TABLE parts.t DROP gone",
    "CREATE TABLE parts.plain (id int PRIMARY KEY, back text)",
    "ALTER TABLE parts.plain DROP back",
    "ALTER TABLE parts.plain ADD back text",
    "CREATE MATERIALIZED VIEW parts.by_v AS SELECT * FROM parts.t WHERE v IS NOT NULL AND id IS NOT NULL"
    " PRIMARY KEY (v, id)",
    "INSERT INTO parts.t (id, v, w, o) VALUES (1, 'v', 'w', {i: {n: 5}})",
]  # fmt: skip


@pytest.fixture(scope="module")
def parts(operator: Operator, node: RingNode) -> str:
    """The name of a backup of the keyspace `parts`, which has one of each kind, and is gone."""
    run(node, *PARTS)
    operator.back_up("parts", ["parts"])
    run(node, "DROP KEYSPACE parts")
    return "parts"


def created(operator: Operator, node: RingNode, backup: str, **request: Any) -> list[str]:
    """The elements that a restore makes after its check has found nothing against it."""
    given = {"backup_name": backup, "sources": NODE, **request}
    assert "untried" not in operator.run("restore-check", node, "x", given)
    found: list[str] = operator.run("restore-schema", node, f"x{next(operator.counter)}", given)["created"]
    return found


def test_what_can_be_created_is_not_refused(operator: Operator, node: RingNode, parts: str) -> None:
    found = created(operator, node, parts)
    run(node, "DROP KEYSPACE parts")
    assert {name.partition(" ")[0] for name in found} == {
        "keyspace", "type", "function", "aggregate", "table", "columns", "index", "view"
    }  # fmt: skip


@pytest.mark.parametrize("target", ["parts", "elsewhere"])
def test_a_table_brings_its_types_and_masking_functions(
    operator: Operator, node: RingNode, parts: str, target: str
) -> None:
    rename = {} if target == "parts" else {"parts": target}
    found = created(operator, node, parts, column_families=["t"], rename=rename)
    run(node, f"DROP KEYSPACE {target}")
    assert found[:5] == [
        f"keyspace {target}", f"type {target}.inner", f"type {target}.outer", f"function {target}.hide(text)",
        f"table {target}.t",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def roles(node: RingNode) -> None:
    """`reader` may log in, `maker` may create keyspaces and all that is in them."""
    for name in ("reader", "maker"):
        run(node, f"CREATE ROLE {name} WITH LOGIN = true AND PASSWORD = '{name}'")
    run(
        node,
        "GRANT SELECT ON ALL KEYSPACES TO reader",
        "GRANT CREATE ON ALL KEYSPACES TO maker",
        "GRANT CREATE ON ALL FUNCTIONS TO maker",
        "GRANT SELECT ON ALL KEYSPACES TO maker",
    )


def as_role(operator: Operator, name: str) -> Operator:
    return Operator(operator.ring, operator.bucket, counter=operator.counter, login=login((name, name)))


def test_a_role_that_may_not_create(operator: Operator, node: RingNode, parts: str, roles: None) -> None:
    found = refused(as_role(operator, "reader"), node, parts)
    assert (
        "keyspace parts: Cassandra would not create it: User reader has no CREATE permission on <all keyspaces>"
        in found
    )


def test_who_creates_something_may_do_everything_with_it(
    operator: Operator, node: RingNode, parts: str, roles: None
) -> None:
    found = created(as_role(operator, "maker"), node, parts)
    assert "view parts.by_v" in found
    run(node, "DROP TABLE IF EXISTS parts.plain", "DROP KEYSPACE parts")


def test_a_role_without_the_right_for_one_key_space(
    operator: Operator, node: RingNode, parts: str, roles: None
) -> None:
    run(node, PARTS[0], "GRANT CREATE ON KEYSPACE parts TO reader")
    found = refused(as_role(operator, "reader"), node, parts)
    run(node, "DROP KEYSPACE parts")
    assert "function parts.hide(text): Cassandra would not create it: User reader has no CREATE permission" in found
    assert "table parts.plain" not in found


def test_without_a_login(operator: Operator, node: RingNode, parts: str) -> None:
    found = refused(Operator(operator.ring, operator.bucket, counter=operator.counter), node, parts)
    assert "cassandra_username and cassandra_password" in found


def limit(node: RingNode, name: str, *values: Any) -> None:
    node.jolokia.execute(GUARDRAILS, f"set{name}", list(values), 30)


def test_limits_are_counted_with_what_the_restore_would_create(
    operator: Operator, node: RingNode, parts: str, roles: None
) -> None:
    (count,) = rows(node, "SELECT count(*) FROM system_schema.tables WHERE keyspace_name = 'system_auth'")[0]
    assert count > 0
    users = [row for row in rows(node, "SELECT keyspace_name FROM system_schema.tables") if "system" not in row[0]]
    limit(node, "TablesThreshold", -1, len(users) + 1)
    try:
        found = refused(as_role(operator, "maker"), node, parts)
    finally:
        limit(node, "TablesThreshold", -1, -1)
    refusals = re.findall(r"(\w+ parts\.\w+): Cassandra would not create it: ([^;]*)", found)
    assert len(refusals) == 1, found
    assert refusals[0][0] in ("table parts.t", "table parts.plain")
    assert "Guardrail tables violated" in refusals[0][1]


def test_secondary_indexes_that_a_limit_forbids(operator: Operator, node: RingNode, parts: str, roles: None) -> None:
    node.set(GUARDRAILS, "SecondaryIndexesEnabled", False)
    try:
        found = refused(as_role(operator, "maker"), node, parts, column_families=["t"])
    finally:
        node.set(GUARDRAILS, "SecondaryIndexesEnabled", True)
    for name in ("by_back", "by_sai", "by_sasi"):
        assert f"index parts.{name}: Cassandra would not create it: " in found


def test_a_name_that_is_taken(operator: Operator, node: RingNode, parts: str) -> None:
    run(node, PARTS[0], "CREATE TABLE parts.by_v (id int PRIMARY KEY)")
    found = refused(operator, node, parts)
    run(node, "DROP KEYSPACE parts")
    assert found == (
        "schema: view parts.by_v cannot be created: the name is that of a table here; use rename, or drop it first"
    )


def asked(operator: Operator, node: RingNode, backup: str, **request: Any) -> dict[str, Any]:
    """The node's answer to the question `restore-plan`."""
    common = {"location": operator.bucket.location, "secrets": {**SECRETS, **operator.login}}
    return dict(plan_restore(node.facts(), {**common, "backup_name": backup, "sources": NODE, **request}))


def test_the_dry_run_tells_what_will_happen(operator: Operator, node: RingNode, parts: str) -> None:
    run(node, PARTS[0], "CREATE TABLE parts.plain (id int PRIMARY KEY, back text)")
    run(node, "ALTER TABLE parts.plain DROP back", "INSERT INTO parts.plain (id) VALUES (1)")
    found = asked(operator, node, parts, column_families=["t", "plain"], rename={"parts.t": "parts.u"})
    run(node, "DROP KEYSPACE parts")
    assert [problem["where"] for problem in found["problems"]] == ["table parts.plain"] * len(found["problems"])
    assert "back text of the backup does not exist here" in str(found["problems"])
    assert found["targets"] == {"parts.plain": "parts.plain", "parts.t": "parts.u"}
    assert found["rows"] == {"parts.plain": 0, "parts.u": 1}
    assert found["living"] == {"parts.plain": True}
    assert found["same_as"] == "node-0"
    assert found["tables"]["parts.u"]["sstables"] == 1
    assert found["sources"]["node-0"] == found["tables"]["parts.u"]["bytes"] > 0
    assert {"kind": "table", "name": "parts.u"} in found["creates"]
    assert {element["kind"] for element in found["builds"]} >= {"index"}


def test_the_dry_run_tells_every_problem_of_what_cannot_be_looked_at(
    operator: Operator, node: RingNode, parts: str
) -> None:
    (problem,) = asked(operator, node, "none")["problems"]
    assert (problem["kind"], problem["where"]) == ("manifest", "node-0")
    assert problem["why"].startswith("there is no complete backup none")


def test_what_is_switched_off_in_cassandra_yaml(operator: Operator, node: RingNode, parts: str) -> None:
    on = node.launch
    node.stop()
    node.launch = replace(on, options={**AUTHENTICATED, **dict.fromkeys(SWITCHES, False)})
    node.start()
    try:
        found = refused(operator, node, parts)
        plain = created(operator, node, parts, column_families=["plain"])
        run(node, "DROP KEYSPACE parts")
    finally:
        node.stop()
        node.launch = on
    for element, words in {
        "view parts.by_v": "Materialized views are disabled",
        "function parts.hide(text)": "User-defined functions are disabled",
        "index parts.by_sasi": "SASI indexes are disabled",
        "table parts.t": "dynamic data masking",
    }.items():
        assert re.search(rf"{re.escape(element)}: Cassandra would not create it: [^;]*{words}", found, re.I), found
    assert plain == [
        "keyspace parts",
        "table parts.plain",
        "columns parts.plain DROP back",
        "columns parts.plain ADD back",
    ]
