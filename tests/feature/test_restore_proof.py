"""A restore that proves itself: what the cluster answers is compared with what the backup's files hold."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from executor.cql.names import TableName
from executor.jmx.jolokia import STORAGE_SERVICE
from executor.restore.loading.loader import Loader
from executor.restore.proof.derived import Comparer
from tests.feature.backup_jobs import Operator, schema_of, serve_bucket
from tests.feature.cassandra_ring import LAUNCH, RingNode, running_ring
from tests.waiting import wait_for

pytestmark = pytest.mark.cassandra

NODE = ["node-0"]
ROWS = 40
FLUSH = "forceKeyspaceFlush(java.lang.String,[Ljava.lang.String;)"
_TYPE = "CREATE TYPE proof.address (street text, number int)"
_TABLES = (
    """CREATE TABLE proof.wide (p int, c int, s int static, v text, l list<int>, m map<text, int>, u address,
        f frozen<address>, PRIMARY KEY (p, c))""",
    "CREATE TABLE proof.hits (id int PRIMARY KEY, n counter)",
    "CREATE TABLE proof.plain (id int PRIMARY KEY, a text, b text)",
)
_WRITES = (
    """INSERT INTO proof.wide (p, c, s, v, l, m, u, f) VALUES ({p}, {i}, {i}, 'v', [1, {i}], {{'a': {i}}},
        {{street: 'x', number: {i}}}, {{street: 'y', number: {i}}})""",
    "UPDATE proof.hits SET n = n + {i} WHERE id = {p}",
    "INSERT INTO proof.plain (id, a, b) VALUES ({i}, 'a', 'b')",
)
_DROP = ("DROP KEYSPACE IF EXISTS proof",)
_TRUNCATE = ("TRUNCATE proof.wide", "TRUNCATE proof.hits", "TRUNCATE proof.plain")


@dataclass(frozen=True)
class Proof:
    """A backup `whole` of the keyspace `proof`, and restores of it."""

    operator: Operator
    node: RingNode

    def execute(self, statements: Sequence[str]) -> None:
        with self.node.cql() as session:
            for statement in statements:
                session.execute(statement)

    def restore(self, before: Sequence[str] = _DROP, meanwhile: Sequence[str] = (), **request: Any) -> Any:
        """A restore; gives back the result of its comparison."""
        self.execute(before)
        return self.operator.restore("whole", NODE, lambda: self.execute(meanwhile), **request)["compare"]


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proof]:
    launch = replace(
        LAUNCH,
        options={
            "materialized_views_enabled": True,
            "dynamic_data_masking_enabled": True,
            "sasi_indexes_enabled": True,
            "tombstone_failure_threshold": 500,
            "tombstone_warn_threshold": 400,
        },
    )
    directory = tmp_path_factory.mktemp("proof")
    with running_ring(directory, ["127.0.46.1"], launch) as ring, serve_bucket() as bucket:
        found = Proof(Operator(ring, bucket), ring.nodes[0])
        found.execute(["CREATE KEYSPACE proof WITH replication = {'class': 'SimpleStrategy'}", _TYPE, *_TABLES])
        found.execute([text.format(i=i, p=i % 7) for i in range(ROWS) for text in _WRITES])
        found.execute(
            [
                "DELETE FROM proof.wide WHERE p = 1 AND c > 10 AND c < 20",
                "DELETE FROM proof.wide WHERE p = 2",
                "DELETE v FROM proof.wide WHERE p = 3 AND c = 3",
                "DELETE l[0] FROM proof.wide WHERE p = 3 AND c = 10",
                "INSERT INTO proof.wide (p, c, v) VALUES (5, 5, 'ends soon') USING TTL 2",
            ]
        )
        found.operator.back_up("whole", ["proof"])
        yield found


@pytest.mark.parametrize("compare", ["sample", "full"])
@pytest.mark.parametrize("before", [_DROP, _TRUNCATE, ()], ids=["dropped", "truncated", "in place"])
def test_all_that_is_restored_is_found_equal(proof: Proof, compare: str, before: Sequence[str]) -> None:
    found = proof.restore(before, compare=compare)
    assert (found["verdict"], found["message"]) == ("equal", "")
    assert (found["equal"], found["different"], found["not_compared"]) == (3, 0, 0)
    kept = (proof.node.facts().scratch / "restore-samples").rglob("*")
    assert [path.name for path in kept if path.is_file()] == ["result.json"]


@pytest.mark.parametrize("compare", ["sample", "full"])
def test_a_changed_type_or_mask_is_no_difference_of_rows(proof: Proof, compare: str) -> None:
    """Files that were opened before the change have their columns as they were then."""
    proof.restore()
    changes = ("ALTER TYPE proof.address ADD place text", "ALTER TABLE proof.plain ALTER a MASKED WITH DEFAULT")
    found = proof.restore(changes, compare=compare)
    assert (found["verdict"], found["message"]) == ("equal", "")


ONE_NEWER = f"1 of {ROWS} rows compared are newer here: a restore never overwrites what is newer"


@pytest.mark.parametrize(
    ("compare", "before", "meanwhile", "why"),
    [
        ("full", _DROP, ("TRUNCATE proof.plain",), f"{ROWS} of {ROWS} rows compared are missing here; 0 rows, and the"),
        (
            "sample",
            _DROP,
            ("DELETE FROM proof.plain WHERE id = 3",),
            f"{ONE_NEWER}; {ROWS - 1} rows, and the backup counted {ROWS}",
        ),
        ("full", _DROP, ("UPDATE proof.plain SET a = 'new' WHERE id = 3",), ONE_NEWER),
        (
            "sample",
            (*_TRUNCATE, "INSERT INTO proof.plain (id) VALUES (1000)"),
            (),
            f"{ROWS + 1} rows, and the backup counted {ROWS}",
        ),
        (
            "sample",
            _DROP,
            ("ALTER TABLE proof.plain DROP b", "ALTER TABLE proof.plain ADD b text"),
            f"{ROWS} values of b are hidden: the column was dropped here after they were written",
        ),
    ],
    ids=["truncated meanwhile", "deleted", "newer", "beyond", "hidden"],
)
def test_what_differs_is_told(
    proof: Proof, compare: str, before: Sequence[str], meanwhile: Sequence[str], why: str
) -> None:
    found = proof.restore(before, meanwhile, compare=compare)
    assert found["verdict"] == "different"
    assert found["comparison"]["proof.plain"]["state"] == "different"
    assert found["comparison"]["proof.plain"]["why"].startswith(why)
    assert found["message"].startswith(f"different: proof.plain ({why}")
    assert (found["equal"], found["different"]) == (2, 1)


def test_a_counter_that_is_counted_on_is_newer(proof: Proof) -> None:
    found = proof.restore(meanwhile=("UPDATE proof.hits SET n = n + 1 WHERE id = 1",))
    assert found["comparison"]["proof.hits"]["why"].startswith("1 of 7 rows compared are newer here")


def test_a_table_that_is_dropped_meanwhile_is_not_compared(proof: Proof) -> None:
    found = proof.restore(meanwhile=("DROP TABLE proof.plain",))
    assert (found["verdict"], found["equal"]) == ("not compared", 2)
    assert found["message"] == "not compared: proof.plain (rows were not compared: it was dropped meanwhile)"


def test_what_was_kept_and_is_gone_was_not_compared(proof: Proof) -> None:
    kept = proof.node.facts().scratch / "restore-samples"
    proof.execute(_DROP)
    found = proof.operator.restore("whole", NODE, lambda: shutil.rmtree(kept))["compare"]
    why = "rows were not compared: the rows that node-0 kept of it are gone"
    assert (found["verdict"], found["message"]) == ("equal", "")
    assert {one["why"] for one in found["comparison"].values()} == {why}
    found = proof.operator.restore("whole", NODE, lambda: shutil.rmtree(kept), compare="full")["compare"]
    assert (found["verdict"], found["not_compared"]) == ("not compared", 3)
    assert why in found["message"]


def test_only_what_is_asked_for_is_compared(proof: Proof) -> None:
    found = proof.restore(meanwhile=("UPDATE proof.plain SET a = 'new' WHERE id = 3",), compare="count")
    assert (found["verdict"], found["equal"]) == ("equal", 3)
    found = proof.restore(meanwhile=("TRUNCATE proof.plain",), compare="none")
    assert (found["verdict"], found["message"]) == ("not compared", "not compared: compare is none")


def test_rows_whose_lifetime_has_ended_are_no_difference_and_no_error(proof: Proof) -> None:
    """R5: more tombstones than a read may meet, in many partitions and in a single one."""
    proof.execute([*_DROP, "CREATE KEYSPACE proof WITH replication = {'class': 'SimpleStrategy'}"])
    with proof.node.cql() as session:
        for table, partitions in (("many", 8), ("one", 1)):
            session.execute(f"CREATE TABLE proof.{table} (p int, c int, v text, PRIMARY KEY (p, c))")
            insert = session.prepare(f"INSERT INTO proof.{table} (p, c, v) VALUES (?, ?, 'v') USING TTL 10")
            for number in range(1200):
                session.execute(insert, (number % partitions, number))
        proof.operator.back_up("short", ["proof"])
        last = "SELECT v FROM proof.one WHERE p = 0 AND c = 1199"
        wait_for("the last row has expired", lambda: session.execute(last).one() is None)
        common = {"backup_name": "later", "key_spaces": ["proof"], "column_families": [], "tag": "backup-later"}
        taken = proof.operator.run("snapshot", proof.node, "later", common)
        counting = {**common, "count_rows": True, **schema_of({"node-0": taken})}
        described = proof.operator.run("describe", proof.node, "later", counting)
        why = "it cannot be counted: one partition has more tombstones than tombstone_failure_threshold"
        assert described["message"] == f"proof.one: {why}"
        session.execute("DROP KEYSPACE proof")
    found = proof.operator.restore("short", NODE)["compare"]
    assert (found["verdict"], found["different"], found["not_compared"]) == ("equal", 0, 0)
    assert found["tables"]["proof.many"]["now"] == 0
    assert "the lifetime of rows has ended since" in found["comparison"]["proof.many"]["why"]
    assert "more tombstones than tombstone_failure_threshold" in found["uncountable"]["proof.one"]
    assert found["comparison"]["proof.one"] == {"state": "equal", "why": found["uncountable"]["proof.one"]}


_VIEWED = (
    "CREATE KEYSPACE proof WITH replication = {'class': 'SimpleStrategy'}",
    "CREATE TYPE proof.address (street text, number int)",
    'CREATE TYPE proof.odd ("Ünï" int)',
    # Python has no time after the year 9999, and the driver cannot read the last type.
    """CREATE TABLE proof.base (p int, c int, s int static, v text, n int, l list<int>, m map<text, int>,
        f frozen<set<int>>, u address, "Odd" text, t timestamp, w vector<frozen<odd>, 1>, e int,
        PRIMARY KEY (p, c))""",
    """CREATE MATERIALIZED VIEW proof.by_v AS SELECT p, c, v, n, l, m, u, t, w FROM proof.base
        WHERE v IS NOT NULL AND p IS NOT NULL AND c IS NOT NULL PRIMARY KEY (v, p, c)""",
    """CREATE MATERIALIZED VIEW proof.late AS SELECT p, c, n FROM proof.base
        WHERE n IS NOT NULL AND p IS NOT NULL AND c > 10 PRIMARY KEY (n, p, c)""",
    "CREATE INDEX i1 ON proof.base (v)",
    "CREATE INDEX i2 ON proof.base (keys(m))",
    "CREATE INDEX i3 ON proof.base (l)",
    "CREATE INDEX i4 ON proof.base (full(f))",
    "CREATE INDEX i5 ON proof.base (s)",
    """CREATE INDEX i6 ON proof.base ("Odd") USING 'sai'""",
    "CREATE INDEX i7 ON proof.base (entries(m)) USING 'sai'",
    "CREATE INDEX i8 ON proof.base (n) USING 'sai'",
    "CREATE INDEX i9 ON proof.base (t)",
    # Cassandra searches by the second one, which leaves empty values out.
    "CREATE INDEX i10 ON proof.base (e)",
    "CREATE CUSTOM INDEX i11 ON proof.base (e) USING 'org.apache.cassandra.index.sasi.SASIIndex'",
    # The view has a row whose key CQL cannot name.
    "INSERT INTO proof.base (p, c, v, e) VALUES (100, 0, '', blobAsInt(0x))",
    "INSERT INTO proof.base (p, c, e) VALUES (100, 1, 1)",
)
_VIEWED_ROW = """INSERT INTO proof.base (p, c, s, v, n, l, m, f, u, "Odd", t, w) VALUES
    ({p}, {i}, {i}, 'v{i}', {i}, [1, {i}], {{'a': {i}}}, {{1, {i}}}, {{street: 'x', number: {i}}}, 'o{i}',
    253402300800{i:03}, [{{"Ünï": {i}}}])"""


def test_views_and_indexes_are_compared_with_their_table(proof: Proof, tmp_path: Path) -> None:
    proof.execute([*_DROP, *_VIEWED, *(_VIEWED_ROW.format(p=i % 7, i=i) for i in range(30))])
    with proof.node.cql() as session:
        comparer = Comparer(session, "seed", lambda seconds: None)
        base = TableName("proof", "base")
        found = comparer.compare(base)
        assert (found.different, found.remarks) == ([], [])
        proof.node.jolokia.execute(STORAGE_SERVICE, FLUSH, ["proof", []], 60)
        for table in ("base", "by_v"):
            for path in proof.node.data.glob(f"proof/{table}-*/*.db"):
                (tmp_path / table).mkdir(exist_ok=True)
                os.link(path, tmp_path / table / path.name)
        session.execute("TRUNCATE proof.base")
        found = comparer.compare(base)
        assert (found.different, found.remarks) == ([], [])
        loader = Loader(proof.node.jolokia, lambda: None)
        assert loader.take_over("proof", "base", tmp_path / "base")
        lacks = comparer.compare(base).different
        assert lacks == [
            "its view by_v lacks 30 of 31 rows, or has them otherwise",
            "its view late lacks 19 of 19 rows, or has them otherwise",
        ]
        session.execute("TRUNCATE proof.base")
        assert loader.take_over("proof", "by_v", tmp_path / "by_v")
        stale = comparer.compare(base).different
        assert stale == ["its view by_v has 30 of 30 rows that do not follow from the table"]
        session.execute("DROP KEYSPACE proof")
