"""Which statements a restore runs. The texts are as Cassandra 5.0.8 describes them, with fewer properties."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from executor.cql import ddl
from executor.cql.ddl import elements
from executor.cql.names import TableName
from executor.cql.tokenizer import CqlError
from executor.restore.schema.plan import Existing, Plan, conflicts, omitted_views, plan_schema, replication
from executor.restore.schema.selection import Selection, select

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
SAI = "CREATE CUSTOM INDEX by_p ON a.users (p) USING 'sai' WITH OPTIONS = {'normalize': 'true'};"
SAI_CLASS = "org.apache.cassandra.index.sai.StorageAttachedIndex"
TRIGGER = "CREATE TRIGGER log ON a.users USING 'mine';"
STORED = [KEY_SPACE, INNER, ADDRESS, FUNCTION, AGGREGATE, USER, USERS, INDEX, OTHER_INDEX, VIEW]
TABLES = {"a": ["user", "users"]}
BESIDE = "restore it under another name (rename), or drop it first"
ELSEWHERE = "restore the tables that use it into another keyspace (rename), or drop it and them first"
HERE = Existing(data_centers=frozenset({"dc1", "dc2"}))


def of(key_spaces: list[str], tables: list[str], rename: Mapping[str, str]) -> Selection:
    return select(TABLES, key_spaces, tables, rename)


def made(selection: Selection, existing: Existing = HERE) -> Plan:
    return plan_schema(elements(STORED), selection, existing)


def names(selection: Selection, existing: Existing = HERE) -> list[str]:
    return [str(element) for element in made(selection, existing).create]


ALL = [
    "keyspace a", "type a.inner", "type a.address", "function a.plus(int,int)", "aggregate a.total(int)",
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
                "index a.by_id", "view a.view",
            ],
            id="a table with types of types, and its view",
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
                "index b.people_by_id", "view b.view",
            ],
            id="into two key spaces",
        ),
    ],
)  # fmt: skip
def test_what_is_created(selection: Selection, expected: list[str]) -> None:
    assert names(selection) == expected


def test_a_view_is_left_out_beside_its_own_table_and_that_is_said() -> None:
    beside, elsewhere = of([], [], {"a.users": "a.people"}), of([], [], {"a.users": "b.people"})
    assert omitted_views(elements(STORED), beside) == [
        "view a.view: a.users becomes a.people in the same keyspace, where the view keeps its name and its table"
    ]
    assert omitted_views(elements(STORED), elsewhere) == []
    (view,) = [e.text for e in made(elsewhere).create if e.kind == ddl.VIEW]
    assert view.splitlines()[0] == 'CREATE MATERIALIZED VIEW "b".view AS'
    assert view.splitlines()[2].strip().startswith('FROM "b"."people"')


def test_a_view_never_keeps_its_id() -> None:
    stored = [KEY_SPACE, USERS, VIEW.replace("(id);", f"(id) WITH ID = {ID.replace('f', 'e')}\n AND comment = '';")]
    texts = [e.text for e in plan_schema(elements(stored), of([], ["users"], {}), HERE).create if e.kind == ddl.VIEW]
    assert "ID =" not in texts[0]


@pytest.mark.parametrize(
    ("table", "indexes", "new", "expected"),
    [
        pytest.param("user", ["users_by_x"], "old", ["old_users_by_x"], id="a name that begins with another table's"),
        pytest.param("a", ["a_x", "x"], "b", ["b_x", "b_a_x"], id="two that would get the same name"),
        pytest.param("t", ["by_v"], "t" * 222, [f"{'t' * 115}_"], id="the longest name of a table"),
    ],
)
def test_indexes_of_a_table_that_gets_another_name(
    table: str, indexes: list[str], new: str, expected: list[str]
) -> None:
    stored = [KEY_SPACE, f"CREATE TABLE a.{table} (id int PRIMARY KEY, v int);"]
    stored += [f"CREATE INDEX {index} ON a.{table} (v);" for index in indexes]
    selection = select({"a": [table]}, [], [], {f"a.{table}": f"a.{new}"})
    found = [e.name for e in plan_schema(elements(stored), selection, HERE).create if e.kind == ddl.INDEX]
    # Two that differ in their ends alone are told apart by a digest.
    assert [name[: len(text)] for name, text in zip(found, expected, strict=True)] == expected
    assert all(len(name) <= 128 for name in found)


def test_a_function_that_masks_a_column_is_no_table_of_its_name() -> None:
    stored = [KEY_SPACE, "CREATE TABLE a.users (id int PRIMARY KEY, p text MASKED WITH a.users());"]
    selection = select({"a": ["users"]}, [], [], {"a.users": "b.people"})
    (table,) = [e.text for e in plan_schema(elements(stored), selection, HERE).create if e.kind == ddl.TABLE]
    assert table == 'CREATE TABLE "b"."people" (id int PRIMARY KEY, p text MASKED WITH "b"."users"())'


def test_a_key_space_without_tables() -> None:
    stored = elements([KEY_SPACE, INNER, FUNCTION])
    selection = select({"a": []}, ["a"], [], {})
    created = [str(e) for e in plan_schema(stored, selection, HERE).create]
    assert created == ["keyspace a", "type a.inner", "function a.plus(int,int)"]


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


def test_an_id_in_place_of_one_that_is_not_free() -> None:
    other = "11111111-1111-51f1-8a01-615e18057280"
    selection, name = of([], ["users"], {"a.users": "a.people"}), TableName("a", "people")

    def text(*taken: str) -> str:
        here = Existing(table_ids=frozenset(taken), data_centers=HERE.data_centers)
        found = plan_schema(elements(STORED), selection, here, ids={name: other}).create
        return next(element.text for element in found if element.name == "people")

    assert f"ID = {other}" in text()
    assert "ID" not in text(other).split("PRIMARY KEY")[1]


def test_what_is_there_stays() -> None:
    existing = Existing(elements([KEY_SPACE, INNER, USER, INDEX]), frozenset(), HERE.data_centers)
    result = made(of([], [], {}), existing)
    assert [str(e) for e in result.keep] == [
        "keyspace a", "type a.inner", "table a.user", "columns a.user DROP w", "index a.users_place",
    ]  # fmt: skip
    assert [str(e) for e in result.create] == [
        "type a.address", "function a.plus(int,int)", "aggregate a.total(int)", "table a.users", "index a.by_id",
        "view a.view",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "here", "changed"),
    [
        pytest.param(FUNCTION, FUNCTION.replace("\n    ", " "), [], id="the same function"),
        pytest.param(FUNCTION, FUNCTION.replace("$$x;", "$$y;"), ["function a.plus(int,int)"], id="another body"),
        pytest.param(FUNCTION, FUNCTION.replace("x int", "z int"), ["function a.plus(int,int)"], id="another argument"),
        pytest.param(AGGREGATE, AGGREGATE.replace("plus", "minus"), ["aggregate a.total(int)"], id="aggregate"),
        pytest.param(INDEX, INDEX.replace("(p)", "(full(p))"), ["index a.users_place"], id="another target"),
        pytest.param(SAI, SAI.replace("'sai'", f"'{SAI_CLASS}'"), [], id="another name of the class"),
        pytest.param(SAI, SAI.replace("'sai'", "'StorageAttachedIndex'"), [], id="its short name"),
        pytest.param(SAI, SAI.replace("'sai'", "'own.Index'"), ["index a.by_p"], id="another class"),
        pytest.param(SAI, SAI.replace("true", "false"), ["index a.by_p"], id="another option"),
        pytest.param(VIEW, VIEW.replace(");", ") WITH comment = 'x';"), [], id="another option of a view"),
        pytest.param(VIEW, VIEW.replace("SELECT id", "SELECT id, p"), ["view a.view"], id="more columns of a view"),
        pytest.param(VIEW, VIEW.replace("id IS NOT null", "id = 3"), ["view a.view"], id="another condition"),
        pytest.param(TRIGGER, TRIGGER.replace("mine", "other"), ["trigger a.log"], id="another trigger"),
        pytest.param(INNER, INNER.replace("n int", "n int, m int"), [], id="a type with a field of since"),
    ],
)
def test_what_is_there_otherwise(stored: str, here: str, changed: list[str]) -> None:
    existing = Existing(elements([KEY_SPACE, USERS, here]), frozenset(), HERE.data_centers)
    found = plan_schema(elements([KEY_SPACE, USERS, stored]), of([], [], {}), existing)
    assert [str(element) for element in found.changed] == changed
    assert found.create == ()


def test_what_is_there_otherwise_under_another_name() -> None:
    existing = Existing(elements([text.replace("a.", "b.") for text in (KEY_SPACE, FUNCTION, INDEX)]))
    found = plan_schema(elements([KEY_SPACE, FUNCTION, USERS, INDEX]), of(["a"], [], {"a": "b"}), existing)
    assert [str(e) for e in found.keep] == ["function b.plus(int,int)", "index b.users_place"]
    assert found.changed == ()


def test_tables_with_triggers_of_one_name() -> None:
    other = TRIGGER.replace("users", '"user"')
    existing = Existing(elements([KEY_SPACE, USER, USERS, TRIGGER]), frozenset(), HERE.data_centers)
    found = plan_schema(elements([KEY_SPACE, USER, USERS, TRIGGER, other]), of([], [], {}), existing)
    assert [element.table for element in found.create] == ["user"]


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
            ["table a.user: id is int in the backup and text here; " + BESIDE],
            id="another table of the name",
        ),
        pytest.param(
            [KEY_SPACE, "CREATE TABLE a.user (id text PRIMARY KEY)"], of([], ["users"], {}), [], id="one not wanted"
        ),
        pytest.param(
            ["CREATE TABLE b.people (id int PRIMARY KEY)"],
            of([], ["users"], {"a.users": "b.people"}),
            ["table b.people: p frozen<address> of the backup does not exist here; " + BESIDE],
            id="under its new name",
        ),
        pytest.param(
            [KEY_SPACE, "CREATE TYPE a.inner (n text)"],
            of([], [], {}),
            ["type a.inner: n is int in the backup and text here; " + ELSEWHERE],
            id="another type of the name",
        ),
        pytest.param(
            [KEY_SPACE, VIEW.replace("a.view", "a.user")],
            of([], ["user"], {}),
            ["table a.user cannot be created: the name is that of a view here; use rename, or drop it first"],
            id="a view of the name",
        ),
        pytest.param(
            [KEY_SPACE, "CREATE INDEX users_place ON a.other (p);", VIEW.replace("a.users", "a.other")],
            of([], ["users"], {}),
            [
                "index a.users_place of the table users cannot be created: here it is that of other;"
                " use rename, or drop it first",
                "view a.view of the table users cannot be created: here it is that of other;"
                " use rename, or drop it first",
            ],
            id="another table's index and view of the name",
        ),
    ],
)
def test_conflicts(here: list[str], selection: Selection, expected: list[str]) -> None:
    existing = Existing(elements(here), frozenset(), HERE.data_centers)
    assert conflicts(elements(STORED), selection, existing) == expected


def test_a_data_center_that_is_not_here() -> None:
    elsewhere = Existing(data_centers=frozenset({"east", "west"}))
    assert conflicts(elements(STORED), of([], [], {}), elsewhere) == [
        "keyspace a: its data center dc1 does not exist here (east, west)"
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


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE a.b", "CREATE TABLE b (i int)", "CREATE ROLE x", "ALTER TABLE b", "ALTER TABLE a.b",
        "ALTER TABLE a.b DROP", "ALTER TABLE a.b RENAME c TO d", "CREATE INDEX", "CREATE INDEX i", "CREATE KEYSPACE",
        "CREATE TRIGGER x ON", "CREATE FUNCTION a.f", "CREATE MATERIALIZED VIEW a.v AS SELECT 1",
    ],
)  # fmt: skip
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
    found = plan_schema(stored, of([], ["users"], {"a": "b"}), HERE)
    assert [str(element) for element in found.create] == [
        "keyspace b", "type b.inner", "type b.address", "function b.hide(text,frozen<address>)", "table b.users",
    ]  # fmt: skip
    assert 'MASKED WITH "b"."hide"' in found.create[-1].text
    assert not [e for e in plan_schema(stored, of([], ["user"], {}), HERE).create if e.kind in ("type", "function")]


def test_a_table_brings_no_type_of_which_it_only_has_the_name() -> None:
    """Such a type may be another one here, which concerns no table of the restore."""
    named = 'CREATE TABLE a.users (\n    address int PRIMARY KEY,\n    "inner" text MASKED WITH a.hide(address)\n);'
    hide = (
        "CREATE FUNCTION a.hide(x text, inner text)\n CALLED ON NULL INPUT\n RETURNS text\n LANGUAGE java\n AS $$x;$$;"
    )
    stored = elements([KEY_SPACE, INNER, ADDRESS, hide, named])
    here = Existing(elements([ADDRESS.replace("street", "road")]), data_centers=HERE.data_centers)
    selection = of([], ["users"], {})
    assert conflicts(stored, selection, here) == []
    assert [str(element) for element in plan_schema(stored, selection, here).create] == [
        "keyspace a", "function a.hide(text,text)", "table a.users",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["masked", "static", '"primary"', '"A b"'])
def test_a_table_brings_a_type_of_any_name(name: str) -> None:
    own, column = f"CREATE TYPE a.{name} (\n    n int\n);", f"{name} static MASKED WITH system.mask_default()"
    table = f"CREATE TABLE a.users (\n    id int,\n    c int,\n    p {column},\n    PRIMARY KEY (id, c)\n);"
    again = "ALTER TABLE a.users DROP x USING TIMESTAMP 17;\nALTER TABLE a.users ADD x list<frozen<address>>;"
    stored = elements([KEY_SPACE, INNER, ADDRESS, own, table, again])
    found = [str(element) for element in plan_schema(stored, of([], ["users"], {}), HERE).create]
    unquoted = name.strip('"')
    assert found[:4] == ["keyspace a", "type a.inner", "type a.address", f"type a.{unquoted}"]


COMPACT = f"""/*
Warning: Table a.old omitted because it has constructs not compatible with CQL (was created via legacy API).
Approximate structure, for reference:
(this should not be used to reproduce this schema)

CREATE TABLE a.old (
    id int,
    c int,
    PRIMARY KEY (id, c)
) WITH COMPACT STORAGE
    AND ID = {ID}
    AND CLUSTERING ORDER BY (c DESC)
    AND comment = 'ends */ here;';
*/"""


def test_a_table_with_compact_storage_is_created() -> None:
    """DESCRIBE writes its statement as a comment."""
    stored = elements([KEY_SPACE, COMPACT])
    selection = select({"a": ["old"]}, [], [], {})
    assert conflicts(stored, selection, HERE) == []
    made = plan_schema(stored, selection, HERE).create[-1]
    assert str(made) == "table a.old"
    assert made.text.startswith("CREATE TABLE a.old (")
    assert made.text.endswith("AND comment = 'ends */ here;'")
    renamed = plan_schema(stored, select({"a": ["old"]}, [], [], {"a.old": "a.new"}), Existing(stored, frozenset({ID})))
    assert "WITH COMPACT STORAGE\n    AND CLUSTERING ORDER" in renamed.create[-1].text
    hidden = COMPACT.replace("(id, c)", "(id)").replace("(c DESC)", "(column1 ASC)")
    assert "AND ID = " + ID + "\n    AND comment" in elements([hidden])[0].text
    other = elements([KEY_SPACE, COMPACT.replace("id int", "id text")])
    assert conflicts(stored, selection, Existing(other)) == [
        "table a.old: id is int in the backup and text here; " + BESIDE
    ]


def test_compact_storage_that_was_dropped_since_and_a_table_without_it() -> None:
    """The files of a table stay as they are when its COMPACT STORAGE is dropped, which shows more columns."""
    compact = elements(["CREATE TABLE a.old (id int PRIMARY KEY, value int) WITH COMPACT STORAGE;"])
    dropped = "CREATE TABLE a.old (id int, column1 text, value int static, value1 blob, PRIMARY KEY (id, column1));"
    plain = "CREATE TABLE a.old (id int PRIMARY KEY, value int);"
    selection = select({"a": ["old"]}, [], [], {})
    assert conflicts(compact, selection, Existing(elements([dropped]))) == []
    assert conflicts(elements([dropped]), selection, Existing(compact)) == []
    (words,) = conflicts(compact, selection, Existing(elements([plain])))
    assert "value is int static in the backup and int here" in words
    (words,) = conflicts(elements([plain]), selection, Existing(compact))
    assert "value is int in the backup and int static here" in words


def test_a_table_that_nothing_can_create_is_a_conflict() -> None:
    selection = select({"a": ["users", "lost"]}, [], [], {})
    words = "table a.lost: the backup has no statement that creates it, and it does not exist here: create it first"
    assert conflicts(elements(STORED), selection, HERE) == [words]
    lost = elements(["CREATE TABLE a.lost (id int PRIMARY KEY);"])
    assert conflicts(elements(STORED), selection, Existing(lost, data_centers=HERE.data_centers)) == []
