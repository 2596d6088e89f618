"""Which tables of a backup are wanted, and what they are to be called. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

# What belongs to the cluster itself and never comes from a backup. system_auth only comes when it is named.
_NEVER = frozenset({"system", "system_schema", "system_distributed", "system_traces", "system_views"})
_NEVER |= {"system_virtual_schema", "system_cluster_metadata"}
ONLY_BY_NAME = frozenset({"system_auth"})
_NAME = re.compile(r"\w{1,48}", re.ASCII)


class SelectionError(ValueError):
    """A request that this backup cannot fulfil; the text names what is wrong."""


@dataclass(frozen=True, order=True)
class TableName:
    """A table's full name."""

    key_space: str
    table: str

    def __str__(self) -> str:
        return f"{self.key_space}.{self.table}"


@dataclass(frozen=True)
class Selection:
    """The wanted tables by their names in the backup. `partial`: not all tables of these key spaces are meant."""

    targets: Mapping[TableName, TableName]
    partial: bool

    def key_spaces(self) -> list[str]:
        """The backup's key spaces that anything is wanted of."""
        return sorted({name.key_space for name in self.targets})

    def target_key_spaces(self, key_space: str) -> list[str]:
        """Where the wanted tables of one of the backup's key spaces go."""
        return sorted({new.key_space for old, new in self.targets.items() if old.key_space == key_space})


def select(
    stored: Mapping[str, Iterable[str]],
    key_spaces: Sequence[str],
    column_families: Sequence[str],
    rename: Mapping[str, str],
) -> Selection:
    """The tables that a request means.

    `stored` has the backup's tables by key space. No key spaces: all of users; no column families: all. A column
    family is `table`, in each of the key spaces that has it, or `key space.table`. `rename` has a new key space for a
    key space, or a new `key space.table` for one. Raises SelectionError.
    """
    chosen = _key_spaces(stored, key_spaces)
    tables = [TableName(name, table) for name in chosen for table in sorted(stored[name])]
    wanted = [table for table in tables if not column_families or _is_meant(table, column_families)]
    if missing := [name for name in column_families if not any(_is_meant(table, [name]) for table in tables)]:
        raise SelectionError(f"the backup has no table {', '.join(missing)} in {', '.join(chosen) or 'any key space'}")
    targets = dict(_rename(wanted, rename))
    _check_targets(targets)
    return Selection(targets, bool(column_families))


def _is_meant(table: TableName, names: Iterable[str]) -> bool:
    return any(name in (table.table, str(table)) for name in names)


def _key_spaces(stored: Mapping[str, Iterable[str]], wanted: Sequence[str]) -> list[str]:
    if not wanted:
        return sorted(name for name in stored if name not in _NEVER | ONLY_BY_NAME)
    if refused := sorted(set(wanted) & _NEVER):
        raise SelectionError(f"{', '.join(refused)} belongs to the cluster itself and is never restored")
    if missing := sorted(set(wanted) - stored.keys()):
        raise SelectionError(f"the backup has no key space {', '.join(missing)}; it has {', '.join(sorted(stored))}")
    return sorted(set(wanted))


def _rename(tables: Iterable[TableName], rename: Mapping[str, str]) -> Iterator[tuple[TableName, TableName]]:
    used = set()
    for table in tables:
        new = table
        if str(table) in rename:
            used.add(str(table))
            key_space, dot, name = rename[str(table)].partition(".")
            new = TableName(key_space, name) if dot else TableName(table.key_space, key_space)
        elif table.key_space in rename:
            new = TableName(rename[table.key_space], table.table)
        used |= {table.key_space} & rename.keys()
        yield table, new
    if unused := sorted(rename.keys() - used):
        raise SelectionError(f"rename: {', '.join(unused)} is not among what is to be restored")


def _check_targets(targets: Mapping[TableName, TableName]) -> None:
    for old, new in targets.items():
        if old == new:
            continue
        for name in (new.key_space, new.table):
            if not _NAME.fullmatch(name):
                raise SelectionError(f"rename: {old} cannot become {new}: {name!r} is no name of letters and digits")
        if new.key_space in _NEVER | ONLY_BY_NAME:
            raise SelectionError(f"rename: {old} cannot become {new}: the key space belongs to the cluster itself")
    taken: dict[TableName, TableName] = {}
    for old, new in targets.items():
        if other := taken.get(new):
            raise SelectionError(f"rename: {other} and {old} would both become {new}")
        taken[new] = old
