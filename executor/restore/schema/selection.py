"""The selection of a restore: the wanted tables of a backup, and their new names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from executor.cql.names import TableName
from executor.key_spaces import (
    CASSANDRAS_KEY_SPACES,
    KEY_SPACE_LENGTH,
    NEVER_RESTORED,
    ROLES_KEY_SPACE,
    TABLE_LENGTH,
    is_cassandras,
)

_NAME = re.compile(r"\w+", re.ASCII)


class SelectionError(ValueError):
    """A request that this backup cannot fulfil; the text names the reason."""


@dataclass(frozen=True)
class Selection:
    """The selected tables by their names in the backup, each with its new name.

    `whole` has the keyspaces that are selected as a whole, with types and functions, each with its new name. If `roles`
    is true, the roles and their permissions are selected.
    """

    targets: Mapping[TableName, TableName]
    whole: Mapping[str, str] = field(default_factory=dict)
    roles: bool = False

    def key_spaces(self) -> list[str]:
        """Return the backup's keyspaces of which anything is selected."""
        return sorted({name.key_space for name in self.targets} | self.whole.keys())

    def all_targets(self) -> frozenset[str]:
        """Return the new names of all keyspaces of which anything is selected."""
        return frozenset(name for old in self.key_spaces() for name in self.target_key_spaces(old))

    def target_key_spaces(self, key_space: str) -> list[str]:
        """Return the new names of one of the backup's keyspaces."""
        tables = {new.key_space for old, new in self.targets.items() if old.key_space == key_space}
        return sorted(tables | {new for old, new in self.whole.items() if old == key_space})


def select(
    stored: Mapping[str, Iterable[str]],
    key_spaces: Sequence[str],
    column_families: Sequence[str],
    rename: Mapping[str, str],
    views: Mapping[TableName, TableName] | None = None,
) -> Selection:
    """Return the tables that a request selects.

    A request without names selects all keyspaces of users; `rename` alone selects what it names.

    Args:
        stored: The backup's tables by keyspace.
        key_spaces: The requested keyspaces.
        column_families: The requested tables: `table`, in each keyspace that has it, or `keyspace.table`.
        rename: A new keyspace for a keyspace, or a new `keyspace.table` for one.
        views: The backup's materialized views, each with its table.

    Raises:
        SelectionError: The backup cannot fulfil the request.
    """
    chosen = _key_spaces(stored, key_spaces, rename if not column_families else {})
    _refuse_views(views or {}, chosen, stored, [*column_families, *rename])
    tables = [TableName(name, table) for name in chosen for table in sorted(stored[name])]
    wanted = list(tables)
    if column_families:
        wanted = [table for table in tables if _is_meant(table, column_families)]
        _ask_where(wanted, key_spaces, column_families, rename)
    elif not key_spaces and rename:
        wanted = [table for table in tables if _is_named(table, rename)]
    if missing := [name for name in column_families if not any(_is_meant(table, [name]) for table in tables)]:
        raise SelectionError(f"the backup has no table {', '.join(missing)} in {', '.join(chosen) or 'any keyspace'}")
    whole = _whole(chosen, key_spaces, column_families, rename)
    targets = dict(_rename(wanted, rename, whole))
    _check_targets(targets, whole)
    return _with_roles(Selection(targets, whole), column_families)


def _is_meant(table: TableName, names: Iterable[str]) -> bool:
    return any(name in (table.table, str(table)) for name in names)


def _is_named(table: TableName, rename: Mapping[str, str]) -> bool:
    return str(table) in rename or table.key_space in rename


def _key_spaces(stored: Mapping[str, Iterable[str]], wanted: Sequence[str], rename: Mapping[str, str]) -> list[str]:
    """Return the keyspaces that are named, that `rename` names, or all of users."""
    named = list(wanted) or [old.partition(".")[0] for old in rename]
    if refused := sorted(set(named) & NEVER_RESTORED):
        raise SelectionError(f"{', '.join(refused)} belongs to the cluster itself and is never restored")
    if missing := sorted(set(named) - stored.keys()):
        raise SelectionError(f"the backup has no keyspace {', '.join(missing)}; it has {', '.join(sorted(stored))}")
    if named:
        return sorted(set(named))
    found = sorted(set(stored) - CASSANDRAS_KEY_SPACES)
    if not found:
        raise SelectionError(
            f"the backup has nothing of users, only {', '.join(sorted(stored)) or 'no keyspace at all'};"
            f" to restore {ROLES_KEY_SPACE}, name it in key_spaces"
        )
    return found


def _refuse_views(
    views: Mapping[TableName, TableName],
    chosen: Iterable[str],
    stored: Mapping[str, Iterable[str]],
    names: Iterable[str],
) -> None:
    """Raise SelectionError if a name is that of a view, which is built from its table."""
    spaces = set(chosen)
    tables = [TableName(name, table) for name in spaces for table in stored[name]]
    for name in names:
        for view, table in views.items():
            if view.key_space in spaces and _is_meant(view, [name]) and not any(_is_meant(t, [name]) for t in tables):
                raise SelectionError(
                    f"{view} is a materialized view of {table} and is built from it: name {table} instead"
                )


def _ask_where(
    wanted: Iterable[TableName], key_spaces: Sequence[str], families: Sequence[str], rename: Mapping[str, str]
) -> None:
    """Raise SelectionError if a table of several keyspaces is renamed in some and not in others."""
    if key_spaces or not rename:
        return
    for family in families:
        found = [table for table in wanted if table.table == family]
        kept = [str(table) for table in found if not _is_named(table, rename)]
        if kept and len(kept) < len(found):
            raise SelectionError(
                f"column_families {family} is also {', '.join(kept)}, which rename does not name: set key_spaces, or"
                " use full names in column_families"
            )


def _whole(
    chosen: Iterable[str], key_spaces: Sequence[str], families: Sequence[str], rename: Mapping[str, str]
) -> dict[str, str]:
    """Return the keyspaces that are selected as a whole, with their new names."""
    if families:
        return {}
    if rename and not key_spaces:
        return {name: rename[name] for name in chosen if name in rename}
    return {name: rename.get(name, name) for name in chosen}


def _rename(
    tables: Iterable[TableName], rename: Mapping[str, str], whole: Iterable[str]
) -> Iterator[tuple[TableName, TableName]]:
    used = set(whole) & rename.keys()
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
        verb = "is" if len(unused) == 1 else "are"
        raise SelectionError(f"rename: {', '.join(unused)} {verb} not part of the restore")


def _with_roles(found: Selection, families: Sequence[str]) -> Selection:
    """Return the selection with roles as statements, never as files; their tables can be loaded under another name."""
    own = [old for old, new in found.targets.items() if new.key_space == ROLES_KEY_SPACE]
    if own and families:
        raise SelectionError(
            f"{own[0]} cannot be restored by itself: older roles do not override newer ones; name {ROLES_KEY_SPACE} in"
            " key_spaces without column_families, or rename the table"
        )
    targets = {old: new for old, new in found.targets.items() if new.key_space != ROLES_KEY_SPACE}
    whole = {old: new for old, new in found.whole.items() if new != ROLES_KEY_SPACE}
    return Selection(targets, whole, roles=found.whole.get(ROLES_KEY_SPACE) == ROLES_KEY_SPACE)


def _check_targets(targets: Mapping[TableName, TableName], whole: Mapping[str, str]) -> None:
    for old_space, new_space in whole.items():
        if old_space != new_space:
            _check_name(old_space, new_space, new_space, KEY_SPACE_LENGTH)
            _check_owner(old_space, new_space, new_space)
    for old, new in targets.items():
        if old == new:
            continue
        _check_name(old, new, new.key_space, KEY_SPACE_LENGTH)
        _check_name(old, new, new.table, TABLE_LENGTH)
        _check_owner(old, new, new.key_space)
    taken: dict[TableName, TableName] = {}
    for old, new in targets.items():
        if other := taken.get(new):
            raise SelectionError(f"rename: {other} and {old} would both become {new}")
        taken[new] = old


def _check_name(old: TableName | str, new: TableName | str, name: str, longest: int) -> None:
    if not _NAME.fullmatch(name):
        raise SelectionError(f"rename: {old} cannot become {new}: {name!r} must consist of letters, digits and _")
    if len(name) > longest:
        raise SelectionError(
            f"rename: {old} cannot become {new}: the name has {len(name)} characters, at most {longest} are allowed"
        )


def _check_owner(old: TableName | str, new: TableName | str, key_space: str) -> None:
    if is_cassandras(key_space):
        raise SelectionError(f"rename: {old} cannot become {new}: the keyspace belongs to the cluster itself")
