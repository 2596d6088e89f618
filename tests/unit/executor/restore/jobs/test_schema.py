"""What the phase Schema says of what it has left as it was."""

from __future__ import annotations

from executor.cql.ddl import elements
from executor.restore.jobs.schema import changed_sentence
from executor.restore.schema.plan import Plan

INDEXES = elements(f"CREATE INDEX i{number} ON a.users (p);" for number in range(7))


def test_what_is_not_as_in_the_backup_is_told() -> None:
    ends = "not as in the backup: a restore changes nothing that exists; drop"
    assert changed_sentence(Plan((), INDEXES)) == ""
    assert changed_sentence(Plan((), INDEXES, INDEXES[:1])) == f"index a.i0 is {ends} it first"
    named = ", ".join(f"index a.i{number}" for number in range(5))
    assert changed_sentence(Plan((), INDEXES, INDEXES)) == f"{named} and 2 more are {ends} them first"
