"""Durations as Mesos writes them: ``15mins``, ``2secs``, ``500ms``."""

import re

_UNITS_NS: dict[str, int] = {
    "weeks": 7 * 24 * 3600 * 10**9,
    "days": 24 * 3600 * 10**9,
    "hrs": 3600 * 10**9,
    "mins": 60 * 10**9,
    "secs": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}
_PATTERN = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$")


def parse_duration(text: str) -> float:
    """Return the seconds of a Mesos duration such as ``15mins`` or ``500ms``; a bare number is seconds.

    Raises:
        ValueError: the text is no duration.
    """
    match = _PATTERN.match(text)
    if match is None:
        raise ValueError(f"not a duration: {text!r} (wanted a number with one of {', '.join(_UNITS_NS)})")
    number, unit = float(match.group(1)), match.group(2) or "secs"
    if unit not in _UNITS_NS:
        raise ValueError(f"not a duration: {text!r} (unknown unit {unit!r})")
    return number * _UNITS_NS[unit] / 10**9


def format_duration(seconds: float) -> str:
    """Return a duration in the largest unit that gives a whole number, as Mesos prints it: 90 seconds as ``90secs``."""
    nanoseconds = round(seconds * 10**9)
    if nanoseconds == 0:
        return "0ns"
    for unit, size in _UNITS_NS.items():
        if nanoseconds % size == 0:
            return f"{nanoseconds // size}{unit}"
    return f"{nanoseconds}ns"
