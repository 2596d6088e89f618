"""Names of tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class TableName:
    """A table's full name."""

    key_space: str
    table: str

    def __str__(self) -> str:
        return f"{self.key_space}.{self.table}"
