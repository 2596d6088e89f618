"""The drop history of columns, in the backup and here: the effect of drop times on restored cells. Pure.

For each column name, Cassandra keeps the time of its last drop. It hides cells that are not newer. It can read an
SSTable only if it knows each of its columns, as a live or as a dropped one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from executor.cql.ddl import COLUMNS, TABLE, Element
from executor.cql.tokenizer import CqlError, words
from executor.number_text import parse_whole
from executor.restore.problems import Problem
from executor.restore.schema.shape import column_types, read

KIND = "dropped column"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Drop:
    """The last drop of a column: its time in microseconds since 1970, and the type; static ones end in ` static`."""

    at: int
    type: str


@dataclass
class Past:
    """The columns of a table with their types, and the last drop of each that was ever dropped."""

    columns: dict[str, str]
    drops: dict[str, Drop] = field(default_factory=dict)


def pasts(found: Iterable[Element]) -> Mapping[tuple[str, str], Past]:
    """Return the history of all tables, by keyspace and name. Raises CqlError."""
    pasts: dict[tuple[str, str], Past] = {}
    for element in found:
        name = (element.key_space, element.table)
        if element.kind == TABLE:
            pasts[name] = Past(dict(read(element.text).columns))
        elif element.kind == COLUMNS and name in pasts:
            _alter(pasts[name], element)
    return pasts


def _alter(past: Past, element: Element) -> None:
    """Apply `ALTER TABLE k . t DROP c USING TIMESTAMP n`, or `… ADD c type [static]`."""
    found = words(element.text)
    column = str(found[6].name)
    if not found[5].says("DROP"):
        past.columns.update(column_types(found[6:]))
        return
    try:
        dropped_at = parse_whole(found[-1].text)
    except ValueError:
        dropped_at = None
    if dropped_at is None or not found[-2].says("TIMESTAMP"):
        raise CqlError(f"the drop of a column has no time: {element.text[:120]!r}")
    past.drops[column] = Drop(dropped_at, past.columns.pop(column, ""))


def problems(wanted: Iterable[Element], here: Iterable[Element]) -> list[Problem]:
    """Return the problems with drop times, for each wanted table that exists here. Raises CqlError.

    Args:
        wanted: The backup's elements under their new names.
        here: The cluster's elements.
    """
    lives = pasts(here)
    found = []
    for name, backup in pasts(wanted).items():
        if (live := lives.get(name)) is not None:
            table = ".".join(name)
            found += [Problem(KIND, f"table {table}", why, help_for(table)) for why in _differences(backup, live)]
    return found


def help_for(table: str) -> str:
    """Return a sentence about what helps against a table's drop history."""
    return (
        f"restore it under another name (rename), or DROP TABLE {table} first, with all its current data: the restore"
        " then creates it with the backup's drop times. TRUNCATE keeps the current drop times and does not help"
    )


def _differences(backup: Past, live: Past) -> Iterator[str]:
    for column in [*backup.columns, *(name for name in backup.drops if name not in backup.columns)]:
        before, now = backup.drops.get(column), live.drops.get(column)
        if column in backup.columns:
            yield from _kept(column, before, now, live)
        elif before is not None:
            yield from _dropped(column, before, now, live)


def _kept(column: str, before: Drop | None, now: Drop | None, live: Past) -> Iterator[str]:
    """Yield the problems of a column that the backup has, with values newer than its last drop there."""
    if column not in live.columns:
        # The missing column is a difference of the tables; this adds the time of its drop.
        if now is not None:
            yield f"column {column} was dropped here at {stamp(now.at)}, so that its restored values could not be read"
        return
    if now is not None and (before is None or now.at > before.at):
        yield (
            f"column {column} was dropped here at {stamp(now.at)} and added again, and in the backup it was"
            f" {_when(before)}: restored values that were written before {stamp(now.at)} would be hidden"
        )
    elif before is not None and (now is None or now.at < before.at):
        yield _comes_back(column, before, now, " and added again")


def _dropped(column: str, before: Drop, now: Drop | None, live: Past) -> Iterator[str]:
    """Yield the problems of a column that the backup has dropped; its SSTables can still have cells of it."""
    if column not in live.columns and now is None:
        yield (
            f"column {column} was dropped in the backup at {stamp(before.at)} and never existed here:"
            " SSTables that hold its values could not be loaded"
        )
    elif now is None or now.at < before.at:
        yield _comes_back(column, before, now, "")
    elif now.type != before.type:
        yield (
            f"column {column} was {before.type} in the backup when it was dropped at {stamp(before.at)}, and {now.type}"
            f" here when it was dropped at {stamp(now.at)}: SSTables that hold its values could not be read"
        )


def _comes_back(column: str, before: Drop, now: Drop | None, more: str) -> str:
    return (
        f"column {column} was dropped in the backup at {stamp(before.at)}{more}, and here it was {_when(now)}:"
        f" values that were dropped then would come back"
    )


def _when(drop: Drop | None) -> str:
    return "never dropped" if drop is None else f"dropped at {stamp(drop.at)}"


def stamp(microseconds: int) -> str:
    """Return a drop time with microseconds, such as `2026-01-31T12:00:00.000001Z`."""
    try:
        moment = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return f"timestamp {microseconds}"
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
