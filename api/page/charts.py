"""Curves of an operation as SVG: points on the server, and the words that say what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.page.formats import percent, size

WIDTH, HEIGHT = 600.0, 80.0
# Two points are a line, and no curve yet.
FEWEST = 3


@dataclass(frozen=True)
class Chart:
    """A curve: `line` and `area` are points of SVG; `top` is the value at the upper edge, `label` says all in words."""

    title: str
    line: str
    area: str
    top: str
    begin: str
    end: str
    label: str


def charts(curve: Mapping[str, Any]) -> tuple[Chart, ...]:
    """Return the curves of progress and, if the operation moves data, of its rate; none while there is too little."""
    samples = curve["samples"]
    if len(samples) < FEWEST:
        return ()
    at = _positions(samples)
    progress = [float(item["percent"]) for item in samples]
    rates = [float(item["rate"] or 0.0) for item in samples]
    made = [_chart("Progress", at, progress, 100.0, samples, percent(100), percent(progress[-1]))]
    if any(rates):
        top = max(rates)
        made.append(_chart("Rate", at, rates, top, samples, f"{size(top)}/s", f"{size(rates[-1])}/s"))
    return tuple(made)


def _positions(samples: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return where samples are from left to right; all come at nearly equal distances."""
    return [WIDTH * index / (len(samples) - 1) for index in range(len(samples))]


def _chart(
    title: str, at: Sequence[float], values: Sequence[float], top: float, samples: Sequence[Mapping[str, Any]],
    highest: str, newest: str,
) -> Chart:  # fmt: skip
    points = [f"{x:.1f},{HEIGHT * (1 - value / top):.1f}" for x, value in zip(at, values, strict=True)]
    line = " ".join(points)
    area = f"0,{HEIGHT:.0f} {line} {WIDTH:.0f},{HEIGHT:.0f}"
    label = f"{title}: {newest} now, the upper edge is {highest}"
    return Chart(title, line, area, highest, str(samples[0]["at"]), str(samples[-1]["at"]), label)
