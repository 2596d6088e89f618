"""Stories that once failed, as short as possible; each keyspace has a name of its own."""

from __future__ import annotations

from tests.restore_model import events as ev
from tests.restore_model.drawn_stories import Steps
from tests.restore_model.schema import PARTITION, Column, Index, KeySpace, Table, View
from tests.restore_model.values import POOLS, Kind, Value

INT = Kind("int")
ONE, TWO = POOLS["int"][2], POOLS["int"][3]
PLAIN = Table("t", (Column("k", INT, PARTITION), Column("a", INT), Column("b", INT)))
VIEWED = Table("t", PLAIN.columns, indexes=(Index("by_b", "b", "b", "sai"),), views=(View("by_a", "a"),))


def write(name: str, key: Value, *, a: Value = ONE, b: Value | None = TWO, table: str = "t") -> ev.Write:
    """Return a write of a row; without b if the table has none."""
    sets = [ev.Assignment("a", INT, ev.VALUE, a)] + ([ev.Assignment("b", INT, ev.VALUE, b)] if b else [])
    return ev.Write((name, table), (("k", key),), (), True, tuple(sets))


def made(name: str, *tables: Table) -> list[ev.Event]:
    """Return a keyspace, with a row in each of its tables."""
    rows = [write(name, ONE, table=table.name) for table in tables]
    return [ev.MakeKeySpace(KeySpace(name, 1, tables=tables)), *rows, ev.Maintain("flush", (name,))]


def dropped_after_the_backup(name: str) -> Steps:
    """Drop a column after the backup: the living table hides what is restored."""
    ref = (name, "t")
    changes: list[ev.Event] = [ev.DropColumn(ref, "b"), ev.AddColumn(ref, Column("b", INT)), ev.Truncate(ref)]
    return [*made(name, PLAIN), ev.Backup(f"{name}-one", (name,)), *changes, ev.Restore(f"{name}-one", (name,))]


def dropped_before_the_backup(name: str) -> Steps:
    """Drop a column before the backup: the living table hides nothing, and dropped data must not return."""
    ref = (name, "t")
    changes: list[ev.Event] = [ev.DropColumn(ref, "b"), ev.AddColumn(ref, Column("b", INT))]
    anew: list[ev.Event] = [ev.DropTable(ref), ev.MakeTable(name, PLAIN)]
    return [
        *made(name, PLAIN), *changes, ev.Backup(f"{name}-one", (name,)), *anew, ev.Restore(f"{name}-one", (name,)),
    ]  # fmt: skip


def dropped_and_made_without_it(name: str) -> Steps:
    """Make the table anew without a column that is in the backup's files."""
    ref = (name, "t")
    anew: list[ev.Event] = [ev.DropTable(ref), ev.MakeTable(name, PLAIN.without("b"))]
    return [
        *made(name, PLAIN), ev.DropColumn(ref, "b"), ev.Backup(f"{name}-one", (name,)), *anew,
        ev.Restore(f"{name}-one", (name,)),
    ]  # fmt: skip


def view_of_a_table(name: str) -> Steps:
    """Restore one table that has a view, onto an emptied one."""
    ref = (name, "t")
    backup = ev.Backup(f"{name}-one", (name,))
    return [*made(name, VIEWED), backup, ev.Truncate(ref), ev.Restore(f"{name}-one", tables=(ref,))]


def view_that_was_dropped(name: str) -> Steps:
    """Drop a view whose files are older than the table."""
    ref = (name, "t")
    changes: list[ev.Event] = [ev.DropView(ref, VIEWED.views[0]), write(name, ONE, a=TWO)]
    return [*made(name, VIEWED), ev.Backup(f"{name}-one", (name,)), *changes, ev.Restore(f"{name}-one", (name,))]


def rename_alone(name: str) -> Steps:
    """Rename a table: only what `rename` names is restored."""
    other = Table("other", PLAIN.columns)
    moved = (((name, "t"), (name, "t_before")),)
    return [
        *made(name, PLAIN, other), ev.Backup(f"{name}-one", (name,)), ev.Truncate((name, "other")),
        ev.Restore(f"{name}-one", rename=moved),
    ]  # fmt: skip


def without_tables(name: str) -> Steps:
    """Restore a keyspace of a type alone."""
    space = KeySpace(name, 1, (Kind("address", "udt", (INT,), ("zip",)),))
    return [
        ev.MakeKeySpace(space), ev.Backup(f"{name}-one", (name,)), ev.DropKeySpace(name),
        ev.Restore(f"{name}-one", (name,)),
    ]  # fmt: skip


def named_like_cassandras_own(name: str) -> Steps:
    """Restore a keyspace whose name begins like those of Cassandra's own keyspaces."""
    ref = (f"systems_{name}", "t")
    backup = ev.Backup(f"{name}-one", (ref[0],))
    back: list[ev.Event] = [ev.AddColumn(ref, Column("b", INT)), write(ref[0], TWO)]
    return [
        *made(ref[0], PLAIN), ev.DropColumn(ref, "b"), backup, *back, ev.Restore(f"{name}-one", (ref[0],)),
    ]  # fmt: skip


STORIES = {
    story.__name__: story
    for story in (
        dropped_after_the_backup,
        dropped_before_the_backup,
        dropped_and_made_without_it,
        view_of_a_table,
        view_that_was_dropped,
        rename_alone,
        without_tables,
        named_like_cassandras_own,
    )
}
