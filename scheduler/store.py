"""Where records are kept: the port, and an implementation in memory that keeps the same promises as ZooKeeper's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from scheduler.errors import StaleWriteError, StoreUnavailableError


class Store(Protocol):
    """Records by path below the service's root. Not for use by more than one thread."""

    def load(self) -> Mapping[str, bytes]:
        """Every record. Raises StoreUnavailableError."""

    def commit(self, writes: Mapping[str, bytes]) -> None:
        """Create or replace all of these records, or none.

        Raises StoreUnavailableError when that is not known to have happened (asked again with whatever is wanted
        then, the store finds out what became of it), and StaleWriteError when a record is not as it was last
        loaded or written here.
        """


class MemoryStore:
    """A store in memory. Stores opened on the same `Memory` see each other's writes, as two processes would."""

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory or Memory()
        self._versions: dict[str, int] = {}

    def load(self) -> Mapping[str, bytes]:
        """Every record."""
        self._memory.check()
        self._versions = {path: version for path, (version, _) in self._memory.records.items()}
        return {path: content for path, (_, content) in self._memory.records.items()}

    def commit(self, writes: Mapping[str, bytes]) -> None:
        """All or none, as the port says."""
        self._memory.check()
        records = self._memory.records
        for path in writes:
            if self._versions.get(path) != (records[path][0] if path in records else None):
                raise StaleWriteError(f"{path} was changed by somebody else")
        for path, content in writes.items():
            version = self._versions.get(path, -1) + 1
            records[path] = (version, content)
            self._versions[path] = version


class Memory:
    """What stores in memory share; `available` False makes every call fail, as a lost connection does."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[int, bytes]] = {}
        self.available = True

    def check(self) -> None:
        """Raise while unavailable."""
        if not self.available:
            raise StoreUnavailableError("the memory was told to be unavailable")
