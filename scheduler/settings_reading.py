"""What has been read of the settings so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Reading:
    """Values by setting; one with a problem has none. `derived` are those whose value was computed from others."""

    values: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    derived: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def has(self, *settings: str) -> bool:
        """Whether all of these were read without a problem and are set."""
        return all(self.values.get(name) not in (None, "") for name in settings)
