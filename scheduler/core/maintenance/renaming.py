"""The field `rename` of a restore: its form, and the new names in the schema of the backup."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from executor.key_spaces import CASSANDRAS_KEY_SPACES, KEY_SPACE_LENGTH, TABLE_LENGTH, is_cassandras
from scheduler.core.maintenance.request_fields import ITEMS, Form, list_names, show_value
from scheduler.core.maintenance.schema import Schema, base_of

IDENTIFIER = re.compile(r"[A-Za-z0-9_]+")


def read_rename(form: Form) -> Mapping[str, str]:
    """Return the field `rename`, such as `{"shop": "shop2", "shop.users": "shop.old_users"}`; empty if absent."""
    rename = form.value("rename")
    if rename is None:
        return {}
    if not isinstance(rename, dict) or not all(isinstance(new, str) for new in rename.values()):
        form.problem("rename", 'must be an object such as {"shop": "shop2", "shop.users": "shop.old_users"}')
        return {}
    if len(rename) > ITEMS:
        form.problem("rename", f"must have at most {ITEMS} names, not {len(rename)}")
        return {}
    for old, new in rename.items():
        if (words := _rename_rule(old, new)) is not None:
            form.problem("rename", f": {show_value(old)} cannot become {show_value(new)}: {words}")
    return rename


def check_rename(
    form: Form, schema: Schema, key_spaces: Collection[str], families: Collection[str], rename: Mapping[str, str]
) -> None:
    """Add the problems of new names in a backup's schema, for a restore of these keyspaces and tables."""
    key_spaces, families = frozenset(key_spaces), frozenset(families)
    for old in rename:
        if (base := base_of(schema, schema, old)) is not None:
            form.problem("rename", f": {old} is a materialized view and is built from {base}; name {base}")
        elif not _is_restored(schema, old, key_spaces, families):
            form.problem("rename", f": {show_value(old)} is not among what is to be restored")
    if not form.has_problem("rename"):
        for new, olds in _duplicate_names(_restored_tables(schema, key_spaces, families, rename), rename).items():
            form.problem("rename", f": {' and '.join(olds)} would both become {new}; give one of them another name")
    if families and not key_spaces:
        _ask_where(form, schema, families, rename)


def _restored_tables(
    schema: Schema, key_spaces: Collection[str], families: Collection[str], rename: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return keyspace and name of each table that a restore brings; `rename` alone selects the tables that it names."""
    chosen = key_spaces or [name for name in schema if name not in CASSANDRAS_KEY_SPACES]
    alone = bool(rename) and not key_spaces and not families
    return [
        (name, table)
        for name in sorted(chosen)
        if name in schema
        for table in sorted(schema[name].tables)
        if not families or table in families or f"{name}.{table}" in families
        if not alone or name in rename or f"{name}.{table}" in rename
    ]


def _duplicate_names(tables: Collection[tuple[str, str]], rename: Mapping[str, str]) -> Mapping[str, list[str]]:
    """Return the new names that several of these tables would get, with those tables."""
    become: dict[str, list[str]] = {}
    for key_space, table in tables:
        old = f"{key_space}.{table}"
        new = rename.get(old) or f"{rename.get(key_space, key_space)}.{table}"
        become.setdefault(new, []).append(old)
    return {new: olds for new, olds in become.items() if len(olds) > 1}


def _ask_where(form: Form, schema: Schema, families: Collection[str], rename: Mapping[str, str]) -> None:
    """Add a problem if a table name means tables of several keyspaces, of which only some are renamed."""
    names = sorted(schema)
    for family in sorted(families):
        found = [name for name in names if family in schema[name].tables and name not in CASSANDRAS_KEY_SPACES]
        kept = [f"{name}.{family}" for name in found if name not in rename and f"{name}.{family}" not in rename]
        if kept and len(kept) < len(found):
            form.problem(
                "column_families",
                f": {family} also means {list_names(kept)}, which rename does not name: give key_spaces, or full names",
            )


def _rename_rule(old: str, new: str) -> str | None:
    if old.count(".") > 1 or old.count(".") != new.count("."):
        return "a keyspace becomes a keyspace, and keyspace.table becomes keyspace.table"
    if not all(IDENTIFIER.fullmatch(part) for part in new.split(".")):
        return "a name is letters, digits and underscores"
    for part, longest in zip(new.split("."), (KEY_SPACE_LENGTH, TABLE_LENGTH), strict=False):
        if len(part) > longest:
            return f"{show_value(part)} has {len(part)} characters, and Cassandra allows {longest}"
    if is_cassandras(new.partition(".")[0]):
        return "that keyspace belongs to the cluster itself"
    return None


def _is_restored(schema: Schema, old: str, key_spaces: Collection[str], families: Collection[str]) -> bool:
    key_space, dot, table = old.partition(".")
    if key_space not in schema or (key_spaces and key_space not in key_spaces):
        return False
    if not dot and families:
        return any(name in families or f"{key_space}.{name}" in families for name in schema[key_space].tables)
    if not dot:
        return True
    return table in schema[key_space].tables and (not families or table in families or old in families)
