"""`uninstall`: remove the service for good."""

from __future__ import annotations

import click

from cli.errors import ExitCode, Failure
from cli.options import wait_options
from cli.output import is_terminal
from cli.session import Session, command, pass_session
from cli.tables import clean, fields_table
from cli.waiting import wait_for_plans

_PLAN = "uninstall"


@command("uninstall")
@click.argument("service", required=False, metavar="[SERVICE]")
@wait_options
@pass_session
def uninstall(session: Session, service: str | None, waits: bool, timeout: float | None) -> int:
    """Remove the service with all its data, for good: nodes, volumes, reservations and records.

    It asks for the service's name. Without a terminal it needs SERVICE and --yes.
    """
    name = str(session.client.get("/v1/framework")["name"])
    given = _ask(session, name) if service is None else service
    if given != name:
        raise Failure(f"{clean(given)} is not the name of the service, {clean(name)}. Nothing was changed.")
    if service is not None:
        session.confirm(f"Destroy all data of the service {clean(name)}, for good?")
    answer = session.client.send("POST", "/v1/uninstall", {"service": given})
    session.output.show(answer, fields_table([(key, answer[key]) for key in ("status", "message")]))
    if waits:
        return wait_for_plans(session, [_PLAN], timeout)
    session.output.suggest(f"plan status {_PLAN} --watch")
    return ExitCode.DONE


def _ask(session: Session, name: str) -> str:
    if not is_terminal():
        raise Failure("Without a terminal this needs SERVICE, and --yes.", ExitCode.USAGE)
    session.output.say(f"This destroys all data of the service {clean(name)}, for good.")
    return str(click.prompt("Type its name to continue", err=True))
