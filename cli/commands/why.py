"""`why`: the chain of reasons for which a node, a plan or an operation is not done."""

from __future__ import annotations

from dataclasses import asdict

import click

from cli.commands.op import KINDS
from cli.errors import ExitCode, Failure
from cli.nodes import is_node
from cli.reasons import brief, chain
from cli.rest import segment
from cli.session import Session, command, node_name, pass_session
from cli.tables import Table, clean, columns
from cli.waiting import operation_path

_COLUMNS = columns("Plan", "Step", "Status", "Reason", "Message", "Advice")


@command("why")
@click.argument("name", metavar="NODE|PLAN|KIND")
@pass_session
def why(session: Session, name: str) -> int:
    """Tell why a node, a plan or an operation is not done, and what can be done about it."""
    return explain(session, name)


def explain(session: Session, name: str) -> int:
    """Show the chain of reasons behind a node, a plan or a kind of operation, and the commands that free it."""
    plans = session.client.get("/v1/plans")
    wanted = name if name in plans or name in KINDS else node_name(name)
    if wanted not in (*plans, *KINDS) and not is_node(session.client, wanted):
        raise Failure(f"There is no node, plan or operation {wanted}.", ExitCode.NOT_FOUND)
    found = {plan: session.client.get(f"/v1/plans/{segment(plan)}") for plan in plans}
    links = chain(found, session.client.get("/v1/debug/offers"), wanted)
    if not session.output.for_people:
        rows = [(item.plan, item.step, item.status, item.reason, item.message, item.advice) for item in links]
        session.output.show([asdict(item) for item in links], Table(_COLUMNS, rows, name=3))
        return ExitCode.DONE
    lines = [
        f"{'  ' * item.depth}{item.plan}/{item.step} {item.status} [{item.reason}] {brief(clean(item.message))}"
        for item in links
    ]
    advice = list(dict.fromkeys(item.advice for item in links if item.advice))
    foot = ["", "What can be done:", *(f"  {line}" for line in advice)] if advice else []
    session.output.show(None, head=lines or [_nothing(session, wanted)], foot=foot)
    return ExitCode.DONE


def _nothing(session: Session, wanted: str) -> str:
    """Return what can be said of something that does not wait: of an operation how it ended."""
    if wanted not in KINDS:
        return f"Nothing is pending for {wanted}."
    document = session.client.get(f"{operation_path(wanted)}/status")
    if document["id"] is None:
        return f"{clean(document['message'])}."
    message = f": {clean(document['message'])}" if document["message"] else ""
    return f"Nothing is pending for {wanted}: it is {document['state']}{message}."
