"""`events`: what happened to the cluster, and who asked for it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import click

from cli.errors import ExitCode, Failure
from cli.nodes import is_node
from cli.options import WholeNumber
from cli.output import json_text
from cli.session import Session, command, names, node_name, pass_session
from cli.tables import Column, Kind, Table, clean, columns
from cli.units import WHOLE, format_time, parse_duration

Json = Mapping[str, Any]

_COLUMNS = columns(
    Column("Sequence", wide=True), Column("At", Kind.TIME), "Kind", "Node", "By", Column("Subject", wide=True),
    "Message", "Cause",
)  # fmt: skip
KINDS = (
    "SCHEDULER", "MASTER", "CONFIGURATION", "COMMAND", "ACCESS", "CERTIFICATE", "RESERVED", "RELEASED", "GARBAGE",
    "CLOCK", "UNINSTALL", "LAUNCHED", "KILLED", "STRAY", "ENDED", "UNREACHABLE", "MEMBER", "DOWN", "UP", "GAVE_UP",
    "LEFT", "INTENT", "OPERATION", "STEP",
)  # fmt: skip
_RETRY_SECONDS = 2.0
_NAMED = 20  # nodes in a sentence


@command("events")
@click.option("-f", "--follow", is_flag=True, help="Then write new events as they happen, until Ctrl-C.")
@click.option("--since", metavar="SEQUENCE|TIME|D", help="After this event or time, or so long ago, such as 2h.")
@click.option("--node", metavar="NODE", help="Only events about this node.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND[,KIND…]", help="Only these kinds, such as COMMAND.")
@click.option("--limit", type=WholeNumber(1, 1000), help="Only the newest of them.")
@pass_session
def events(
    session: Session, follow: bool, since: str | None, node: str | None, kinds: tuple[str, ...], limit: int | None
) -> None:
    """List events, the oldest first."""
    wanted = _kinds(kinds)
    query = {"since": _since(since), "node": node_name(node) if node else ""}
    document = session.client.get("/v1/events", query)
    if node and not (document["events"] or follow):
        _check_node(session, node_name(node))
    found = [item for item in document["events"] if not wanted or item["kind"] in wanted]
    found = found[-limit:] if limit else found
    if not follow:
        shown = {**document, "events": found}
        return session.output.show(shown, Table(_COLUMNS, [_row(item) for item in found]))
    for item in found:
        _write(session, item)
    return _follow(session, str(document["newest"]), query["node"], wanted)


def _kinds(given: tuple[str, ...]) -> set[str]:
    wanted = {kind.upper() for kind in names(given)}
    for kind in sorted(wanted.difference(KINDS)):
        raise Failure(f"There is no kind {kind} of events; there are: {', '.join(KINDS)}.", ExitCode.USAGE)
    return wanted


def _check_node(session: Session, node: str) -> None:
    """Refuse the name of a node that does not exist and that no kept event is about: one that left has events."""
    if not is_node(session.client, node) and not session.client.get("/v1/events", {"node": node})["events"]:
        known = session.client.get("/v1/nodes/list")
        shown = [*known[:_NAMED], "…"] if len(known) > _NAMED else known or ["none"]
        words = f"There is no node {node}, and no event of an earlier one; there are: {', '.join(shown)}."
        raise Failure(words, ExitCode.NOT_FOUND)


def _follow(session: Session, last: str, node: str, kinds: set[str]) -> None:
    """Write new events. A stream that ends is continued after its last event; an API that is away is asked again."""
    while True:
        try:
            for item in read_events(session.client.stream("/v1/events/stream", {"since": last})):
                last = str(item["sequence"])
                if (not node or item["node"] == node) and (not kinds or item["kind"] in kinds):
                    _write(session, item)
        except Failure as failure:
            if failure.code is not ExitCode.NOT_REACHABLE:
                raise
            session.output.say(f"{failure} Trying again.")
        time.sleep(_RETRY_SECONDS)


def read_events(lines: Iterator[str]) -> Iterator[Json]:
    """Yield the documents of server-sent events."""
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            yield json.loads("\n".join(data))
            data = []


def _write(session: Session, item: Json) -> None:
    """Write one event as one line."""
    match session.output.format:
        case "json":
            click.echo(json_text(item, None))
        case "yaml":
            session.output.show([item])
        case "name":
            click.echo(clean(item["sequence"]))
        case "tsv":
            click.echo("\t".join(clean(value) for value in _row(item)))
        case _:
            who = f" (by {item['principal']})" if item["principal"] else ""
            cause = f": {clean(item['cause'])}" if item["cause"] else ""
            click.echo(clean(f"{item['at']}  {item['kind']:<13} {clean(item['message'])}{who}{cause}"))


def _row(item: Json) -> tuple[Any, ...]:
    return tuple(item[key] for key in ("sequence", "at", "kind", "node", "principal", "subject", "message", "cause"))


def _since(text: str | None) -> str:
    """Return the API's form: a number without a unit is a sequence, a duration becomes a time."""
    if text is None or WHOLE.fullmatch(text):
        return text or ""
    try:
        ago = parse_duration(text)
    except ValueError:
        return text
    return format_time(time.time() - ago)
