"""What Cassandra is given to try of a schema, and what is made of its answers."""

from __future__ import annotations

import pytest

from executor.cql.ddl import elements
from executor.restore.schema import trial

FUNCTION = "CREATE FUNCTION k.hide(x text)\n CALLED ON NULL INPUT\n RETURNS text\n LANGUAGE java\n AS $$return x;$$;"
AGGREGATE = "CREATE AGGREGATE k.total(int)\n    SFUNC plus\n    STYPE int;"
TABLE = "CREATE TABLE k.t (\n    id int PRIMARY KEY,\n    w text MASKED WITH k.hide('a', 2),\n    v text\n);"
INDEX = "CREATE INDEX by_v ON k.t (v);"
SASI = "CREATE CUSTOM INDEX by_w ON k.t (w) USING 'org.apache.cassandra.index.sasi.SASIIndex';"
VIEW = "CREATE MATERIALIZED VIEW k.by AS\n SELECT *\n FROM k.t\n WHERE v IS NOT NULL\n PRIMARY KEY (v, id);"
KEY_SPACE = "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};"
ALL = elements([KEY_SPACE, FUNCTION, AGGREGATE, TABLE, INDEX, SASI, VIEW])


@pytest.mark.parametrize(
    ("statement", "functions", "expected"),
    [
        pytest.param(TABLE, {("k", "hide")}, TABLE.replace("MASKED WITH k.hide('a', 2)", ""), id="its mask is not yet"),
        pytest.param(TABLE, {("k", "other"), ("l", "hide")}, TABLE, id="its mask is there"),
        pytest.param(TABLE.replace("k.hide", "mask_inner"), {("k", "mask_inner")}, None, id="a mask of Cassandra's"),
        pytest.param(AGGREGATE, {("k", "plus")}, AGGREGATE, id="an aggregate whose function is not yet"),
        pytest.param(FUNCTION, {("k", "hide")}, FUNCTION, id="a function"),
    ],
)
def test_what_is_applied(statement: str, functions: set[tuple[str, str]], expected: str | None) -> None:
    found = trial.applicable(statement, functions)
    assert "".join(found.split()) == "".join((statement if expected is None else expected).split())


MISSING = "Table 'k.t' doesn't exist"


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"view": "off.", "index": "no"}, ["index k.by_v", "index k.by_w", "view k.by"], id="each"),
        pytest.param({"table": "no", "index": MISSING, "view": "off"}, ["table k.t", "view k.by"], id="a table's own"),
        pytest.param(dict.fromkeys(("keyspace", "function", "table"), MISSING), ["keyspace k"], id="a key space's"),
        pytest.param({"view": MISSING}, ["view k.by"], id="of a table that is not refused"),
        pytest.param({"table": "untried: why", "index": MISSING}, [], id="what cannot be told"),
    ],
)
def test_what_follows_from_another_refusal_is_not_told(refused: dict[str, str], told: list[str]) -> None:
    found = trial.verdict(ALL, [refused.get(element.kind, "") for element in ALL])
    assert [problem.where for problem in found.problems] == told
    assert all(not problem.why.endswith(".") for problem in found.problems)
    assert bool(found.untried) is ("table k.t (why)" in found.untried) is ("untried" in str(refused))


@pytest.mark.parametrize(("answer", "told"), [("no", "function k.plus(text)"), ("", "aggregate k.total(int)")])
def test_an_aggregate_of_a_function_that_is_refused(answer: str, told: str) -> None:
    create = elements([KEY_SPACE, FUNCTION.replace("hide", "plus"), AGGREGATE])
    found = trial.verdict(create, ["", answer, "State function k.plus(int,int) doesn't exist"])
    assert [problem.where for problem in found.problems] == [told]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("materialized_views_enabled", ["view k.by"]),
        ("user_defined_functions_enabled", ["function k.hide(text)", "aggregate k.total(int)"]),
        ("sasi_indexes_enabled", ["index k.by_w"]),
        ("secondary_indexes_enabled", ["index k.by_v", "index k.by_w"]),
        ("dynamic_data_masking_enabled", ["table k.t"]),
        ("unknown", []),
    ],
)
def test_what_is_switched_off(setting: str, expected: list[str]) -> None:
    assert [problem.where for problem in trial.switched_off(ALL, {setting: "false"})] == expected
    assert not list(trial.switched_off(ALL, {setting: "true"}))
