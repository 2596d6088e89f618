"""Statements as DESCRIBE writes them, parsed into elements."""

from __future__ import annotations

import pytest

from executor.cql.ddl import FUNCTION, TABLE, elements

HEAD = "CREATE FUNCTION shop.f(s text)\n    CALLED ON NULL INPUT\n    RETURNS text\n    LANGUAGE java\n    AS "
TABLE_AFTER = "CREATE TABLE shop.t (id int PRIMARY KEY);"


@pytest.mark.parametrize(
    ("described", "readable"),
    [
        pytest.param('$$return "it\'s; " + s;$$;', '$$return "it\'s; " + s;$$', id="as Cassandra reads it"),
        pytest.param('$$return "$$" + s;$$;', "'return \"$$\" + s;'", id="dollars inside"),
        pytest.param('$$return "$$; it\'s" + s;$$;', "'return \"$$; it''s\" + s;'", id="an end and a quote inside"),
        pytest.param('$$return s + "x$$";$$;', "'return s + \"x$$\";'", id="dollars near the end"),
        pytest.param("$$return s; // in $$$;", "'return s; // in $'", id="a dollar at the end"),
        pytest.param("$$$.length()$$;", "$$$.length()$$", id="a dollar at the beginning, as Cassandra reads it"),
    ],
)
def test_the_body_of_a_function_is_one_word_that_cassandra_can_read(described: str, readable: str) -> None:
    function, table = elements([HEAD + described, TABLE_AFTER])
    assert (function.kind, function.key_space, function.name) == (FUNCTION, "shop", "f(text)")
    assert function.text == HEAD + readable
    assert (table.kind, table.name) == (TABLE, "t")


@pytest.mark.parametrize(
    ("described", "readable"),
    [
        ("Shop.hide()", '"Shop"."hide"()'),
        ("shop.Hide It('x', 1)", '"shop"."Hide It"(\'x\', 1)'),
        ("select.from()", '"select"."from"()'),
        ("system.mask_inner(1, null)", "system.mask_inner(1, null)"),
    ],
)
def test_the_names_of_masking_functions_get_the_quotes_that_describe_forgets(described: str, readable: str) -> None:
    text = "CREATE TABLE shop.t (id int PRIMARY KEY, a text MASKED WITH {0}, b text static MASKED WITH {0})"
    (table,) = elements([text.format(described)])
    assert table.text == text.format(readable)
