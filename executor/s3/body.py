"""Request bodies as the HTTP library reads them: in large pieces, throttled, and ended at once on a cancellation."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

# The library requests 16 KiB, but accepts more: a system call for each would cost more than the transfer.
_PIECE = 256 * 1024


class Body(Protocol):
    """A request's body: read in pieces, and again from its beginning for another attempt."""

    def __len__(self) -> int: ...

    def read(self, size: int = -1, /) -> bytes:
        """Return the next piece."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Set the position."""

    def tell(self) -> int:
        """Return the position."""


class Slice:
    """A part of an open file. `pace` gets the size of each piece before it is sent; it waits, and can raise."""

    def __init__(self, descriptor: int, offset: int, length: int, pace: Callable[[int], object]) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._length = length
        self._pace = pace
        self._at = 0

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1, /) -> bytes:
        """Return the next piece, independent of the requested size."""
        piece = os.pread(self._descriptor, min(_PIECE, self._length - self._at), self._offset + self._at)
        if not piece and self._at < self._length:
            raise OSError(f"the file ends at byte {self._offset + self._at}")
        self._pace(len(piece))
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position, as a file does."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        return self._at

    def tell(self) -> int:
        """Return the position, as a file does."""
        return self._at


class Piecewise:
    """Bytes in memory as a body, with the same `pace`."""

    def __init__(self, content: bytes, pace: Callable[[int], object]) -> None:
        self._content = memoryview(content)
        self._pace = pace
        self._at = 0

    def __len__(self) -> int:
        return len(self._content)

    def read(self, size: int = -1, /) -> bytes:
        """Return the next piece, independent of the requested size."""
        piece = bytes(self._content[self._at : self._at + _PIECE])
        self._pace(len(piece))
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position, as a file does."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._content)}[whence]
        return self._at

    def tell(self) -> int:
        """Return the position, as a file does."""
        return self._at
