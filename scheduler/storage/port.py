"""The port to the stored records, and the limits of one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

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
