"""The content of a file as it arrives, compared with what the manifest says of it."""

from __future__ import annotations

import hashlib


class TooLongError(Exception):
    """More content than the backup has: the rest, which can be without end, is not read."""


class Content:
    """Size and digest of plain content so far. `size` and `sha256` are those of the manifest."""

    def __init__(self, size: int, sha256: str) -> None:
        self._wanted = (size, sha256)
        self._digest = hashlib.sha256()
        self.size = 0

    def add(self, part: bytes) -> None:
        """Count a part. Raises TooLongError."""
        self.size += len(part)
        if self.size > self._wanted[0]:
            raise TooLongError(f"has more than {self._wanted[0]} bytes when decompressed")
        self._digest.update(part)

    def problem(self) -> str | None:
        """Return how the whole content differs, such as `has the SHA-256 …`; None if it is the same."""
        size, sha256 = self._wanted
        if self.size != size:
            return f"has {self.size} bytes when decompressed instead of {size}"
        found = self._digest.hexdigest()
        return None if found == sha256 else f"has the SHA-256 {found} instead of {sha256}"
