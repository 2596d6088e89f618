"""The backups at a location: their list from the API, and a time line drawn from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.page.dispatch import Answer, call
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation_kinds import KINDS

Json = Mapping[str, Any]

PLACE = ("external_location", "region", "endpoint")
_HEADERS = {
    "s3_access_key": "X-S3-Access-Key",
    "s3_secret_key": "X-S3-Secret-Key",
    "s3_session_token": "X-S3-Session-Token",
}
_WIDTH, _EDGE, _LARGEST, _SMALLEST = 1000.0, 24.0, 14.0, 5.0


@dataclass(frozen=True)
class Point:
    """A backup on the time line: where its circle is, and how large."""

    x: float
    radius: float
    name: str
    state: str


def known_places(state: ClusterState) -> list[dict[str, str]]:
    """Return the locations of earlier operations, the newest first, each once."""
    records = [*state.operations.values(), *(item.operation for item in state.history.values())]
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for record in sorted(records, key=lambda item: -item.started_at):
        if record.kind in KINDS and record.request.get("external_location"):
            place = {name: str(record.request.get(name) or "") for name in PLACE}
            found.setdefault(tuple(place.values()), place)
    return list(found.values())


def verified(state: ClusterState) -> dict[str, str]:
    """Return by backup the state of its last verification."""
    records = [item.operation for item in state.history.values() if item.operation.kind == "backup-verify"]
    if (present := state.operations.get("backup-verify")) is not None:
        records.append(present)
    return {
        str(item.request.get("backup_name")): item.state.value.lower()
        for item in sorted(records, key=lambda record: record.started_at)
    }


def ask(given: Mapping[str, str]) -> Answer:
    """Ask the API for the backups at a location; keys go in headers, as routers log addresses."""
    query = {name: given[name] for name in PLACE if given.get(name)}
    headers = {header: given[name] for name, header in _HEADERS.items() if given.get(name)}
    return call("GET", "/v1/backups", query, headers=headers)


def time_line(backups: Iterable[Json]) -> list[Point]:
    """Return the backups from the oldest to the newest, their circles as large as their bytes."""
    timed = [(at, item) for item in backups if (at := _seconds(item)) is not None]
    if not timed:
        return []
    first, last = min(at for at, _ in timed), max(at for at, _ in timed)
    largest = max(1.0, max(float(item.get("bytes") or 0) for _, item in timed))
    points = []
    for at, item in sorted(timed, key=lambda pair: pair[0]):
        share = (at - first) / (last - first) if last > first else 0.5
        part = (float(item.get("bytes") or 0) / largest) ** 0.5
        radius = _SMALLEST + (_LARGEST - _SMALLEST) * part
        name, state = str(item.get("backup_name", "")), str(item.get("state", ""))
        points.append(Point(round(_EDGE + share * (_WIDTH - 2 * _EDGE), 1), round(radius, 1), name, state))
    return points


def _seconds(item: Json) -> float | None:
    text = item.get("finished_at") or item.get("started_at")
    if isinstance(text, int | float):
        return float(text)
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
