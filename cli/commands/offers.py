"""`offers`: how the last offers of Mesos were judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from cli.errors import ExitCode, Failure
from cli.nodes import is_node
from cli.session import Group, Session, node_name, pass_session
from cli.tables import Column, Kind, Table, columns

Json = Mapping[str, Any]

_COLUMNS = columns(Column("At", Kind.TIME), "Node", "Agent", "Outcome", "Codes", "Reasons")
_COUNTED = columns("Agents", "Code", "Example")


@click.group("offers", cls=Group, invoke_without_command=True)
@click.pass_context
def offers(context: click.Context) -> None:
    """List the last evaluations of offers, the newest last."""
    if context.invoked_subcommand is None:
        session = context.ensure_object(Session)
        found = session.client.get("/v1/debug/offers")
        session.output.show(found, Table(_COLUMNS, [_row(item) for item in found], name=1))


@offers.command("why")
@click.argument("name", metavar="NODE")
@pass_session
def why(session: Session, name: str) -> None:
    """Count the reasons for which agents do not fit a node."""
    found = evaluations_of(session.client.get("/v1/debug/offers"), node_name(name))
    if not found and not is_node(session.client, node_name(name)):
        raise Failure(f"There is no node {node_name(name)}.", ExitCode.NOT_FOUND)
    session.output.show(found, Table(_COUNTED, count_reasons(found), name=1))
    if not found:
        session.output.say(f"No offer was evaluated for {node_name(name)} lately.")


def evaluations_of(evaluations: Sequence[Json], node: str) -> list[Json]:
    """Return the newest evaluation of each agent for a node."""
    newest = {item["agent_id"]: item for item in evaluations if item["node"] == node}
    return list(newest.values())


def count_reasons(evaluations: Sequence[Json]) -> list[tuple[int, str, str]]:
    """Return for each code the number of agents and one sentence, the most frequent first."""
    found: dict[str, list[str]] = {}
    for item in evaluations:
        for reason in item["reasons"]:
            found.setdefault(reason["code"], []).append(f"{item['hostname']}: {reason['message']}")
    rows = [(len(sentences), code, sentences[-1]) for code, sentences in found.items()]
    return sorted(rows, key=lambda row: (-row[0], row[1]))


def _row(item: Json) -> tuple[Any, ...]:
    reasons = item["reasons"]
    codes, sentences = [reason["code"] for reason in reasons], "; ".join(reason["message"] for reason in reasons)
    return item["at"], item["node"], item["hostname"], item["outcome"], codes, sentences
