"""`restore`: preview a restore, and load a backup."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from cli import operations
from cli.errors import ExitCode, Failure
from cli.options import WholeNumber, wait_options
from cli.repeated import once
from cli.requests import location_options, login_option, request_of, table_options, trust_option
from cli.session import Session, group, pass_session
from cli.tables import Column, Kind, Table, clean, columns
from cli.units import by_number, format_bytes, format_duration
from cli.wording import as_options

_TABLES = columns(
    "From", "To", "What", "Has data", "How", Column("Size", Kind.BYTES), Column("SSTables", wide=True),
    Column("Rows", wide=True),
)  # fmt: skip
_PROBLEMS = columns("Problem", "Where", "Why", "Help", Column("Nodes", wide=True))
_NODES = columns("Node", "Loads", Column("Size", Kind.BYTES), Column("Free", Kind.BYTES))


@group("restore")
def restore() -> None:
    """Preview a restore, and load a backup into this cluster."""


def _request(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a restore's request."""
    options: list[Callable[[Any], Any]] = [
        click.argument("backup_name", metavar="NAME"),
        location_options,
        table_options,
        click.option(
            "--rename", multiple=True, metavar="OLD=NEW", help="Restore under another name: a keyspace or table."
        ),
        click.option("--parallelism", type=WholeNumber(0), help="The number of nodes that load at once (0: all)."),
        click.option("--compare", type=click.Choice(["none", "count", "sample", "full"]), help="The proof (sample)."),
        click.option(
            "--throttle", type=WholeNumber(0), metavar="BYTES", help="Bytes a second and node (50000000); 0: no limit."
        ),
        trust_option,
        login_option,
    ]
    for option in reversed(options):
        function = option(function)
    return function


@restore.command("plan")
@_request
@pass_session
def plan(session: Session, **fields: Any) -> int:
    """Show what a restore would find and do, without any change. Exit code 1 if it is not possible."""
    return _preview(session, _body(session, fields))


@restore.command("start")
@_request
@click.option("--dry-run", is_flag=True, help="As restore plan.")
@wait_options
@pass_session
def start(session: Session, dry_run: bool, waits: bool, timeout: float | None, **fields: Any) -> int:
    """Load a backup."""
    body = _body(session, fields)
    if dry_run:
        return _preview(session, body)
    session.confirm(f"Load the backup {body['backup_name']} into this cluster?")
    return operations.start_operation(session, "restore", body, waits, timeout)


operations.add_status(restore, "restore")
operations.add_stop(restore, "restore")
operations.add_tune(restore, "restore")
operations.add_history(restore, "restore")


def _body(session: Session, fields: dict[str, Any]) -> dict[str, Any]:
    pairs = [pair.partition("=") for pair in fields.pop("rename")]
    renamed = once([(old, new) for old, _, new in pairs], "--rename")
    if not all(old and new for old, new in renamed.items()):
        raise Failure("--rename must be OLD=NEW.", ExitCode.USAGE)
    return {**request_of(session, fields), **({"rename": renamed} if renamed else {})}


def _preview(session: Session, body: dict[str, Any]) -> int:
    found = session.client.send("PUT", "/v1/restore/plan", body)
    problems = Table(
        _PROBLEMS,
        [_problem(item) for item in found["problems"]],
    )
    tables = Table(
        _TABLES,
        [
            tuple(item.get(key) for key in ("from", "to", "what", "has_data", "how", "bytes", "sstables", "rows"))
            for item in found["tables"]
        ],
        name=1,
    )
    nodes = Table(
        _NODES,
        [
            (name, item.get("loads"), item.get("bytes"), item.get("free_bytes"))
            for name, item in by_number(found["nodes"])
        ],
    )
    shown = [tables] if not session.output.for_people else [item for item in (problems, tables, nodes) if item.rows]
    foot = [f"Not tried: {clean(text)}" for text in found["untried"] or ()]
    foot += [f"Not as in the backup, and left so: {kind} {clean(', '.join(names))}"
             for kind, names in (found.get("changed") or {}).items()]  # fmt: skip
    foot += [f"Not created: {clean(text)}" for text in found.get("views_left_out") or ()]
    mode = f", by {found['mode']}" if found["mode"] else ""
    head = [f"Possible: {'yes' if found['possible'] else 'no'}{mode}{_effort(found)}", ""]
    session.output.show(found, *shown, head=head, foot=foot)
    return ExitCode.DONE if found["possible"] else ExitCode.FAILED


def _problem(item: dict[str, Any]) -> tuple[Any, ...]:
    why, help_ = (as_options(item.get(key) or "") for key in ("why", "help"))
    return item.get("kind"), item.get("where"), why, help_, item.get("nodes")


def _effort(found: dict[str, Any]) -> str:
    """Return what is to be loaded and how long that takes at least; empty if neither is known."""
    if not found.get("bytes"):
        return ""
    words = f"; {format_bytes(found['bytes'])} to load"
    if seconds := found.get("seconds_at_throttle"):
        words += f", at least {format_duration(seconds)} with this throttle"
    return words
