"""Numbers and times as the page shows them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from markupsafe import Markup

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_DAY, _HOUR, _MINUTE = 86400, 3600, 60


def size(number: float | None) -> str:
    """Return bytes for people, such as `1.5 GiB`, as the command line does; a dash if unknown."""
    if number is None:
        return "–"
    value = float(number)
    for unit in _UNITS[:-1]:
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {_UNITS[-1]}"


# What stands before the reason in a step's message: "Deploying Cassandra node node-0 mode: NORMAL; " and "Repair of
# node-0: ". The step, its node and its mode stand beside the message already.
_DOING = re.compile(r"(?:\w+ing Cassandra node node-\d+ mode: \w*; |[A-Z][\w ]*? of (?:node-\d+|cluster): )")


def brief(message: str) -> str:
    """Return a step's message without the words that stand beside it."""
    begin = _DOING.match(message)
    return message if begin is None else message[begin.end() :]


def percent(number: float | None) -> str:
    """Return a share of hundred, such as `42 %`; a dash if unknown."""
    return "–" if number is None else f"{number:.0f} %"


def duration(seconds: float | None) -> str:
    """Return seconds for people, such as `2 h 5 min`; a dash if unknown."""
    if seconds is None:
        return "–"
    left = max(0, round(seconds))
    if left >= _DAY:
        return f"{left // _DAY} d {left % _DAY // _HOUR} h"
    if left >= _HOUR:
        return f"{left // _HOUR} h {left % _HOUR // _MINUTE} min"
    return f"{left // _MINUTE} min {left % _MINUTE} s" if left >= _MINUTE else f"{left} s"


def moment(at: float | str | None) -> Markup:
    """Return a time as an element that says it in UTC; the script adds how long ago that was.

    Args:
        at: Seconds since the epoch, or a text in ISO 8601.
    """
    found = _parse(at)
    if found is None:
        return Markup("–") if at in (None, "") else Markup("<span>{}</span>").format(str(at))
    iso, shown = found.strftime("%Y-%m-%dT%H:%M:%SZ"), found.strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{} UTC</time>').format(iso, shown)


def seconds_of(at: float | str | None) -> float | None:
    """Return a time, or its text in ISO 8601, in seconds since the epoch; None if it is neither."""
    found = _parse(at)
    return None if found is None else found.timestamp()


def breakable(name: str) -> Markup:
    """Return a name that a browser may break only behind its dots and underlines."""
    parts = re.split(r"(?<=[._])", name)
    return Markup("<wbr>").join(parts)


def _parse(at: float | str | None) -> datetime | None:
    try:
        if isinstance(at, str):
            found = datetime.fromisoformat(at)
            return found.astimezone(UTC) if found.tzinfo is not None else None
        return None if at is None else datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None


FILTERS = {
    "size": size, "percent": percent, "duration": duration, "moment": moment, "breakable": breakable,
    "brief": brief,
}  # fmt: skip
