"""The port to the stored records, and an implementation in memory that behaves as ZooKeeper's does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from scheduler.errors import Exit, FatalError, StaleWriteError, StoreUnavailableError

Writes = Mapping[str, bytes | None]

# One request to ZooKeeper can have 1 MB (jute.maxbuffer).
TRANSACTION_BYTES = 900_000
_OPERATION_BYTES = 64
# One record must fit a transaction beside its path and a few small ones.
RECORD_BYTES = 800_000


class Store(Protocol):
    """Records by path below the service's root. Not for use by more than one thread."""

    def load(self) -> Mapping[str, bytes]:
        """Load every record. Raises StoreUnavailableError, and FatalError without the right to read."""

    def has(self, path: str) -> bool:
        """Return whether the record exists. Raises StoreUnavailableError."""

    def commit(self, writes: Writes) -> None:
        """Create, replace or (None) remove all of these records, or none of them.

        Raises:
            StoreUnavailableError: It is unknown whether the writes happened. The next call, with any writes, finds out.
            StaleWriteError: A record is not as it was last loaded or written here.
            FatalError: The store refuses access.
            ValueError: The writes do not fit one transaction; see `split`.
        """


def split(writes: Writes) -> Iterator[dict[str, bytes | None]]:
    """Split writes, in their order, into as few parts as fit one transaction each."""
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
    """Raise ValueError if these writes do not fit one transaction."""
    size = sum(_size(path, content) for path, content in writes.items())
    if size > TRANSACTION_BYTES:
        raise ValueError(f"{len(writes)} records of {size} bytes do not fit one transaction")


def _size(path: str, content: bytes | None) -> int:
    return len(path) + len(content or b"") + _OPERATION_BYTES


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
