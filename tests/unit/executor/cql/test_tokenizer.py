"""CQL as DESCRIBE prints it: nothing in a text or a function's body is taken for a name or an end."""

from __future__ import annotations

import pytest

from executor.cql import tokenizer
from executor.cql.tokenizer import CqlError
from executor.restore.schema.shape import Shape, differences, read

TABLE = """CREATE TABLE shop."Items" (
    id int,
    "Page" int,
    note text static,
    place frozen<address>,
    tags map<text, frozen<set<int>>>,
    v vector<float, 3>,
    PRIMARY KEY ((id, "Page"), note2, at)
) WITH ID = f228ac90-e75e-11f1-8a01-615e18057280
    AND CLUSTERING ORDER BY (note2 ASC, at DESC)
    AND comment = 'shop.users; it''s -- no comment'
    AND bloom_filter_fp_chance = 0.01"""
DROPPED = 'ALTER TABLE shop."Items" DROP w USING TIMESTAMP 1700000000'
FUNCTION = "CREATE FUNCTION shop.f(x int)\n RETURNS int\n LANGUAGE java\n AS $$ return x; /* shop.users */ $$"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{TABLE};\n\n{DROPPED};\n", (TABLE, DROPPED), id="a table and what it lost"),
        pytest.param(f"{FUNCTION};", (FUNCTION,), id="a function's body"),
        pytest.param("SELECT 'a;''b;' FROM t", ("SELECT 'a;''b;' FROM t",), id="texts"),
        pytest.param('SELECT "a;" FROM t;;', ('SELECT "a;" FROM t',), id="quoted names, empty statement"),
        pytest.param("SELECT 1 -- x; y\n", ("SELECT 1 -- x; y",), id="a comment"),
        pytest.param(" ;\n", (), id="nothing"),
    ],
)
def test_split(text: str, expected: tuple[str, ...]) -> None:
    assert tokenizer.split(text) == expected


def _to_copy(key_space: str, name: str, _is_function: bool) -> tuple[str, str]:
    return ("Copy" if key_space == "shop" else key_space, "new" if name == "Items" else name)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(TABLE, TABLE.replace('shop."Items"', '"Copy"."new"', 1), id="a table, but not its comment"),
        pytest.param(FUNCTION, FUNCTION.replace("shop.f", '"Copy".f', 1), id="a function, but not its body"),
        pytest.param("CREATE INDEX i ON shop.t (v)", 'CREATE INDEX i ON "Copy".t (v)', id="an index"),
        pytest.param("CREATE TABLE shopping.t (i int)", "CREATE TABLE shopping.t (i int)", id="a longer name (T4)"),
        pytest.param("CREATE TYPE shop.a (b frozen<shop.c>)", 'CREATE TYPE "Copy".a (b frozen<"Copy".c>)', id="a type"),
    ],
)
def test_requalify(statement: str, expected: str) -> None:
    assert tokenizer.requalify(statement, _to_copy) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param("CREATE TABLE a.b (i int)", "CREATE TABLE IF NOT EXISTS a.b (i int)", id="table"),
        pytest.param("CREATE CUSTOM INDEX i ON a.b (x)", "CREATE CUSTOM INDEX IF NOT EXISTS i ON a.b (x)", id="index"),
        pytest.param(
            "CREATE MATERIALIZED VIEW a.v AS SELECT", "CREATE MATERIALIZED VIEW IF NOT EXISTS a.v AS SELECT", id="view"
        ),
        pytest.param("CREATE AGGREGATE a.f(int)", "CREATE AGGREGATE IF NOT EXISTS a.f(int)", id="aggregate"),
        pytest.param(
            "CREATE INDEX type ON a.b (x)", "CREATE INDEX IF NOT EXISTS type ON a.b (x)", id="another kind's name"
        ),
        pytest.param("CREATE TRIGGER type ON a.b USING 'x'", "CREATE TRIGGER type ON a.b USING 'x'", id="trigger"),
        pytest.param(DROPPED, DROPPED, id="no CREATE"),
    ],
)
def test_if_not_exists(statement: str, expected: str) -> None:
    assert tokenizer.if_not_exists(statement) == expected


UUID = "00000000-e75e-11f1-8a01-615e18057280"
FILTERED = (
    f"CREATE MATERIALIZED VIEW a.v AS SELECT * FROM a.b WHERE k IS NOT NULL AND id = {UUID} AND n = 3 PRIMARY KEY (k)"
)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(TABLE, TABLE.replace("ID = f228ac90-e75e-11f1-8a01-615e18057280\n    AND ", ""), id="with others"),
        pytest.param(
            "CREATE TABLE a.b (id int) WITH ID = 00000000-e75e-11f1-8a01-615e18057280",
            "CREATE TABLE a.b (id int)",
            id="alone",
        ),
        pytest.param(
            "CREATE TABLE a.b (i int) WITH COMPACT STORAGE AND ID = 00000000-e75e-11f1-8a01-615e18057280 AND cdc = 1",
            "CREATE TABLE a.b (i int) WITH COMPACT STORAGE AND cdc = 1",
            id="after another",
        ),
        pytest.param("CREATE TABLE a.b (id int)", "CREATE TABLE a.b (id int)", id="none"),
        pytest.param("CREATE TABLE a.b (i int) WITH comment='ID = x'", None, id="in a text"),
        pytest.param(
            f"{FILTERED} WITH ID = {UUID}\n    AND comment = ''", f"{FILTERED} WITH comment = ''", id="a view"
        ),
        pytest.param(FILTERED, None, id="a condition alone"),
    ],
)
def test_without_id(statement: str, expected: str | None) -> None:
    assert tokenizer.without_id(statement) == (statement if expected is None else expected)


def test_with_another_id() -> None:
    assert tokenizer.with_id(TABLE, UUID) == TABLE.replace("f228ac90-e75e-11f1-8a01-615e18057280", UUID)
    for statement in ("CREATE TABLE a.b (i int) WITH comment='ID = x'", FILTERED):
        assert tokenizer.with_id(statement, UUID) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [("users", '"users"'), ("Users", '"Users"'), ("a b", '"a b"'), ('q"', '"q"""'), ("table", '"table"')],
)
def test_quote(name: str, expected: str) -> None:
    assert tokenizer.quote(name) == expected
    assert tokenizer.words(expected)[0].name == name


def test_shape_of_a_table() -> None:
    assert read(f"{TABLE};\n{DROPPED};") == Shape(
        {
            "id": "int",
            "Page": "int",
            "note": "text static",
            "place": "frozen<address>",
            "tags": "map<text,frozen<set<int>>>",
            "v": "vector<float,3>",
        },
        ("id", "Page"),
        ("note2", "at desc"),
    )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param("CREATE TABLE a.b (k int PRIMARY KEY, v text)",
                     Shape({"k": "int", "v": "text"}, ("k",)), id="short"),
        pytest.param("CREATE TABLE a.b (k int, c int, PRIMARY KEY (k, c))",
                     Shape({"k": "int", "c": "int"}, ("k",), ("c",)), id="one partition column"),
        pytest.param("CREATE TABLE a.b (static int PRIMARY KEY)",
                     Shape({"static": "int"}, ("static",)), id="called static"),
        pytest.param("CREATE TABLE a.b (k int PRIMARY KEY, v text MASKED WITH system.mask_default())",
                     Shape({"k": "int", "v": "text"}, ("k",)), id="masked"),
        pytest.param("CREATE TABLE a.b (k int MASKED WITH system.mask_replace('PRIMARY') PRIMARY KEY, v text)",
                     Shape({"k": "int", "v": "text"}, ("k",)), id="masked key"),
        pytest.param("CREATE TYPE a.t (street text, n int)", Shape({"street": "text", "n": "int"}), id="type"),
    ],
)  # fmt: skip
def test_shapes(statement: str, expected: Shape) -> None:
    assert read(statement) == expected


@pytest.mark.parametrize("statement", ["", "DROP TABLE a.b", "CREATE TABLE a.b", "CREATE TABLE a.b (k int, ('x'))"])
def test_what_has_no_shape(statement: str) -> None:
    with pytest.raises(CqlError):
        read(statement)


OLD = "CREATE TABLE a.b (k int, c int, s text static, v text, PRIMARY KEY (k, c))"


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        pytest.param(OLD, [], id="the same"),
        pytest.param(OLD.replace("v text", "v text, more int"), [], id="one more column here"),
        pytest.param(OLD.replace("v text", "v int"), ["v is text in the backup and int here"], id="another type"),
        pytest.param(OLD.replace("v text,", ""), ["v text of the backup does not exist here"], id="a column less"),
        pytest.param(
            OLD.replace("s text static", "s text"), ["s is text static in the backup and text here"], id="not static"
        ),
        pytest.param(
            OLD.replace("(k, c)", "((k, c))"),
            [
                "the partition key is (k) in the backup and (k, c) here",
                "the clustering is (c) in the backup and () here",
            ],
            id="another key",
        ),
        pytest.param(
            OLD + " WITH CLUSTERING ORDER BY (c DESC)",
            ["the clustering is (c) in the backup and (c desc) here"],
            id="backwards",
        ),
    ],
)
def test_differences(here: str, expected: list[str]) -> None:
    assert differences(read(OLD), read(here)) == expected


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        ("CREATE TYPE a.t (x int, y text)", []),
        ("CREATE TYPE a.t (x int, y text, z int)", []),
        ("CREATE TYPE a.t (y text, x int)", ["the fields are x, y in the backup and y, x here"]),
        ("CREATE TYPE a.t (x int)", ["y text of the backup does not exist here"]),
    ],
)
def test_differences_of_types(here: str, expected: list[str]) -> None:
    assert differences(read("CREATE TYPE a.t (x int, y text)"), read(here)) == expected
