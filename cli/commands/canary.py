"""`canary`: the one node that has new settings first, and what becomes of the others."""

from __future__ import annotations

from cli.commands.config import rollback
from cli.commands.plan import steps_table
from cli.errors import ExitCode
from cli.reasons import brief
from cli.session import Session, group, pass_session
from cli.tables import Table, clean

_DEPLOY = "/v1/plans/deploy"


@group("canary")
def canary() -> None:
    """Judge the settings that config set --canary gave to one node."""


@canary.command("status")
@pass_session
def status(session: Session) -> None:
    """List the steps of the plan deploy that are not complete; CANARY is the reason of those that wait for you."""
    document = session.client.get(_DEPLOY)
    table = steps_table("deploy", document)
    rows = [row for row in table.rows if row[3] != "COMPLETE"]
    if session.output.for_people:
        rows = [(*row[:5], brief(clean(row[5])), *row[6:]) for row in rows]
    waiting = Table(table.columns, rows, table.name)
    session.output.show(document, waiting)
    if any(row[4] == "CANARY" for row in waiting.rows):
        session.output.suggest("canary continue, or: cassandra-mesos canary abort")


@canary.command("continue")
@pass_session
def proceed_canary(session: Session) -> int:
    """Roll the settings out to the other nodes."""
    session.output.say(session.client.send("POST", f"{_DEPLOY}/continue")["message"])
    return ExitCode.DONE


canary.add_command(rollback, "abort")
