"""Keyspaces with tables of every shape, drawn by Hypothesis."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.restore_model.schema import CLUSTERING, PARTITION, REGULAR, STATIC, Column, Index, KeySpace, Table, View
from tests.restore_model.values import COUNTER, KEYS, MAP, SCALAR, SET, TEXT, UDT, Kind, kinds, scalars, strip

# Quoted, upper case, reserved, digits, blanks, one within the other, and long ones.
_COLUMNS = (
    "a", "b", "c", "d", "key", "ttl", "value", '"Value"', '"select"', '"a b"', '"it""s"', '"1st"', "b2",
    "a_column_whose_name_is_longer_than_the_48_letters_that_there_once_were", '"A"',
)  # fmt: skip
_TABLES = (
    "user", "users", '"Users"', '"select"', '"2024"', "systems", "t", "t1", '"token"',
    "a_table_whose_name_is_longer_than_the_48_letters_that_there_once_were", "local", "peers",
)  # fmt: skip
_TYPES = ("address", '"Point"', '"order"')
_FIELDS = ("x", "y", '"Zip"', '"from"')
_OPTIONS = (
    "default_time_to_live = 500000", "gc_grace_seconds = 86400", "comment = 'it''s; -- one'",
    "compression = {'enabled': false}", "compression = {'class': 'ZstdCompressor', 'chunk_length_in_kb': 16}",
    "compaction = {'class': 'LeveledCompactionStrategy'}",
    "compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L4'}",
    "compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS'}",
    "bloom_filter_fp_chance = 0.5", "speculative_retry = 'NEVER'", "caching = {'keys': 'NONE'}",
)  # fmt: skip
# Of a keyspace; a table's may be longer.
_LONGEST = 48
_MASKS = ("MASKED WITH mask_default()", "MASKED WITH mask_inner(1, null)")
SASI = "org.apache.cassandra.index.sasi.SASIIndex"
_INDEXED = ("int", "text", "bigint", "uuid")


@dataclass(frozen=True)
class Limits:
    """The size of what is drawn, and the features that the cluster has switched on."""

    key_spaces: int = 3
    tables: int = 3
    replicas: int = 3


def sometimes(draw: st.DrawFn, one_in: int) -> bool:
    """Draw True once in so many."""
    return draw(st.integers(1, one_in)) == one_in


@st.composite
def key_spaces(draw: st.DrawFn, prefix: str, limits: Limits) -> KeySpace:
    """Draw a keyspace whose name has the prefix in it."""
    forms = (
        "{0}", '"{1}_Upper"', "systems_{0}", "system_{0}", '"{0}_2024"',
        "{0}_as_long_as_possible",
    )  # fmt: skip
    name = draw(st.sampled_from(forms)).format(prefix, prefix.upper())
    if name.endswith("possible"):
        name += "_" * (_LONGEST - len(name))
    types = draw(user_types())
    count = 0 if sometimes(draw, 8) else draw(st.integers(1, limits.tables))
    names = draw(st.lists(st.sampled_from(_TABLES), min_size=count, max_size=count, unique=True))
    made = tuple(draw(tables(table, types)) for table in names)
    return KeySpace(name, draw(st.integers(1, limits.replicas)), types, sometimes(draw, 3), made)


@st.composite
def user_types(draw: st.DrawFn) -> tuple[Kind, ...]:
    """None, one, or two, the second made of the first."""
    found: tuple[Kind, ...] = ()
    for name in _TYPES[: draw(st.integers(0, 2))]:
        fields = draw(st.lists(st.sampled_from(_FIELDS), min_size=1, max_size=3, unique=True))
        parts = [draw(kinds(found, 1)).freeze() for _ in fields]
        found = (*found, Kind(name, UDT, tuple(parts), tuple(fields)))
    return found


@st.composite
def tables(draw: st.DrawFn, name: str, types: tuple[Kind, ...]) -> Table:
    """Draw a table of any shape."""
    names = iter(draw(st.permutations(_COLUMNS)))
    keys = [Column(next(names), draw(scalars(KEYS)), PARTITION) for _ in range(draw(st.integers(1, 2)))]
    clustering = [
        Column(next(names), draw(scalars(KEYS)), CLUSTERING, draw(st.booleans()))
        for _ in range(draw(st.integers(0, 2)))
    ]
    if sometimes(draw, 8):
        counters = [Column(next(names), Kind("counter", COUNTER)) for _ in range(draw(st.integers(1, 2)))]
        return Table(name, (*keys, *clustering, *counters))
    static = [Column(next(names), draw(kinds(types)), STATIC)] if clustering and sometimes(draw, 3) else []
    regular = [_regular(draw, next(names), types) for _ in range(draw(st.integers(2, 4)))]
    options = tuple(draw(st.lists(st.sampled_from(_OPTIONS), max_size=2, unique_by=lambda text: text.split()[0])))
    columns = (*keys, *clustering, *static, *regular)
    view = _view(draw, name, regular) if not static and sometimes(draw, 3) else None
    if view:
        options = tuple(option for option in options if not option.startswith("default_time"))
    return Table(name, columns, options, tuple(_indexes(draw, name, regular)), (view,) if view else ())


def _regular(draw: st.DrawFn, name: str, types: tuple[Kind, ...]) -> Column:
    kind = draw(st.one_of(scalars(_INDEXED), kinds(types), kinds(types).map(Kind.freeze)))
    mask = draw(st.sampled_from(_MASKS)) if kind == TEXT and sometimes(draw, 3) else ""
    return Column(name, kind, REGULAR, mask=mask)


def _view(draw: st.DrawFn, table: str, regular: list[Column]) -> View | None:
    names = [column.name for column in regular if column.kind.name in ("int", "bigint", "uuid")]
    form = draw(st.sampled_from(("{}_by", '"{}_View"')))
    return View(form.format(strip(table)).replace('"2', '"v2'), names[0]) if names else None


def _indexes(draw: st.DrawFn, table: str, regular: list[Column]) -> list[Index]:
    forms: list[tuple[str, str, str]] = []
    # Cassandra makes no index on a column with other letters in its name, or with too many.
    for column in [column for column in regular if re.fullmatch("\\w{1,48}", strip(column.name), re.ASCII)]:
        if column.kind.family == SCALAR and column.kind.name in _INDEXED and not column.mask:
            forms += [(column.name, column.name, custom) for custom in ("", "sai", SASI)]
        # Nor one on a collection that contains durations.
        if column.kind.has_duration:
            continue
        if column.kind.family == MAP and column.kind.cells:
            forms += [(column.name, f"{what}({column.name})", "") for what in ("keys", "values")]
        if column.kind.family == SET and column.kind.cells:
            forms += [(column.name, f"values({column.name})", custom) for custom in ("", "sai")]
    if not forms or not sometimes(draw, 2):
        return []
    column_name, target, custom = draw(st.sampled_from(forms))
    stem = "".join(letter if letter.isalnum() else "_" for letter in strip(table))[:40]
    name = draw(st.sampled_from(("i_{}_idx", '"I_{}_Idx"'))).format(stem)
    return [Index(name, column_name, target, custom)]
