"""`user`: the service's own users of Cassandra, and new passwords for them."""

from __future__ import annotations

from cli.errors import ExitCode
from cli.operations import add_status
from cli.options import wait_options
from cli.session import Session, group, pass_session
from cli.tables import Table, columns
from cli.units import by_number
from cli.waiting import wait_for_operation

_USERS = columns("User", "Used now")
_NODES = columns("Node", "Authentication", "Authorization")
ROTATION = "rotation"


@group("user")
def user() -> None:
    """Show the service's own users of Cassandra, and change their passwords."""


@user.command("list")
@pass_session
def list_users(session: Session) -> None:
    """List the users, and how far authentication is on each node. Passwords are never shown."""
    document = session.client.get("/v1/users")
    users = [(item["name"], "yes" if item["current"] else "no") for item in document["users"]]
    nodes = [(name, item["authentication"], item["authorization"]) for name, item in by_number(document["nodes"])]
    session.output.show(document, Table(_USERS, users), Table(_NODES, nodes))


@user.command("rotate")
@wait_options
@pass_session
def rotate(session: Session, waits: bool, timeout: float | None) -> int:
    """Give the user that is not used now a new password, and use it from then on."""
    answer = session.client.send("PUT", "/v1/users/rotate", None)
    rows = [(answer["id"], ROTATION, answer["status"])]
    session.output.show(answer, Table(columns("Id", "Kind", "Status"), rows))
    if waits:
        return wait_for_operation(session, ROTATION, answer["id"], timeout)
    session.output.suggest("user status")
    return ExitCode.DONE


add_status(user, ROTATION)
