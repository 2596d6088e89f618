"""A part of an open file as the body of a request, sealed while it is read, so that no part is kept in memory."""

from __future__ import annotations

import os
from collections.abc import Callable

from executor.backup.seal.cipher import CHUNK_BYTES, ObjectCipher, sealed_length


class SealedSlice:
    """A sealed part of an open file. `pace` gets the size of each piece before it is sent; it waits, and can raise.

    The part begins at a chunk, and ends at one or at the end of the file. Two passes give the same bytes.
    """

    def __init__(
        self,
        descriptor: int,
        span: tuple[int, int],
        file_size: int,
        cipher: ObjectCipher,
        pace: Callable[[int], object],
    ) -> None:
        """`span` is the offset and the length of the part in the file, of `file_size` bytes."""
        self._descriptor = descriptor
        self._offset, self._end = span[0], span[0] + span[1]
        self._file_size = file_size
        self._cipher = cipher
        self._pace = pace
        self._length = sealed_length(*span)
        self._next = self._offset
        self._at = 0

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1, /) -> bytes:
        """Return the next sealed chunk, independent of the requested size. Raises OSError if the file is shorter."""
        if self._at == self._length:
            return b""
        wanted = min(CHUNK_BYTES, self._end - self._next)
        content = os.pread(self._descriptor, wanted, self._next)
        if len(content) != wanted:
            raise OSError(f"the file ends at byte {self._next + len(content)}")
        sealed = self._cipher.seal(self._next // CHUNK_BYTES, content, self._next + wanted == self._file_size)
        self._pace(len(sealed))
        self._next += wanted
        self._at += len(sealed)
        return sealed

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position to the beginning or the end. Raises OSError for another one."""
        position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        if position == 0:
            self._next = self._offset
        elif position not in (self._at, self._length):
            raise OSError("a sealed part is read from its beginning")
        self._at = position
        return position

    def tell(self) -> int:
        """Return the position, as a file does."""
        return self._at
