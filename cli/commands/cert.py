"""`cert`: the certificates of nodes, their renewal, and the rotation of the authority."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from cli.errors import ExitCode
from cli.session import Session, group, node_name, pass_session
from cli.tables import Column, Kind, Table, columns, visible

Json = Mapping[str, Any]

_COLUMNS = columns(
    "Node", "Encryption", "State", "Serial", Column("Expires", Kind.TIME), Column("Authority", wide=True),
    Column("Ports", wide=True), "Message",
)  # fmt: skip
_SHOWN = 12


@group("cert")
def cert() -> None:
    """Show, renew and rotate certificates."""


@cert.command("status")
@click.option("--authorities", is_flag=True, help="Only the authorities that clients must trust, as PEM.")
@pass_session
def status(session: Session, authorities: bool) -> int:
    """List the certificate of each node. Exit code 1 if one has expired, or was not renewed in time."""
    document = session.client.get("/v1/certificates")
    if authorities:
        click.echo(visible("".join(item["certificate"] for item in document["authorities"])), nl=False)
        return ExitCode.DONE
    rows = [
        (item["node"], item["encryption"], item["state"], item["serial"], item["not_after"],
         (item["authority"] or "")[:_SHOWN], ",".join(map(str, item["ports"])), item["message"])
        for item in document["nodes"]
    ]  # fmt: skip
    foot = [_authority(item) for item in document["authorities"]]
    foot += [] if document["rotation"] is None else [f"Rotation: {document['rotation']}; see: plan status certificates"]
    # A scheduler of an earlier version does not show it.
    if (api := document.get("api")) is not None:
        foot.append(
            f"API: certificate of source {api['source']}, serial {api['serial']}, valid until {api['not_after']}"
        )
    session.output.show(document, Table(_COLUMNS, rows), foot=foot)
    bad = any(item["state"] in ("overdue", "expired") for item in document["nodes"])
    return ExitCode.FAILED if bad else ExitCode.DONE


def _authority(item: Json) -> str:
    does = "signs" if item["signs"] else "trusted"
    return f"Authority {item['fingerprint'][:_SHOWN]}: {does}, valid until {item['not_after']}"


@cert.command("renew")
@click.argument("node", required=False)
@pass_session
def renew(session: Session, node: str | None) -> None:
    """Replace the certificate of a node, or of all, without a restart."""
    query = {"node": node_name(node)} if node else {}
    found = session.client.send("PUT", "/v1/certificates/renew", None, query)
    session.output.say(f"New certificates for {', '.join(found)}.")


@cert.command("rotate")
@click.option("--no-wait", is_flag=True, help="Go on by itself when all nodes trust both authorities.")
@pass_session
def rotate(session: Session, no_wait: bool) -> None:
    """Change to a new authority, without a restart of nodes."""
    query = {"wait": "false"} if no_wait else {}
    session.output.say(session.client.send("PUT", "/v1/certificates/rotate", None, query)["message"])
