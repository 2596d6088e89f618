"""`health` and `garbage`: is the scheduler well, and what has it left behind."""

from __future__ import annotations

from typing import Any

from cli.errors import ExitCode, Failure
from cli.session import Session, command, pass_session
from cli.tables import Column, Kind, Table, clean, columns

_COLUMNS = columns(
    "Reservation", "Agent", Column("Disk", Kind.BYTES), Column("Found", Kind.TIME), Column("Released", Kind.TIME),
    "Problem",
)  # fmt: skip
_MIB = 1024**2


@command("health")
@pass_session
def health(session: Session) -> int:
    """Show the health of scheduler, framework, plans and nodes. Exit code 1 if a check fails."""
    scheduler = session.client.get("/v1/health")
    try:
        checks = session.client.get("/admin/healthcheck")
    except Failure as failure:
        checks = failed_checks(failure.document) or {"healthcheck": {"healthy": False, "message": str(failure)}}
    rows: list[tuple[Any, ...]] = [("scheduler", scheduler["healthy"], scheduler.get("message"))]
    rows += [(name, check["healthy"], check.get("message")) for name, check in checks.items()]
    rows += [(f"plan {name}", word != "ERROR", word) for name, word in scheduler.get("plans", {}).items()]
    warnings = [f"Warning: {clean(text)}" for text in scheduler.get("warnings", [])]
    document = {"health": scheduler, "healthcheck": checks}
    session.output.show(document, Table(columns("Check", "Healthy", "Message"), rows), foot=warnings)
    return ExitCode.DONE if all(row[1] for row in rows) else ExitCode.FAILED


def failed_checks(document: Any) -> dict[str, Any]:
    """Return the checks of a refusal, which answers 500 if one of them fails; nothing if it has none."""
    checks = document if isinstance(document, dict) else {}
    return checks if all(isinstance(check, dict) and "healthy" in check for check in checks.values()) else {}


@command("garbage")
@pass_session
def garbage(session: Session) -> None:
    """List the reservations of this cluster that no node's record knows."""
    found = session.client.get("/v1/garbage")
    rows = [
        (item["resource_id"], item["hostname"], item["disk_mb"] * _MIB, item["found"],
         item["released_after"], item["problem"])
        for item in found
    ]  # fmt: skip
    session.output.show(found, Table(_COLUMNS, rows))
