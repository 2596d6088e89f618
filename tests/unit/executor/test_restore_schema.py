"""Which statements a restore runs. The texts are as Cassandra 5.0.8 describes them, with fewer properties."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from executor.restore.cql import CqlError
from executor.restore.schema import Existing, Plan, conflicts, elements, plan, replication
from executor.restore.selection import Selection, select

ID = "f228ac90-e75e-11f1-8a01-615e18057280"
KEY_SPACE = (
    "CREATE KEYSPACE a WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': '3'} AND durable_writes = true;"
)
INNER = "CREATE TYPE a.inner (\n    n int\n);"
ADDRESS = "CREATE TYPE a.address (\n    street text,\n    i frozen<inner>\n);"
FUNCTION = (
    "CREATE FUNCTION a.plus(x int, y int)\n    CALLED ON NULL INPUT\n    RETURNS int\n    LANGUAGE java\n AS $$x;$$;"
)
AGGREGATE = "CREATE AGGREGATE a.total(int)\n    SFUNC plus\n    STYPE int;"
USERS = (
    f"CREATE TABLE a.users (\n    id int PRIMARY KEY,\n    p frozen<address>\n) WITH ID = {ID}\n    AND comment = '';"
)
INDEX = "CREATE INDEX users_place ON a.users (p);"
OTHER_INDEX = "CREATE CUSTOM INDEX by_id ON a.users (id) USING 'sai';"
USER = "CREATE TABLE a.user (\n    id int PRIMARY KEY,\n    w int\n);\nALTER TABLE a.user DROP w USING TIMESTAMP 17;"
VIEW = "CREATE MATERIALIZED VIEW a.view AS\n    SELECT id\n    FROM a.users WHERE id IS NOT null\n    PRIMARY KEY (id);"
STORED = [KEY_SPACE, INNER, ADDRESS, FUNCTION, AGGREGATE, USER, USERS, INDEX, OTHER_INDEX, VIEW]
TABLES = {"a": ["user", "users", "view"]}
HERE = Existing(data_centers=frozenset({"dc1", "dc2"}))


def of(key_spaces: list[str], tables: list[str], rename: Mapping[str, str]) -> Selection:
    return select(TABLES, key_spaces, tables, rename)


def made(selection: Selection, existing: Existing = HERE) -> Plan:
    return plan(elements(STORED), selection, existing)


def names(selection: Selection, existing: Existing = HERE) -> list[str]:
    return [str(element) for element in made(selection, existing).create]


ALL = [
    "keyspace a", "type a.inner", "type a.address", "function a.plus(xint,yint)", "aggregate a.total(int)",
    "table a.user", "columns a.user DROP w", "table a.users", "index a.users_place", "index a.by_id", "view a.view",
]  # fmt: skip


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        pytest.param(of([], [], {}), ALL, id="everything"),
        pytest.param(
            of([], ["user"], {}), ["keyspace a", "table a.user", "columns a.user DROP w"], id="a table without types"
        ),
        pytest.param(
            of([], ["users"], {}),
            [
                "keyspace a", "type a.inner", "type a.address", "table a.users", "index a.users_place",
                "index a.by_id",
            ],
            id="a table with types of types",
        ),
        pytest.param(
            of([], [], {"a": "b"}), [name.replace(" a", " b", 1) for name in ALL], id="a key space renamed"
        ),
        pytest.param(
            of([], ["users"], {"a.users": "a.people"}),
            [
                "keyspace a", "type a.inner", "type a.address", "table a.people", "index a.people_place",
                "index a.people_by_id",
            ],
            id="a table renamed",
        ),
        pytest.param(
            of([], ["user", "users"], {"a.users": "b.people"}),
            [
                "keyspace a", "keyspace b", "type a.inner", "type b.inner", "type a.address", "type b.address",
                "table a.user", "columns a.user DROP w", "table b.people", "index b.people_place",
                "index b.people_by_id",
            ],
            id="into two key spaces",
        ),
    ],
)  # fmt: skip
def test_what_is_created(selection: Selection, expected: list[str]) -> None:
    assert names(selection) == expected


def test_texts_under_other_names() -> None:
    texts = {str(e): e.text for e in made(of([], ["users"], {"a.users": "b.people"})).create}
    assert texts["keyspace b"].startswith('CREATE KEYSPACE "b" WITH replication')
    assert texts["table b.people"] == (
        'CREATE TABLE "b"."people" (\n    id int PRIMARY KEY,\n    p frozen<address>\n) WITH comment = \'\''
    )
    assert texts["index b.people_place"] == 'CREATE INDEX "people_place" ON "b"."people" (p)'
    assert texts["type b.address"] == 'CREATE TYPE "b".address (\n    street text,\n    i frozen<inner>\n)'


def test_a_table_keeps_its_id_where_it_is_free() -> None:
    taken = Existing(table_ids=frozenset({ID}), data_centers=HERE.data_centers)
    texts = {here: {str(e): e.text for e in made(of([], ["users"], {}), here).create} for here in (HERE, taken)}
    assert f"ID = {ID}" in texts[HERE]["table a.users"]
    assert "ID" not in texts[taken]["table a.users"].split("PRIMARY KEY")[1]


def test_what_is_there_stays() -> None:
    existing = Existing(elements([KEY_SPACE, INNER, USER, INDEX]), frozenset(), HERE.data_centers)
    result = made(of([], [], {}), existing)
    assert [str(e) for e in result.keep] == [
        "keyspace a", "type a.inner", "table a.user", "columns a.user DROP w", "index a.users_place",
    ]  # fmt: skip
    assert [str(e) for e in result.create] == [
        "type a.address", "function a.plus(xint,yint)", "aggregate a.total(int)", "table a.users", "index a.by_id",
        "view a.view",
    ]  # fmt: skip


def test_columns_are_not_dropped_from_a_table_that_is_there() -> None:
    existing = Existing(elements([KEY_SPACE, "CREATE TABLE a.user (id int PRIMARY KEY, w int)"]))
    assert "columns a.user DROP w" not in names(of([], ["user"], {}), existing)


@pytest.mark.parametrize(
    ("here", "selection", "expected"),
    [
        pytest.param([], of([], [], {}), [], id="an empty cluster"),
        pytest.param([KEY_SPACE, INNER, ADDRESS, USER, USERS], of([], [], {}), [], id="the same tables"),
        pytest.param(
            [KEY_SPACE, "CREATE TABLE a.user (id int PRIMARY KEY)"], of([], [], {}), [], id="a column dropped in both"
        ),
        pytest.param(
            [KEY_SPACE, "CREATE TABLE a.user (id text PRIMARY KEY)"],
            of([], [], {}),
            ["table a.user: id is int in the backup and text here"],
            id="another table of the name",
        ),
        pytest.param(
            [KEY_SPACE, "CREATE TABLE a.user (id text PRIMARY KEY)"], of([], ["users"], {}), [], id="one not wanted"
        ),
        pytest.param(
            ["CREATE TABLE b.people (id int PRIMARY KEY)"],
            of([], ["users"], {"a.users": "b.people"}),
            ["table b.people: p frozen<address> of the backup does not exist here"],
            id="under its new name",
        ),
        pytest.param(
            [KEY_SPACE, "CREATE TYPE a.inner (n text)"],
            of([], [], {}),
            ["type a.inner: n is int in the backup and text here"],
            id="another type of the name",
        ),
    ],
)
def test_conflicts(here: list[str], selection: Selection, expected: list[str]) -> None:
    existing = Existing(elements(here), frozenset(), HERE.data_centers)
    assert conflicts(elements(STORED), selection, existing) == expected


def test_a_data_center_that_is_not_here() -> None:
    elsewhere = Existing(data_centers=frozenset({"east", "west"}))
    assert conflicts(elements(STORED), of([], [], {}), elsewhere) == [
        "key space a: its data center dc1 does not exist here (east, west)"
    ]
    there = Existing(elements([KEY_SPACE.replace("dc1", "east")]), frozenset(), frozenset({"east"}))
    assert conflicts(elements(STORED), of([], [], {}), there) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("{'class': 'org.apache.NetworkTopologyStrategy', 'dc1': '3', 'dc 2': '3/1'}", ["dc1", "dc 2"]),
        ("{'class': 'NetworkTopologyStrategy', 'replication_factor': '3'}", []),
        ("{'class': 'SimpleStrategy', 'replication_factor': '1'}", []),
    ],
)  # fmt: skip
def test_replication(options: str, expected: list[str]) -> None:
    assert replication(f"CREATE KEYSPACE a WITH replication = {options} AND durable_writes = true") == expected


@pytest.mark.parametrize("statement", ["DROP TABLE a.b", "CREATE TABLE b (i int)", "CREATE ROLE x", "ALTER TABLE b"])
def test_what_describe_does_not_write(statement: str) -> None:
    with pytest.raises(CqlError):
        elements([statement])


def test_a_table_brings_the_functions_that_mask_its_columns_and_their_types() -> None:
    masked = USERS.replace("p frozen<address>", "p text MASKED WITH a.hide('x'), hidden text MASKED WITH mask_null()")
    functions = [
        f"CREATE FUNCTION a.{name}(x text, y frozen<{kind}>)\n RETURNS text\n LANGUAGE java\n AS $$x;$$;"
        for name, kind in (("hide", "address"), ("mask_null", "other"), ("users", "other"))
    ]
    other = "CREATE TYPE a.other (\n    n int\n);"
    stored = elements([KEY_SPACE, INNER, ADDRESS, other, *functions, masked, USER])
    found = plan(stored, of([], ["users"], {"a": "b"}), HERE)
    assert [str(element) for element in found.create] == [
        "keyspace b", "type b.inner", "type b.address", "function b.hide(xtext,yfrozen<address>)", "table b.users",
    ]  # fmt: skip
    assert 'MASKED WITH "b".hide' in found.create[-1].text
    assert not [e for e in plan(stored, of([], ["user"], {}), HERE).create if e.kind in ("type", "function")]
