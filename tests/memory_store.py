"""The store in memory, which behaves as ZooKeeper's does: `tests/contract` runs the same tests on both."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.errors import Exit, FatalError, StaleWriteError, StoreUnavailableError
from scheduler.storage.port import Writes, check_size


class MemoryStore:
    """A store in memory. Stores opened on the same `Memory` see each other's writes, as two processes would."""

    def __init__(self, memory: Memory | None = None, user: str = "") -> None:
        self._memory = memory or Memory()
        self._user = user
        self._versions: dict[str, int] = {}

    def load(self) -> Mapping[str, bytes]:
        """Load every record."""
        self._memory.check_read(self._user)
        self._versions = {path: version for path, (version, _) in self._memory.records.items()}
        return {path: content for path, (_, content) in self._memory.records.items()}

    def has(self, path: str) -> bool:
        """Return whether the record exists."""
        self._memory.check_read(self._user)
        return path in self._memory.records

    def commit(self, writes: Writes) -> None:
        """Write all or none, as the port demands."""
        self._memory.check_write(self._user)
        check_size(writes)
        records = self._memory.records
        for path in writes:
            if self._versions.get(path) != (records[path][0] if path in records else None):
                raise StaleWriteError(f"{path} was changed by another writer")
        for path, content in writes.items():
            if content is None:
                records.pop(path, None)
                self._versions.pop(path, None)
                continue
            version = self._versions.get(path, -1) + 1
            records[path] = (version, content)
            self._versions[path] = version


class Memory:
    """What stores in memory share; `available` False makes every call fail, as a lost connection does.

    With an `owner`, stores of other users cannot write, and cannot read unless `world_reads`.
    """

    def __init__(self, owner: str = "", world_reads: bool = False) -> None:
        self.records: dict[str, tuple[int, bytes]] = {}
        self.available = True
        self.owner = owner
        self.world_reads = world_reads

    def check_read(self, user: str) -> None:
        """Raise while unavailable, and for a user who cannot read."""
        if not self.world_reads:
            self.check_write(user)
        elif not self.available:
            raise StoreUnavailableError("the memory is set to be unavailable")

    def check_write(self, user: str) -> None:
        """Raise while unavailable, and for a user who cannot write."""
        if not self.available:
            raise StoreUnavailableError("the memory is set to be unavailable")
        if self.owner and user != self.owner:
            raise FatalError(Exit.UNAUTHORIZED, f"the memory refuses access: {self.owner} owns it")
