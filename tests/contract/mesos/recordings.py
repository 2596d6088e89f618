"""The recorded traffic of a real Mesos, as lines and as snapshots."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]

DIRECTORY = Path(__file__).parents[4] / "shared" / "mesos-recordings"
needs_recordings = pytest.mark.skipif(
    not DIRECTORY.is_dir(), reason="the recordings of a real Mesos are not on this machine (not ours to publish)"
)


@dataclass(frozen=True)
class Line:
    """One line of a recording; `seconds` since its start."""

    seconds: float
    direction: str
    label: str
    endpoint: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    note: str = ""

    @property
    def kind(self) -> str:
        """Type of a call or event."""
        return str(self.body.get("type", "")) if isinstance(self.body, dict) else ""

    @property
    def content(self) -> Json:
        """Return the content of the call or event."""
        found: Json = self.body.get(self.kind.lower(), {}) if isinstance(self.body, dict) else {}
        return found


def read(name: str) -> list[Line]:
    """Return all lines of ``<name>.jsonl``."""
    return [_line(json.loads(text)) for text in (DIRECTORY / f"{name}.jsonl").read_text().splitlines()]


def _line(data: Json) -> Line:
    return Line(
        seconds=data["t"],
        direction=data["dir"],
        label=data.get("label") or "",
        endpoint=data.get("endpoint", ""),
        status=data.get("status", 0),
        headers=data.get("headers") or {},
        body=data.get("body"),
        note=data.get("note", ""),
    )


def snapshot(name: str) -> Any:
    """JSON of ``snapshot_<name>.json``."""
    return json.loads((DIRECTORY / f"snapshot_{name}.json").read_text())
