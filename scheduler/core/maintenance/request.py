"""Requests for operations of each kind: from the body to the stored request, or to its problems."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from executor.key_spaces import NEVER_RESTORED, ROLES_KEY_SPACE
from scheduler.core.maintenance.backup_location import credentials, location, login
from scheduler.core.maintenance.renaming import check_rename, read_rename
from scheduler.core.maintenance.request_fields import Form, list_names, show_value
from scheduler.core.maintenance.schema import Schema, base_of, table_names
from scheduler.core.maintenance.snapshots import DEFAULT_SPREAD_S
from scheduler.core.nodes.names import parse_node_name

# Bytes per second and node: half of a gigabit link, or a fourth of a modest disk, remains for the cluster.
DEFAULT_THROTTLE = 50_000_000
MAX_THROTTLE = 1_000_000_000_000
MAX_AT_ONCE = 10_000
ALL = "*"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
NAME_RULE = "must be 1 to 128 letters, digits, dots, dashes and underscores, and must not begin with a dot or a dash"
# The parts of the restored rows that are compared with the answers of the cluster.
COMPARISONS = ("none", "count", "sample", "full")
DEFAULT_COMPARISON = "sample"


@dataclass(frozen=True)
class Request:
    """A correct request: `request` has every default and no secret, `tuning` the values that can change later."""

    nodes: tuple[str, ...]
    request: Mapping[str, Any]
    tuning: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class _Parts:
    """The parts of a request that a kind reads from its fields."""

    request: Mapping[str, Any]
    tuning: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    nodes: tuple[str, ...] | None = None


def check(kind: str, body: Mapping[str, Any], nodes: Sequence[str]) -> Request | tuple[str, ...]:
    """Return the request that a body asks for, or its problems, each one sentence.

    `nodes` are the names of all nodes. The names of keyspaces and tables are left to `check_names`.
    """
    form = Form(body)
    parts = _KINDS[kind](form, nodes)
    problems = form.problems()
    if problems:
        return problems
    return Request(tuple(nodes) if parts.nodes is None else parts.nodes, parts.request, parts.tuning, parts.secrets)


def check_names(kind: str, request: Request, schema: Schema) -> tuple[str, ...]:
    """Return the problems with the keyspaces, tables and new names of a checked request, each one sentence.

    `schema` is the cluster's, and the backup's for a restore.
    """
    form, fields = Form({}), request.request
    key_spaces, families = fields.get("key_spaces", ()), fields.get("column_families", ())
    _check_names(form, schema, key_spaces, families, of_backup=kind == "restore")
    if rename := fields.get("rename"):
        check_rename(form, schema, key_spaces, families, rename)
    return form.problems()


def names_tables(request: Request) -> bool:
    """Return whether the request names keyspaces or tables, so that the schema is needed."""
    return bool(request.request.get("key_spaces") or request.request.get("column_families"))


def named_tables(request: Request, schema: Schema) -> list[str]:
    """Return the full names of the tables that the request means now; a table that is missing later was dropped."""
    families = set(request.request.get("column_families") or ())
    chosen = request.request.get("key_spaces") or [name for name, found in schema.items() if not found.local]
    return [
        f"{name}.{table}"
        for name in sorted(chosen)
        if name in schema and not schema[name].local
        for table in sorted(schema[name].tables)
        if table in families or f"{name}.{table}" in families
    ]


def check_login(body: Mapping[str, Any]) -> Mapping[str, str] | tuple[str, ...]:
    """Return the login with which a stopped operation continues, empty if none is given, or its problems."""
    form = Form(body)
    secrets = login(form)
    return form.problems() or secrets


def check_tuning(body: Mapping[str, Any]) -> Mapping[str, Any] | tuple[str, ...]:
    """Return new tuning of a running operation, or its problems."""
    form = Form(body)
    throttle = form.whole("throttle", None, 0, MAX_THROTTLE)
    if form.value("throttle") is None:
        form.problem("throttle", "must be given: bytes per second and node, 0 for no limit")
    return form.problems() or {"throttle": throttle}


def check_location(body: Mapping[str, Any]) -> Request | tuple[str, ...]:
    """Return the location of backups with its secrets, or the problems."""
    form = Form(body)
    request, secrets = location(form), credentials(form)
    return form.problems() or Request((), request, secrets=secrets)


def _tables_work(form: Form, nodes: Sequence[str]) -> _Parts:
    chosen = _nodes(form, nodes)
    request = {**_tables(form), "parallelism": form.whole("parallelism", 1, 1, MAX_AT_ONCE)}
    return _Parts(request, nodes=chosen)


def _repair(form: Form, nodes: Sequence[str]) -> _Parts:
    chosen = _nodes(form, nodes)
    request = {
        **_tables(form),
        "incremental": form.flag("incremental", default=False),
        "primary_range": form.flag("primary_range", default=True),
        "parallelism": form.word("parallelism", ("sequential", "parallel", "dc_parallel"), "sequential"),
        "pending_compactions": form.whole("pending_compactions", 20, 0, 1_000_000),
        "stall_seconds": form.whole("stall_seconds", 1800, 10, 604_800),
        "segment_mb": form.whole("segment_mb", 256, 1, 1_048_576),
    }
    return _Parts(request, secrets=login(form), nodes=chosen)


def _decommission(form: Form, nodes: Sequence[str]) -> _Parts:
    chosen = _nodes(form, nodes)
    if form.value("nodes") is None or (chosen is not None and len(chosen) != 1):
        form.problem("nodes", "must name exactly one node: one leaves the ring at a time")
    request = {"force": form.flag("force", default=False), "rejoin": form.flag("rejoin", default=False)}
    return _Parts(request, nodes=chosen)


def _backup(form: Form, nodes: Sequence[str]) -> _Parts:
    request = {
        "backup_name": _backup_name(form, required=True),
        **location(form),
        **_tables(form),
        # One node at a time slows down at most one replica of any range, with any racks.
        "upload_parallelism": form.whole("upload_parallelism", 1, 1, MAX_AT_ONCE),
        "count_rows": form.flag("count_rows", default=False) if form.value("count_rows") is not None else None,
        "absent": form.word("absent", ("wait", "skip"), "wait"),
        "max_snapshot_spread_s": form.whole("max_snapshot_spread_s", DEFAULT_SPREAD_S, 1, 86_400),
    }
    chosen = _nodes(form, nodes)
    if chosen is not None and len(chosen) != len(nodes):
        form.problem("nodes", f'must be ["{ALL}"]: a backup is of the whole cluster, not of {list_names(chosen)} alone')
    _restore_type(form)
    return _Parts(request, _throttle(form), {**credentials(form), **login(form)})


def _verify(form: Form, _known: Sequence[str]) -> _Parts:
    request = {
        "backup_name": _backup_name(form, required=True),
        **location(form),
        "parallelism": form.whole("parallelism", 1, 1, MAX_AT_ONCE),
        **_trust(form),
    }
    return _Parts(request, secrets=credentials(form))


def _delete(form: Form, _known: Sequence[str]) -> _Parts:
    name = _backup_name(form, required=False)
    limits = {
        "keep_last": form.whole("keep_last", None, 1, 1_000_000),
        "keep_days": form.whole("keep_days", None, 1, 36_500),
    }
    limited = any(form.value(limit) is not None for limit in limits)
    if bool(form.value("backup_name")) == limited:
        form.problem("backup_name", "must be given, or keep_last, keep_days or both of these, but not both kinds")
    request = {
        "backup_name": name or None,
        **location(form),
        **{limit: value for limit, value in limits.items() if value is not None},
    }
    return _Parts(request, secrets=credentials(form))


def _restore(form: Form, _known: Sequence[str]) -> _Parts:
    tables = _tables(form)
    rename = read_rename(form)
    _refuse_roles(form, tables["key_spaces"], tables["column_families"], rename)
    request = {
        "backup_name": _backup_name(form, required=True),
        **location(form),
        **tables,
        "rename": rename,
        "parallelism": form.whole("parallelism", 0, 0, MAX_AT_ONCE),
        "compare": form.word("compare", COMPARISONS, DEFAULT_COMPARISON),
        **_trust(form),
    }
    _restore_type(form)
    return _Parts(request, _throttle(form), {**credentials(form), **login(form)})


_KINDS: Mapping[str, Callable[[Form, Sequence[str]], _Parts]] = {
    **dict.fromkeys(("cleanup", "upgradesstables", "compact", "scrub", "flush", "garbagecollect"), _tables_work),
    "repair": _repair,
    "decommission": _decommission,
    "backup": _backup,
    "backup-verify": _verify,
    "backup-delete": _delete,
    "restore": _restore,
}


def _trust(form: Form) -> dict[str, bool]:
    return {"trust": True} if form.flag("trust", default=False) else {}


def _throttle(form: Form) -> Mapping[str, Any]:
    return {"throttle": form.whole("throttle", DEFAULT_THROTTLE, 0, MAX_THROTTLE)}


def _restore_type(form: Form) -> None:
    """Check a field without effect: the tokens decide how files are loaded."""
    form.word("restore_type", ("existing", "new", ""), "")


def _backup_name(form: Form, required: bool) -> str:
    name = form.text("backup_name")
    if not name and required and form.is_text("backup_name"):
        form.problem("backup_name", "must be given")
    elif name and not NAME.fullmatch(name):
        form.problem("backup_name", f"{NAME_RULE}, not {show_value(name)}")
    return name


def _nodes(form: Form, known: Sequence[str]) -> tuple[str, ...] | None:
    """Return the names of the chosen nodes: `["*"]` or absent means all. None if the field has a problem."""
    items = form.items("nodes")
    if items is None or items == (ALL,):
        return tuple(known)
    if not items:
        form.problem("nodes", f'must not be empty: ["{ALL}"] for all, or names such as node-0')
        return None
    if ALL in items:
        form.problem("nodes", f"must hold {ALL} alone, or names")
        return None
    names = {item: parse_node_name(item) for item in map(str, items)}
    there = frozenset(known)
    unknown = [item for item, name in names.items() if name not in there]
    if unknown:
        form.problem("nodes", f": there is no node {list_names(unknown)}; there are {list_names(known)}")
        return None
    return tuple(dict.fromkeys(name for name in names.values() if name is not None))


def _tables(form: Form) -> dict[str, Any]:
    return {field: list(form.names(field)) for field in ("key_spaces", "column_families")}


def _check_names(
    form: Form, schema: Schema, key_spaces: Collection[str], families: Collection[str], of_backup: bool
) -> None:
    where = "in the backup" if of_backup else "in the cluster"
    usable = {name for name, found in schema.items() if not found.local and not (of_backup and name in NEVER_RESTORED)}
    named = list_names(sorted(usable))
    for name in key_spaces:
        if name not in schema and not (of_backup and name in NEVER_RESTORED):
            form.problem("key_spaces", f": there is no keyspace {show_value(name)} {where}; there are {named}")
        elif name not in usable and of_backup:
            form.problem("key_spaces", f": {name} belongs to the cluster itself and is never restored")
        elif name not in usable:
            form.problem("key_spaces", f": {name} is local to each node and has no maintenance")
    chosen = sorted(usable & set(key_spaces)) if key_spaces else sorted(usable)
    if not chosen:  # there is no table to look for
        return
    among = list_names(chosen) if key_spaces else f"any keyspace {where}"
    tables = table_names(schema, chosen)
    for name in families:
        if name in tables:
            continue
        if (base := base_of(schema, chosen, name)) is not None:
            form.problem("column_families", f": {name} is a materialized view and is built from {base}; name {base}")
        else:
            form.problem("column_families", f": there is no table {show_value(name)} in {among}")


def _refuse_roles(
    form: Form, key_spaces: Collection[str], families: Collection[str], rename: Mapping[str, str]
) -> None:
    if ROLES_KEY_SPACE in key_spaces and families and ROLES_KEY_SPACE not in rename:
        form.problem(
            "column_families",
            f"must not be given with {ROLES_KEY_SPACE}: its roles are restored as statements, all of them",
        )
