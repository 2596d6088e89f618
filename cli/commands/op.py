"""`op`: operations of all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from cli import operations
from cli.errors import ExitCode, Failure
from cli.options import Duration, WholeNumber, wait_options
from cli.requests import login_option
from cli.session import Session, group, pass_session
from cli.tables import Column, Kind, Table, columns
from cli.waiting import operation_path, wait_for_operation
from cli.watching import repeat, watch_option

Json = Mapping[str, Any]

KINDS = (
    "repair", "backup", "restore", "cleanup", "compact", "scrub", "flush", "upgradesstables", "garbagecollect",
    "decommission", "backup-verify", "backup-delete",
)  # fmt: skip
_RESUMABLE = ("repair", "cleanup", "compact", "scrub", "flush", "upgradesstables", "garbagecollect")
_COLUMNS = columns(
    Column("Id", spare=True), "Kind", "State", Column("Progress", Kind.PERCENT), Column("Left", Kind.SECONDS),
    Column("Started", Kind.TIME), "By", "Why",
)  # fmt: skip
_KIND = click.argument("kind", type=click.Choice(KINDS), metavar="KIND")


@group("op")
def op() -> None:
    """Show, watch and command operations by their kind, such as repair or backup-verify."""


@op.command("list")
@click.option("--all", "every", is_flag=True, help="Also the ended operations.")
@watch_option
@pass_session
def list_operations(session: Session, every: bool, watch: float | None) -> int:
    """List the newest operation of each kind; with --all also the ended ones."""

    def show() -> int:
        found = newest(session)
        present = {item["id"] for item in found}
        if every:
            past = session.client.get_all([f"{operation_path(kind)}/history" for kind in KINDS])
            found += [item for items in past for item in _checked(items) if item["id"] not in present]
        session.output.show(found, Table(_COLUMNS, [_row(item) for item in found]))
        return ExitCode.DONE

    return repeat(session, watch, show)


@op.command("show")
@_KIND
@watch_option
@pass_session
def show_one(session: Session, kind: str, watch: float | None) -> int:
    """Show the newest operation of a kind, with every node."""

    def show() -> int:
        operations.show_operation(session, session.client.get(f"{operation_path(kind)}/status"))
        return ExitCode.DONE

    return repeat(session, watch, show)


@op.command("watch")
@_KIND
@click.option("--timeout", type=Duration(), metavar="D", help="The longest wait, such as 90s or 2h.")
@pass_session
def watch_one(session: Session, kind: str, timeout: float | None) -> int:
    """Follow the newest operation of a kind until it ends. Ctrl-C leaves it running."""
    document = session.client.get(f"{operation_path(kind)}/status")
    if document["id"] is None:
        raise Failure(f"{document['message']}.", ExitCode.NOT_FOUND)
    return wait_for_operation(session, kind, document["id"], timeout)


@op.command("stop")
@_KIND
@wait_options
@pass_session
def stop(session: Session, kind: str, waits: bool, timeout: float | None) -> int:
    """Stop an operation; its jobs are cancelled."""
    session.confirm(f"Stop the {kind}?")
    return operations.stop_operation(session, kind, waits, timeout)


@op.command("continue")
@click.argument("kind", type=click.Choice(_RESUMABLE), metavar="KIND")
@login_option
@wait_options
@pass_session
def proceed(session: Session, kind: str, login: str | None, waits: bool, timeout: float | None) -> int:
    """Continue a stopped operation where it was."""
    return operations.continue_operation(session, kind, login, waits, timeout)


@op.command("retry")
@_KIND
@wait_options
@pass_session
def retry(session: Session, kind: str, waits: bool, timeout: float | None) -> int:
    """Retry the steps of an operation that have failed."""
    document = session.client.get(f"{operation_path(kind)}/status")
    if document["id"] is None:
        raise Failure(f"{document['message']}.", ExitCode.NOT_FOUND)
    plan = session.client.get(f"/v1/plans/{kind}")
    failed = [
        (phase["name"], step["name"])
        for phase in plan["phases"]
        for step in phase["steps"]
        if step["status"] == "ERROR"
    ]
    if not failed:
        raise Failure(f"No step of the {kind} has failed.", ExitCode.CONFLICT)
    for phase, step in failed:
        session.client.send("POST", f"/v1/plans/{kind}/restart", query={"phase": phase, "step": step})
        session.output.say(f"{phase} of {step} begins again.")
    if waits:
        return wait_for_operation(session, kind, document["id"], timeout)
    session.output.suggest(f"op watch {kind}")
    return ExitCode.DONE


@op.command("tune")
@click.argument("kind", type=click.Choice(("backup", "restore")), metavar="backup|restore")
@click.option(
    "--throttle", type=WholeNumber(0), required=True, metavar="BYTES", help="Bytes a second and node; 0: no limit."
)
@pass_session
def tune(session: Session, kind: str, throttle: int) -> None:
    """Change the throttle of a running backup or restore."""
    operations.tune_operation(session, kind, throttle)


@op.command("history")
@_KIND
@pass_session
def history(session: Session, kind: str) -> None:
    """List the ended operations of a kind, the newest first."""
    operations.show_history(session, session.client.get(f"{operation_path(kind)}/history"))


def newest(session: Session) -> list[Any]:
    """Return the newest operation of each kind that has had one, the latest start first."""
    found = session.client.get_all([f"{operation_path(kind)}/status" for kind in KINDS])
    begun = [item for item in map(_checked, found) if item["id"] is not None]
    return sorted(begun, key=lambda item: str(item["started"]), reverse=True)


def _row(item: Json) -> tuple[Any, ...]:
    nodes = item["nodes"].values() if isinstance(item["nodes"], dict) else ()
    left = [step["progress"].get("seconds_left") for step in nodes]
    longest = max((seconds for seconds in left if seconds is not None), default=None)
    return (
        item["id"], item["kind"], item["state"], item.get("percent"), longest, item["started"], item["principal"],
        item["message"],
    )  # fmt: skip


def _checked(found: Any) -> Any:
    if isinstance(found, Failure):
        raise found
    return found
