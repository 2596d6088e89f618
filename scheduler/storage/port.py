"""Where records are kept: the port, and an implementation in memory that keeps the same promises as ZooKeeper's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from scheduler.errors import StaleWriteError, StoreUnavailableError

Writes = Mapping[str, bytes | None]

# One request to ZooKeeper may have 1 MB (jute.maxbuffer).
TRANSACTION_BYTES = 900_000
_OPERATION_BYTES = 64


class Store(Protocol):
    """Records by path below the service's root. Not for use by more than one thread."""

    def load(self) -> Mapping[str, bytes]:
        """Every record. Raises StoreUnavailableError."""

    def has(self, path: str) -> bool:
        """Whether there is such a record. Raises StoreUnavailableError."""

    def commit(self, writes: Writes) -> None:
        """Create, replace or (None) remove all of these records, or none of them.

        Raises StoreUnavailableError when that is not known to have happened (asked again with whatever is wanted
        then, the store finds out what became of it), StaleWriteError when a record is not as it was last loaded or
        written here, and ValueError for more than one transaction can hold: see `split`.
        """


def split(writes: Writes) -> Iterator[dict[str, bytes | None]]:
    """The same writes in their order, in as few parts as fit one transaction each."""
    part: dict[str, bytes | None] = {}
    size = 0
    for path, content in writes.items():
        more = _size(path, content)
        if part and size + more > TRANSACTION_BYTES:
            yield part
            part, size = {}, 0
        part[path] = content
        size += more
    yield part


def check_size(writes: Writes) -> None:
    """ValueError if these do not fit one transaction."""
    size = sum(_size(path, content) for path, content in writes.items())
    if size > TRANSACTION_BYTES:
        raise ValueError(f"{len(writes)} records of {size} bytes do not fit one transaction")


def _size(path: str, content: bytes | None) -> int:
    return len(path) + len(content or b"") + _OPERATION_BYTES


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

    def has(self, path: str) -> bool:
        """Whether there is such a record."""
        self._memory.check()
        return path in self._memory.records

    def commit(self, writes: Writes) -> None:
        """All or none, as the port says."""
        self._memory.check()
        check_size(writes)
        records = self._memory.records
        for path in writes:
            if self._versions.get(path) != (records[path][0] if path in records else None):
                raise StaleWriteError(f"{path} was changed by somebody else")
        for path, content in writes.items():
            if content is None:
                records.pop(path, None)
                self._versions.pop(path, None)
                continue
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
