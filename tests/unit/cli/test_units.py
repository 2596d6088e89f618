"""Durations, ages and sizes, and the text of cells."""

from __future__ import annotations

from typing import Any

import pytest

from cli.tables import Column, Kind, Table, columns, fields_table, names_of, render_text, render_tsv
from cli.units import format_age, format_bytes, format_duration, parse_duration, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5h", 5400), ("1h30m", 5400), ("2d", 172800), ("0.5s", 0.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "1x", "-1s", "1h 30m", "1h30", "1_0s", "٣s", "٣", "nan"])
def test_bad_durations(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.345, "0.34s"), (59.9, "59s"), (3600, "1h"), (3661, "1h 1m"), (90061, "1d 1h"), (86401, "1d 1s")],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_ages() -> None:
    assert [format_age(time, 100.0) for time in (40.0, 100.0, 160.0)] == ["1m ago", "now", "in 1m"]
    assert parse_time("2024-01-01T00:00:00") is None  # without a zone it is no moment
    assert parse_time("1970-01-01T00:01:00Z") == 60.0


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2**30 * 200, "200 GiB"), (2**60, "1024 PiB")]
)
def test_sizes(number: float, text: str) -> None:
    assert format_bytes(number) == text


@pytest.mark.parametrize(
    ("value", "kind", "people", "scripts"),
    [
        (None, Kind.TEXT, "-", ""),
        ("a\x1b[31mb\nc", Kind.TEXT, "a [31mb c", "a [31mb c"),
        (True, Kind.TEXT, "yes", "yes"),
        (["a", "b"], Kind.TEXT, "a, b", "a, b"),
        ({"a": 1}, Kind.TEXT, '{"a": 1}', '{"a": 1}'),
        (60, Kind.TIME, "1m ago", "1970-01-01T00:01:00Z"),
        ("1970-01-01T00:01:00Z", Kind.TIME, "1m ago", "1970-01-01T00:01:00Z"),
        (2048, Kind.BYTES, "2.0 KiB", "2048"),
        (2048.0, Kind.RATE, "2.0 KiB/s", "2048"),
        (61.5, Kind.SECONDS, "1m 1s", "61.5"),
        (12.4, Kind.PERCENT, "12 %", "12.4"),
        (0.18000000001, Kind.TEXT, "0.18", "0.18000000001"),
        (1234.56789, Kind.TEXT, "1234.568", "1234.56789"),
    ],
)
def test_cells(value: Any, kind: Kind, people: str, scripts: str) -> None:
    table = Table(columns(Column("A", kind)), [(value,)])
    assert render_text(table, now=120.0) == ["A", people]
    assert render_tsv(table) == ["A", scripts]


def test_lines_are_cut_unless_they_are_wide() -> None:
    table = Table(columns("Name", Column("More", wide=True)), [("a" * 30, "b")])
    assert render_text(table, 0.0, width=10)[1] == "a" * 9 + "…"
    assert render_text(table, 0.0, wide=True, width=10)[1] == "a" * 30 + "  b"
    assert names_of(table) == ["a" * 30]


def test_fields_are_as_their_names_say() -> None:
    pairs = [
        ("load_bytes", 2048), ("figures.gc_seconds", 61.5), ("created_at", 40.0),
        ("started_at", "1970-01-01T00:00:40Z"), ("figures.owns", 0.33333333), ("figures.read.p99_ms", 0.9512345),
        ("heap_mb", 2048), ("disk_free_bytes", None),
    ]  # fmt: skip
    lines = render_text(fields_table(pairs), 100.0)
    assert [line.split(maxsplit=1)[1] for line in lines[1:]] == [
        "2.0 KiB", "1m 1s", "1m ago", "1m ago", "33.3%", "0.951", "2048", "-",
    ]  # fmt: skip
    raw = [line.split("\t")[1] for line in render_tsv(fields_table(pairs))[1:]]
    assert raw[:4] == ["2048", "61.5", "1970-01-01T00:00:40Z", "1970-01-01T00:00:40Z"]
