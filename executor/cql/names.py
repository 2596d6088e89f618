"""Full names of tables, as the other modules pass them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class TableName:
    """A table's full name; its text is `keyspace.table`, unquoted."""

    key_space: str
    table: str

    def __str__(self) -> str:
        return f"{self.key_space}.{self.table}"
