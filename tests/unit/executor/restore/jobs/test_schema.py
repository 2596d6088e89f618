"""What the phase Schema says of what it has left as it was."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from typing import Any, cast

import pytest
from cassandra.cluster import Session

from executor.cql.ddl import elements
from executor.cql.names import TableName
from executor.jobs.context import JobError
from executor.restore.jobs.schema import changed_sentence, created_sentence, restored_views
from executor.restore.schema.plan import Plan
from executor.restore.schema.selection import Selection
from tests.unit.executor.jmx.test_java_agent import Cassandra
from tests.unit.executor.jolokia_server import Server

INDEXES = elements(f"CREATE INDEX i{number} ON a.users (p);" for number in range(7))


def test_what_is_not_as_in_the_backup_is_told() -> None:
    ends = "not as in the backup: a restore changes nothing that exists; drop"
    assert changed_sentence(Plan((), INDEXES)) == ""
    assert changed_sentence(Plan((), INDEXES, INDEXES[:1])) == f"index a.i0 is {ends} it first"
    named = ", ".join(f"index a.i{number}" for number in range(5))
    assert changed_sentence(Plan((), INDEXES, INDEXES)) == f"{named} and 2 more are {ends} them first"


def test_what_was_made_is_told() -> None:
    assert created_sentence([]) == "the schema was there already"
    made = ["keyspace a", "table a.t", "columns a.t DROP x", "columns a.t ADD x", "table a.u"]
    assert created_sentence(made) == "made: 1 keyspace, 2 tables"


View = namedtuple("View", ["view_name", "base_table_name"])
SHOP = Selection({TableName("k", "t"): TableName("k", "t")})


class Schema:
    """In place of a session: the views of the keyspace `k`."""

    def __init__(self, *views: View) -> None:
        self._views = views

    def execute(self, _query: str, arguments: tuple[str]) -> Iterator[Any]:
        return iter(self._views if arguments == ("k",) else ())


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def test_only_tables_with_views_need_our_agent(server: Server) -> None:
    server.answer = Cassandra("/lib/a.jar", [], [])
    others = cast(Session, Schema(View("of_u", "u")))
    assert restored_views(server.client(), others, SHOP) == []
    with pytest.raises(JobError, match=r"the Cassandra bundle has no .*; use the Cassandra bundle of this version"):
        restored_views(server.client(), cast(Session, Schema(View("of_t", "t"))), SHOP)


def test_the_views_of_restored_tables_are_found(server: Server) -> None:
    registered = ["mesos.cassandra:type=Views"]
    server.answer = Cassandra("/lib/a.jar", registered, registered)
    session = cast(Session, Schema(View("of_u", "u"), View("of_t", "t"), View("also", "t")))
    assert restored_views(server.client(), session, SHOP) == [TableName("k", "also"), TableName("k", "of_t")]
