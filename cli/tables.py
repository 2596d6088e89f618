"""Tables as values, and their text: for people, for scripts, or names alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import repeat
from typing import Any

from cli.units import format_age, format_bytes, format_duration, format_number, format_time, parse_time

# Terminals obey control characters, also those of 8 bits, and signs that turn the direction of text make it another
# one. Some texts come from other programs.
_TURNING = r"\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_CONTROL = re.compile(rf"[\x00-\x1f\x7f-\x9f{_TURNING}]+")
_ODD = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_TURNING}]")
_NOTHING = "-"
_GAP = "  "


class Kind(Enum):
    """The kind of a column's values, which decides how people read them."""

    TEXT = "text"
    TIME = "time"
    BYTES = "bytes"
    RATE = "bytes per second"
    SECONDS = "seconds"
    PERCENT = "percent"
    SHARE = "share from 0 to 1"
    # As the name of the field in the first column says.
    FIELD = "of a field"


# By the end of a field's name. Those that end with _mb or _ms have their unit in the name.
_FIELDS = {
    "bytes_per_second": Kind.RATE, "bytes": Kind.BYTES, "_seconds": Kind.SECONDS, "_at": Kind.TIME, "owns": Kind.SHARE,
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column; one that is `wide` is shown by `-o wide` and `-o tsv` alone.

    A `spare` one is left out where a terminal has no room for the whole line.
    """

    title: str
    kind: Kind = Kind.TEXT
    wide: bool = False
    spare: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of raw values (times in ISO 8601, sizes in bytes), and the index of the column that names a row."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    name: int = 0


def columns(*titles: str | Column) -> tuple[Column, ...]:
    """Return columns of text for plain titles, beside those that are columns already."""
    return tuple(title if isinstance(title, Column) else Column(title) for title in titles)


def fields_table(pairs: Sequence[tuple[str, Any]]) -> Table:
    """Return a table of two columns: a field and its value."""
    return Table(columns("Field", Column("Value", Kind.FIELD)), pairs)


def names_of(table: Table) -> list[str]:
    """Return the name of each row."""
    return [clean(row[table.name]) for row in table.rows]


def render_tsv(table: Table) -> list[str]:
    """Return lines with tabs between raw values, the titles first."""
    lines = ["\t".join(column.title for column in table.columns)]
    return lines + ["\t".join(map(_raw, row, _kinds(table, row))) for row in table.rows]


def render_text(
    table: Table,
    now: float,
    wide: bool = False,
    width: int | None = None,
    style: Callable[[str], str] | None = None,
) -> list[str]:
    """Return aligned lines for people.

    Args:
        table: The table.
        now: The present time in seconds since 1970, for relative times.
        wide: True if wide columns are shown, and no line is cut.
        width: The terminal's width, to which lines are cut; None for no limit.
        style: Colours a cell's text; None for no colours.
    """
    shown = [index for index, column in enumerate(table.columns) if wide or not column.wide]
    head = [table.columns[index].title for index in shown]
    texts = [list(map(_text, row, _kinds(table, row), repeat(now))) for row in table.rows]
    body = [[line[index] for index in shown] for line in texts]
    sizes = [max(len(cells[place]) for cells in [head, *body]) for place in range(len(shown))]
    limit = None if wide else width
    for place in reversed(range(len(shown))):
        if limit is None or sum(sizes) + len(_GAP) * (len(sizes) - 1) <= limit:
            break
        if table.columns[shown[place]].spare:
            sizes.pop(place)
            for cells in [head, *body]:
                cells.pop(place)
    lines = [_line(head, sizes, limit, None)]
    return lines + [_line(cells, sizes, limit, style) for cells in body]


def _kinds(table: Table, row: Sequence[Any]) -> list[Kind]:
    """Return the kind of each cell of a row."""
    name = str(row[0]) if row else ""
    of_field = next((kind for end, kind in _FIELDS.items() if name.endswith(end)), Kind.TEXT)
    return [of_field if column.kind is Kind.FIELD else column.kind for column in table.columns]


def clean(value: Any) -> str:
    """Return a value as one line of text without control characters."""
    match value:
        case None | "":
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return str(int(value))
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case list() | tuple():
            return ", ".join(clean(item) for item in value)
        case _:
            return _CONTROL.sub(" ", str(value))


def visible(text: str) -> str:
    """Return a text of several lines with the number of each control character, such as `\\u001b`, as JSON has it."""
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _raw(value: Any, kind: Kind) -> str:
    """Return a value for scripts: times in ISO 8601, numbers without a unit."""
    if kind is Kind.TIME and isinstance(value, int | float):
        return format_time(value)
    return clean(value)


def _text(value: Any, kind: Kind, now: float) -> str:
    if value is None or value == "" or value == []:
        return _NOTHING
    if kind is Kind.TIME:
        moment = value if isinstance(value, int | float) else parse_time(str(value))
        return clean(value) if moment is None else format_age(moment, now)
    if isinstance(value, int | float):
        match kind:
            case Kind.BYTES:
                return format_bytes(value)
            case Kind.RATE:
                return f"{format_bytes(value)}/s"
            case Kind.SECONDS:
                return format_duration(value)
            case Kind.PERCENT:
                return f"{value:.0f} %"
            case Kind.SHARE:
                return f"{value:.1%}"
    return format_number(value) if isinstance(value, float) else clean(value)


def _line(cells: Sequence[str], sizes: Sequence[int], limit: int | None, style: Callable[[str], str] | None) -> str:
    text = _GAP.join(cell.ljust(size) for cell, size in zip(cells, sizes, strict=True)).rstrip()
    if limit is not None and len(text) > limit:
        return text[: max(limit - 1, 1)] + "…"
    if style is None:
        return text
    return _GAP.join(style(cell) + " " * (size - len(cell)) for cell, size in zip(cells, sizes, strict=True)).rstrip()
