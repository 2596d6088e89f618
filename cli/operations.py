"""Commands that every kind of operation has: status, stop, continue, tune and history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from cli.errors import ExitCode, Failure
from cli.options import WholeNumber, wait_options
from cli.reasons import brief
from cli.requests import login_option, request_of
from cli.session import Group, Session, pass_session
from cli.tables import Column, Kind, Table, clean, columns, fields_table
from cli.units import format_bytes, format_duration
from cli.waiting import operation_path, wait_for_operation, wait_for_stop
from cli.watching import repeat, watch_option
from cli.wording import as_options

Json = Mapping[str, Any]

_NODES = columns(
    "Node", "Phase", "State", Column("Progress", Kind.PERCENT), Column("Rate", Kind.RATE),
    Column("Left", Kind.SECONDS), "Failures", Column("Started", Kind.TIME, wide=True),
    Column("Finished", Kind.TIME, wide=True), "Why",
)  # fmt: skip
_ENDED = columns(
    Column("Id", spare=True), "Kind", "State", Column("Started", Kind.TIME), Column("Finished", Kind.TIME), "By",
    Column("Nodes", wide=True), "Message",
)  # fmt: skip
_BARS, _BARS_SHOWN = "▁▂▃▄▅▆▇█", 40
_NO_CURVE: Json = {"samples": [], "seconds_left": None}


def start_operation(session: Session, kind: str, body: Json, waits: bool, timeout: float | None) -> int:
    """Start an operation, report its id, and wait for its end if asked."""
    path = operation_path(kind) if kind.startswith("backup-") else f"{operation_path(kind)}/start"
    answer = session.client.send("PUT", path, dict(body))
    return report_start(session, kind, answer, waits, timeout)


def report_start(session: Session, kind: str, answer: Json, waits: bool, timeout: float | None) -> int:
    """Report an accepted operation, and wait for its end if asked."""
    session.output.show(answer, Table(columns("Id", "Kind", "Status"), [(answer["id"], kind, answer["status"])]))
    if answer["message"]:
        session.output.say(clean(answer["message"]))
    if waits:
        return wait_for_operation(session, kind, answer["id"], timeout)
    session.output.suggest(f"op watch {kind}")
    return ExitCode.DONE


def show_operation(session: Session, document: Json) -> None:
    """Show the status of an operation with a row for each node and each step of the cluster."""
    steps = [*document["nodes"].items(), *((f"({name})", step) for name, step in document["cluster"].items())]
    table = Table(_NODES, [_row(name, step) for name, step in steps])
    people = session.output.for_people
    curve = curve_line(_read_curve(session, document)) if people and document["id"] is not None else []
    session.output.show(document, *([table] if table.rows or not people else []), head=_head(document, curve))


def curve_line(curve: Json) -> list[str]:
    """Return a line with an operation's rate over its time and the time left; none if neither is known."""
    rates = [item["rate"] for item in curve["samples"]]
    known = [rate for rate in rates if rate is not None]
    words = []
    if known and (most := max(known)) > 0:
        now = "" if rates[-1] is None else f"{format_bytes(rates[-1])}/s now, "
        words.append(f"{_sparkline(rates, most)}  {now}at most {format_bytes(most)}/s")
    if curve["seconds_left"] is not None:
        words.append(f"{format_duration(curve['seconds_left'])} left")
    return [", ".join(words)] if words else []


def _sparkline(rates: Sequence[float | None], most: float) -> str:
    """Return the rates as bars, the highest of neighbours where there are too many; a gap for none."""
    width = -(-len(rates) // _BARS_SHOWN)
    groups = (rates[start : start + width] for start in range(0, len(rates), width))
    highest = (max((rate for rate in group if rate is not None), default=None) for group in groups)
    last = len(_BARS) - 1
    return "".join(" " if rate is None else _BARS[min(last, round(rate / most * last))] for rate in highest)


def _read_curve(session: Session, document: Json) -> Json:
    try:
        found: Json = session.client.get(f"{operation_path(document['kind'])}/curve")
    except Failure as failure:
        if failure.code is not ExitCode.NOT_FOUND:  # a scheduler of an earlier version has none
            raise
        return _NO_CURVE
    return found if found["id"] == document["id"] else _NO_CURVE


def show_history(session: Session, ended: list[Any]) -> None:
    """Show ended operations, the newest first."""
    rows = [
        (item["id"], item["kind"], item["state"], item["started"], item["finished"], item["principal"], item["nodes"],
         item["message"])
        for item in ended
    ]  # fmt: skip
    session.output.show(ended, Table(_ENDED, rows))


def add_status(target: Group, kind: str) -> None:
    """Add `status` to a group."""

    @target.command("status", help=f"Show the newest {kind}, with every node.")
    @watch_option
    @pass_session
    def status(session: Session, watch: float | None) -> int:
        def show() -> int:
            show_operation(session, session.client.get(f"{operation_path(kind)}/status"))
            return ExitCode.DONE

        return repeat(session, watch, show)


def add_stop(target: Group, kind: str) -> None:
    """Add `stop` to a group."""

    @target.command("stop", help=f"Stop the {kind}; its jobs are cancelled.")
    @wait_options
    @pass_session
    def stop(session: Session, waits: bool, timeout: float | None) -> int:
        session.confirm(f"Stop the {kind}?")
        return stop_operation(session, kind, waits, timeout)


def add_continue(target: Group, kind: str) -> None:
    """Add `continue` to a group; only repair takes a login."""

    @wait_options
    @pass_session
    def proceed(session: Session, waits: bool, timeout: float | None, login: str | None = None) -> int:
        return continue_operation(session, kind, login, waits, timeout)

    decorated = login_option(proceed) if kind == "repair" else proceed
    target.command("continue", help=f"Continue a stopped {kind} where it was.")(decorated)


def add_tune(target: Group, kind: str) -> None:
    """Add `tune` to a group."""

    @target.command("tune", help=f"Change the throttle while a {kind} runs.")
    @click.option(
        "--throttle", type=WholeNumber(0), required=True, metavar="BYTES", help="Bytes a second and node; 0: no limit."
    )
    @pass_session
    def tune(session: Session, throttle: int) -> None:
        tune_operation(session, kind, throttle)


def add_history(target: Group, kind: str) -> None:
    """Add `history` to a group."""

    @target.command("history", help=f"List the ended operations of {kind}, the newest first.")
    @pass_session
    def history(session: Session) -> None:
        show_history(session, session.client.get(f"{operation_path(kind)}/history"))


def stop_operation(session: Session, kind: str, waits: bool, timeout: float | None) -> int:
    """Stop an operation. The wait ends well when it is stopped."""
    answer = session.client.send("PUT", f"{operation_path(kind)}/stop")
    session.output.show(answer, fields_table(list(answer.items())))
    if not waits:
        return ExitCode.DONE
    return wait_for_stop(session, kind, answer["id"], timeout)


def continue_operation(session: Session, kind: str, login: str | None, waits: bool, timeout: float | None) -> int:
    """Continue a stopped operation."""
    body = request_of(session, {"login": login})
    answer = session.client.send("PUT", f"{operation_path(kind)}/continue", body or None)
    return report_start(session, kind, answer, waits, timeout)


def tune_operation(session: Session, kind: str, throttle: int) -> None:
    """Change the throttle of a running operation."""
    answer = session.client.send("PUT", f"{operation_path(kind)}/tune", {"throttle": throttle})
    session.output.show(answer, fields_table(list(answer.items())))


def _row(name: str, step: Json) -> tuple[Any, ...]:
    progress = step["progress"]
    message = "" if step["state"] == "COMPLETE" else brief(step["message"])
    return (
        name, step.get("phase"), step["state"], progress.get("percent"), progress.get("rate"),
        progress.get("seconds_left"), step["failures"], step["started"], step["finished"],
        as_options(step["error"]) or progress.get("waiting") or message,
    )  # fmt: skip


def _head(document: Json, curve: list[str]) -> list[str]:
    percent = document["percent"]
    words = [document["kind"], document["id"] or "", document["state"], "" if percent is None else f"{percent:.0f} %"]
    lines = [" ".join(clean(word) for word in words if word)]
    if document["message"]:
        lines.append(clean(as_options(document["message"])))
    lines += curve
    return [*lines, ""] if document["nodes"] or document["cluster"] else lines
