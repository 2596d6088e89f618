"""Why agents do not fit a node: agents as rows, the rules that they break as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
ROWS = 200


@dataclass(frozen=True)
class Row:
    """The newest evaluation of an agent for a node: `cells` has a sentence for each rule that it breaks."""

    node: str
    agent: str
    at: Any
    outcome: str
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Matrix:
    """All rows with their rules.

    `summary` counts the rows by rule, `nodes` are the nodes and `agents` the number of agents that were evaluated.
    """

    rows: tuple[Row, ...]
    codes: tuple[str, ...]
    summary: tuple[tuple[str, int], ...]
    nodes: tuple[str, ...]
    agents: int
    hidden: int


def matrix(evaluations: Sequence[Json], node: str = "") -> Matrix:
    """Return the newest evaluation of each agent, for one node or for all."""
    newest: dict[tuple[str, str], Json] = {}
    for item in evaluations:
        if not node or item.get("node") == node:
            key = str(item.get("node", "")), str(item.get("agent_id", item.get("hostname", "")))
            newest.pop(key, None)
            newest[key] = item
    rows = [_row(item) for item in reversed(newest.values())]
    counted = Counter(code for row in rows for code in row.cells)
    nodes = sorted({str(item["node"]) for item in evaluations if item.get("node")}, key=lambda name: (len(name), name))
    codes = tuple(code for code, _ in counted.most_common())
    agents, hidden = len({row.agent for row in rows}), max(0, len(rows) - ROWS)
    return Matrix(tuple(rows[:ROWS]), codes, tuple(counted.most_common()), tuple(nodes), agents, hidden)


def _row(item: Json) -> Row:
    cells: dict[str, str] = {}
    for reason in item.get("reasons", ()):
        code = str(reason["code"])
        cells[code] = f"{cells[code]} {reason['message']}" if code in cells else str(reason["message"])
    return Row(
        str(item.get("node", "")), str(item.get("hostname", "")), item.get("at"), str(item.get("outcome", "")), cells
    )
