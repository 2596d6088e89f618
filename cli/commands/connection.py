"""`connection` and `seeds`: how clients reach the cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from cli.errors import ExitCode, Failure
from cli.session import Session, command, pass_session
from cli.tables import Table, clean, columns

Json = Mapping[str, Any]

_SNIPPET = """\
from cassandra.cluster import Cluster
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy

policy = TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc={data_center!r}))
with Cluster({hosts!r}, port={port}, load_balancing_policy=policy) as cluster, cluster.connect() as session:
    print(session.execute("SELECT release_version FROM system.local").one())
"""
_CQLSHRC = """\
[connection]
hostname = {host}
port = {port}
"""
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.:-]+):(?P<port>[0-9]{1,5})", re.ASCII)
# The file that `cert status --authorities` writes.
_AUTHORITIES = "cassandra-ca.pem"
_TLS_SNIPPET = f"""\
import ssl

context = ssl.create_default_context(cafile="{_AUTHORITIES}")
"""
_TLS_CQLSHRC = f"""
[ssl]
certfile = {_AUTHORITIES}
validate = true
"""


@command("connection")
@click.option("--address", "form", flag_value="address", help="Only the addresses, one a line.")
@click.option("--dns", "form", flag_value="dns", help="Only the names in Mesos-DNS, one a line.")
@click.option("--cqlshrc", "form", flag_value="cqlshrc", help="A file for cqlsh.")
@click.option("--driver-snippet", "form", flag_value="snippet", help="A Python program that connects.")
@pass_session
def connection(session: Session, form: str | None) -> None:
    """Show how clients reach the cluster."""
    match form:
        case "address" | "dns":
            found = session.client.get(f"/v1/connection/{form}")
            if session.output.format == "table":
                return click.echo("\n".join(map(clean, found)))
            return session.output.show(found, Table(columns(form.title()), [(item,) for item in found]))
        case "cqlshrc":
            host, port = _first(session.client.get("/v1/connection"))
            text = _CQLSHRC.format(host=host, port=port)
            return click.echo(text + (_TLS_CQLSHRC if _has_tls(session) else ""), nl=False)
        case "snippet":
            document = session.client.get("/v1/connection")
            hosts = [_split(item)[0] for item in document["address"][:3]]
            _, port = _first(document)
            data_center = session.client.get("/v1/datacenter")["data_center"]
            text = _SNIPPET.format(data_center=data_center, hosts=hosts, port=port)
            if _has_tls(session):
                text = _TLS_SNIPPET + text.replace(f"port={port},", f"port={port}, ssl_context=context,")
            return click.echo(text, nl=False)
    document = session.client.get("/v1/connection")
    rows = list(zip(document["address"], document["dns"], strict=True))
    return session.output.show(document, Table(columns("Address", "DNS"), rows), foot=["", f"VIP {document['vip']}"])


@command("seeds")
@pass_session
def seeds(session: Session) -> None:
    """List the seeds."""
    document = session.client.get("/v1/seeds")
    session.output.show(document, Table(columns("Seed"), [(seed,) for seed in document["seeds"]]))


def _has_tls(session: Session) -> bool:
    """Return whether clients use TLS; a scheduler of an earlier version has no certificates."""
    try:
        return bool(session.client.get("/v1/certificates")["encryption"] != "off")
    except Failure as failure:
        if failure.code is ExitCode.NOT_FOUND:
            return False
        raise


def _first(document: Json) -> tuple[str, str]:
    if not document["address"]:
        raise Failure("No node serves CQL now.", ExitCode.NOT_REACHABLE)
    return _split(document["address"][0])


def _split(address: str) -> tuple[str, str]:
    """Return host and port. They become parts of a program and of a file that people use: nothing else is taken."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise Failure(f"The API names no address of a node: {address[:80]}", ExitCode.NOT_REACHABLE)
    return found["host"].strip("[]"), found["port"]
