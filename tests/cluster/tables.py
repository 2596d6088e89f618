"""Tables of every shape with rows, and their content afterwards: for backups and restores."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

ROWS = 300

# Names that are prefixes of others belong to it.
_TABLES = (
    "CREATE TYPE {ks}.address (street text, zip int)",
    "CREATE TABLE {ks}.user (id int PRIMARY KEY, name text, home frozen<address>)",
    "CREATE TABLE {ks}.users (team text, id int, motto text static, name text, PRIMARY KEY (team, id))",
    "CREATE TABLE {ks}.baskets (id int PRIMARY KEY, items list<text>, tags set<text>, prices map<text, double>)",
    "CREATE TABLE {ks}.visits (page text PRIMARY KEY, hits counter)",
    "CREATE TABLE {ks}.sessions (id int PRIMARY KEY, secret text) WITH default_time_to_live = 86400",
    "CREATE TABLE {ks}.nothing (id int PRIMARY KEY, never text)",
    "CREATE TABLE {ks}.plain (id int PRIMARY KEY, body text) WITH compression = {{'enabled': false}}",
    "CREATE INDEX user_by_name ON {ks}.user (name)",
)
NAMES = ("user", "users", "baskets", "visits", "sessions", "nothing", "plain")


def create(session: Session, keyspace: str, replicas: int) -> None:
    """Create the keyspace with all tables and rows in them."""
    session.execute(
        f"CREATE KEYSPACE {keyspace} WITH replication = "
        f"{{'class': 'NetworkTopologyStrategy', 'replication_factor': {replicas}}}"
    )
    for statement in _TABLES:
        session.execute(statement.format(ks=keyspace))
    fill(session, keyspace, range(ROWS))
    # Tombstones of every kind: of a range of rows, a row, a cell.
    session.execute(f"DELETE FROM {keyspace}.users WHERE team = 't1' AND id > 50 AND id < 90")
    session.execute(f"DELETE FROM {keyspace}.plain WHERE id = 7")
    session.execute(f"DELETE tags FROM {keyspace}.baskets WHERE id = 7")


def fill(session: Session, keyspace: str, numbers: Iterable[int]) -> None:
    """Insert a row into each table for each number."""
    numbers = list(numbers)
    people = [(n, f"name-{n % 10}", n) for n in numbers]
    _insert(session, f"{keyspace}.user (id, name, home)", people, "?, ?, {street: 'x', zip: ?}")
    teams = [(f"t{n % 5}", n, f"m{n % 5}", f"n{n}") for n in numbers]
    _insert(session, f"{keyspace}.users (team, id, motto, name)", teams)
    baskets = [(n, [f"i{n}", "i"], {f"t{n}", "t"}, {"a": n / 7}) for n in numbers]
    _insert(session, f"{keyspace}.baskets (id, items, tags, prices)", baskets)
    _insert(session, f"{keyspace}.sessions (id, secret)", [(n, f"secret-{n}") for n in numbers])
    _insert(session, f"{keyspace}.plain (id, body)", [(n, f"body {n} " * 20) for n in numbers])
    count = session.prepare(f"UPDATE {keyspace}.visits SET hits = hits + ? WHERE page = ?")
    execute_concurrent_with_args(session, count, [(n + 1, f"page-{n % 20}") for n in numbers], concurrency=20)


def read(session: Session, keyspace: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, sorted."""
    return {name: sorted(map(_plain, session.execute(f"SELECT * FROM {keyspace}.{name}"))) for name in NAMES}


def _insert(session: Session, target: str, rows: list[tuple[Any, ...]], values: str = "") -> None:
    marks = values or ", ".join("?" for _ in rows[0])
    statement = session.prepare(f"INSERT INTO {target} VALUES ({marks})")
    execute_concurrent_with_args(session, statement, rows, concurrency=20, raise_on_first_error=True)


def _plain(row: Iterable[Any]) -> tuple[str, ...]:
    """Return a row that can be compared: the driver's sets and maps in a fixed order."""
    return tuple(str(sorted(value.items()) if hasattr(value, "items") else value) for value in row)
