"""Durations, times and sizes: parsed from options, and written for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?[smhd])+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")
# Whole numbers and others in ASCII digits alone: int and float of Python also take 1_000, other alphabets, nan and inf.
WHOLE = re.compile(r"-?[0-9]+")
NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
# Python's times end at the year 9999.
_LONGEST = 1000 * 365 * 86400.0
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def by_number(nodes: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Return what a document has by node, node-2 before node-10: fields of JSON come in the order of their letters."""

    def key(item: tuple[str, Any]) -> list[tuple[int, str]]:
        parts = re.split(r"([0-9]+)", item[0])
        return [(int(part), "") if position % 2 else (-1, part) for position, part in enumerate(parts)]

    return sorted((nodes or {}).items(), key=key)


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as `90`, `1.5h` or `1h30m`.

    Raises:
        ValueError: The text is no duration.
    """
    plain = f"{text}s" if NUMBER.fullmatch(text) else text
    if not _DURATION.fullmatch(plain):
        raise ValueError(f"{text!r} is not a duration such as 90s, 15m or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(plain))
    if seconds > _LONGEST:
        raise ValueError(f"{text!r} is longer than a thousand years")
    return seconds


def parse_time(text: str) -> float | None:
    """Return the seconds since 1970 of an ISO 8601 time, None for any other text."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.timestamp() if found.tzinfo is not None else None


def format_time(seconds: float) -> str:
    """Return a time, given in seconds since 1970, in ISO 8601 as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as `2d 3h`; one below a second such as `0.35s`."""
    if 0 < seconds < 1:
        return f"{seconds:.2g}s"
    left, parts = int(seconds), []
    for unit in ("d", "h", "m", "s"):
        number, left = divmod(left, int(_SECONDS[unit]))
        if number:
            parts.append(f"{number}{unit}")
    return " ".join(parts[:2]) or "0s"


def format_number(number: float) -> str:
    """Return a number with three digits after the point at most; a small one has three that say something."""
    return f"{number:.3g}" if abs(number) < 1 else f"{number:.3f}".rstrip("0").rstrip(".")


def format_age(time: float, now: float) -> str:
    """Return a time relative to now, such as `4h ago` or `in 2d 13h`."""
    if abs(now - time) < 1:
        return "now"
    return f"{format_duration(now - time)} ago" if time < now else f"in {format_duration(time - now)}"


def format_bytes(number: float) -> str:
    """Return a size with IEC units, such as `1.5 GiB`."""
    for unit in _BINARY:
        if number < 1024 or unit == _BINARY[-1]:
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
