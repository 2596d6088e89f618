"""Counters that were counted on after their table was emptied."""

from __future__ import annotations

import pytest

from executor.cql.ddl import elements
from executor.cql.names import TableName
from executor.restore.schema.counters import KIND, LiveTable, counter_tables, problems, restored_id

ID, OTHER = "f0f5f1a0-0000-11ee-8c90-0242ac120002", "aaaaaaaa-0000-11ee-8c90-0242ac120002"
NAME = TableName("k", "c")
TAKEN = 1000.0
MOMENTS = (TAKEN, TAKEN + 5)
MADE = restored_id(ID, NAME, MOMENTS)


def test_tables_with_counters_are_found_with_their_ids() -> None:
    statements = [
        f"CREATE TABLE k.c (id int PRIMARY KEY, n counter) WITH ID = {ID} AND comment = 'x';",
        f"CREATE TABLE k.s (id int, c int, n Counter static, PRIMARY KEY (id, c)) WITH ID = {OTHER};",
        f"CREATE TABLE k.t (id int PRIMARY KEY, n bigint) WITH ID = {ID} AND comment = 'counter';",
        "CREATE TABLE k.u (counter int PRIMARY KEY, n int);",
    ]
    assert counter_tables(elements(statements)) == {NAME: ID, TableName("k", "s"): OTHER}


@pytest.mark.parametrize(
    ("live", "why"),
    [
        (None, ""),
        (LiveTable(ID, True), ""),
        (LiveTable(ID, False, TAKEN + 1), ""),
        (LiveTable(OTHER, False), ""),
        # It was emptied before the backup.
        (LiveTable(ID, True, TAKEN - 1), ""),
        (LiveTable(ID, True, TAKEN + 1), "it was truncated after the backup"),
        (LiveTable(ID, True, TAKEN), "it was truncated after the backup"),
        (LiveTable(ID, True, TAKEN + 1, TAKEN + 2), "it was truncated after the backup"),
        # What a restore has loaded after the TRUNCATE.
        (LiveTable(ID, True, TAKEN + 1, TAKEN - 1), ""),
        (LiveTable(OTHER, True), "it is another table than the backup's"),
        (LiveTable(OTHER, True, TAKEN - 1), "it is another table than the backup's"),
        (LiveTable(OTHER, True, None, TAKEN - 1), "it is another table than the backup's"),
        # A restore of this backup made it, and nothing else wrote to it.
        (LiveTable(MADE, True, None, TAKEN + 5), ""),
        (LiveTable(MADE, False), ""),
        (LiveTable(MADE, True, None, TAKEN + 6), "a restore made it from this backup, and it was counted on since"),
        (LiveTable(MADE, True, TAKEN + 9, TAKEN + 1), ""),
        # By a bundle that cannot tell.
        (LiveTable(MADE, True), "a restore made it from this backup, and it was counted on since"),
        # One of another backup, or of another table.
        (LiveTable(restored_id(ID, NAME, (TAKEN, TAKEN + 4)), True, None, TAKEN), "it is another table"),
        (LiveTable(restored_id(OTHER, NAME, MOMENTS), True, None, TAKEN), "it is another table"),
    ],
)
def test_what_is_refused(live: LiveTable | None, why: str) -> None:
    found = problems({NAME: ID}, {} if live is None else {NAME: live}, MOMENTS)
    assert len(found) == bool(why)
    for problem in found:
        assert (problem.kind, problem.where) == (KIND, "table k.c")
        assert problem.why.startswith(why)
        assert problem.help.startswith("TRUNCATE k.c first")


def test_a_table_without_an_id_is_another_one() -> None:
    assert restored_id("", NAME, MOMENTS) == ""
    assert len(problems({NAME: ""}, {NAME: LiveTable(ID, True)}, MOMENTS)) == 1
