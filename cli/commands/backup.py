"""`backup`: make, list, describe, verify and delete backups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from cli import operations
from cli.errors import ExitCode, Failure
from cli.options import WholeNumber, wait_options
from cli.requests import location_options, location_query, login_option, request_of, table_options, trust_option
from cli.rest import segment
from cli.session import Session, group, pass_session
from cli.tables import Column, Kind, Table, columns, fields_table
from cli.units import by_number

Json = Mapping[str, Any]

_BACKUPS = columns(
    "Name", "State", Column("Age", Kind.TIME), Column("Size", Kind.BYTES), Column("Objects", wide=True), "Nodes",
    Column("Cluster", spare=True), Column("Cluster id", wide=True), Column("Signature", wide=True),
    Column("Started", Kind.TIME, wide=True), "Message", Column("New", Kind.BYTES), Column("Verified", Kind.TIME),
)  # fmt: skip
_FIELDS = (
    "backup_name", "state", "cluster_name", "cluster", "cassandra_version", "started_at", "finished_at", "bytes",
    "signature", "refusal", "message",
)  # fmt: skip


@group("backup")
def backup() -> None:
    """Make, list, describe, verify and delete backups in S3."""


@backup.command("start")
@click.argument("backup_name", metavar="NAME")
@location_options
@table_options
@click.option("--upload-parallelism", type=WholeNumber(1), help="The number of nodes that upload at once (1).")
@click.option(
    "--throttle", type=WholeNumber(0), metavar="BYTES", help="Bytes a second and node (50000000); 0: no limit."
)
@click.option(
    "--absent", type=click.Choice(["wait", "skip"]), help="Wait for nodes that are down (wait), or skip them."
)
@click.option("--max-snapshot-spread", "max_snapshot_spread_s", type=WholeNumber(1), metavar="SECONDS",
              help="Take snapshots again that are further apart (60).")  # fmt: skip
@click.option("--count-rows/--no-count-rows", default=None, help="Count rows for a comparison after a restore.")
@login_option
@wait_options
@pass_session
def start(session: Session, waits: bool, timeout: float | None, **fields: Any) -> int:
    """Back the whole cluster up."""
    return operations.start_operation(session, "backup", request_of(session, fields), waits, timeout)


@backup.command("list")
@location_options
@pass_session
def list_backups(session: Session, **fields: Any) -> None:
    """List the backups at a location."""
    query, headers = location_query(request_of(session, fields))
    document = session.client.get("/v1/backups", query, headers)
    rows = [
        (item["backup_name"], item["state"], item.get("finished_at"), item.get("bytes"), item.get("objects"),
         item.get("nodes"), item.get("cluster_name"), item.get("cluster"), item.get("signature"),
         item.get("started_at"), item.get("message"), item.get("new_bytes"), _verified(item))
        for item in document["backups"]
    ]  # fmt: skip
    session.output.show(document, Table(_BACKUPS, rows))


@backup.command("show")
@click.argument("name")
@location_options
@pass_session
def show(session: Session, name: str, **fields: Any) -> None:
    """Show one backup: its nodes, its keyspaces with their tables, and the data that is missing."""
    query, headers = location_query(request_of(session, fields))
    document = session.client.get(f"/v1/backups/{segment(name)}", query, headers)
    facts = fields_table([(key, document[key]) for key in _FIELDS if document.get(key) is not None])
    session.output.show(document, facts, *_parts(document))


@backup.command("verify")
@click.argument("backup_name", metavar="NAME")
@location_options
@click.option("--parallelism", type=WholeNumber(1), help="The number of nodes at once (1).")
@trust_option
@wait_options
@pass_session
def verify(session: Session, waits: bool, timeout: float | None, **fields: Any) -> int:
    """Read every object of a backup and compare it with the manifest."""
    return operations.start_operation(session, "backup-verify", request_of(session, fields), waits, timeout)


@backup.command("delete")
@click.argument("backup_name", metavar="[NAME]", required=False)
@location_options
@click.option("--keep-last", type=WholeNumber(1), help="Without a name: keep so many of the newest.")
@click.option("--keep-days", type=WholeNumber(1), help="Without a name: keep those that are not older.")
@wait_options
@pass_session
def delete(session: Session, waits: bool, timeout: float | None, **fields: Any) -> int:
    """Delete one backup, or all but the newest."""
    name, keeps = fields["backup_name"], fields["keep_last"] or fields["keep_days"]
    if (name is None) == (keeps is None):
        raise Failure("Give either NAME, or --keep-last or --keep-days.", ExitCode.USAGE)
    what = f"the backup {name}" if name else "all backups but those to keep"
    session.confirm(f"Delete {what} at {fields['external_location']}?")
    return operations.start_operation(session, "backup-delete", request_of(session, fields), waits, timeout)


operations.add_status(backup, "backup")
operations.add_stop(backup, "backup")
operations.add_tune(backup, "backup")
operations.add_history(backup, "backup")


def _verified(item: Json) -> Any:
    """Return when a backup was found to be whole; of a verification with another end that end, such as stopped."""
    found = item.get("verified") or {}
    return found.get("at") if found.get("state") in (None, "COMPLETE") else str(found["state"]).lower()


def _parts(document: Json) -> list[Table]:
    """Return the tables of nodes and of missing data, without empty ones."""
    nodes = [
        (name, node.get("taken_at") if isinstance(node, dict) else None)
        for name, node in by_number(document.get("nodes"))
    ]
    missing = [(name, str(why)) for name, why in (document.get("left_out") or {}).items()]
    missing += [(name, str(why)) for name, why in by_number(document.get("absent"))]
    tables = [
        Table(columns("Node", Column("Snapshot", Kind.TIME)), nodes),
        Table(columns("Keyspace", "Tables"), list((document.get("key_spaces") or {}).items())),
        Table(columns("Missing", "Why"), missing),
    ]
    return [table for table in tables if table.rows]
