"""The backups at a location: their list from the API, and a time line drawn from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.page.locations import PLACE
from api.page.retention import finished
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation_kinds import KINDS

Json = Mapping[str, Any]

_WIDTH, _EDGE, _LARGEST, _SMALLEST = 1000.0, 40.0, 14.0, 5.0
_DAY, _TICKS = 86400, 8


@dataclass(frozen=True)
class TimeLine:
    """The backups from the oldest to the newest. `ticks` are days, each with its place."""

    points: tuple[Point, ...]
    ticks: tuple[tuple[float, str], ...]


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


def newest_first(listed: Iterable[Json]) -> list[Json]:
    """Return backups by the time of their end, or of their begin if they have not ended."""
    return sorted(listed, key=lambda item: -(finished(item) or 0.0))


def time_line(backups: Iterable[Json]) -> TimeLine | None:
    """Return the backups in the order of time, their circles as large as their bytes; None without any."""
    timed = sorted(((at, item) for item in backups if (at := finished(item)) is not None), key=lambda pair: pair[0])
    if not timed:
        return None
    first, last = timed[0][0], timed[-1][0]
    largest = max(1.0, max(float(item.get("bytes") or 0) for _, item in timed))

    def place(at: float) -> float:
        share = (at - first) / (last - first) if last > first else 0.5
        return round(_EDGE + share * (_WIDTH - 2 * _EDGE), 1)

    points = []
    for at, item in timed:
        part = (float(item.get("bytes") or 0) / largest) ** 0.5
        radius = round(_SMALLEST + (_LARGEST - _SMALLEST) * part, 1)
        points.append(Point(place(at), radius, str(item.get("backup_name", "")), str(item.get("state", ""))))
    return TimeLine(tuple(points), tuple((place(at), text) for at, text in _days(first, last)))


def _days(first: float, last: float) -> list[tuple[float, str]]:
    """Return some midnights (UTC) between two times, each with its date; both times if there is none between."""
    begin = (int(first) // _DAY + 1) * _DAY
    days = range(begin, int(last) + 1, _DAY)
    if not days:
        return [(first, f"{datetime.fromtimestamp(first, UTC):%Y-%m-%d}")]
    step = -(-len(days) // _TICKS)
    return [(float(at), f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}") for at in days[::step]]
