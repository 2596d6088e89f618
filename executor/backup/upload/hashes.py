"""The cache of files' SHA-256, so that a backup reads only new files."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from executor.backup.upload.files import Identity

_FIELDS = 5


class HashCache:
    """A file with one line for each hash, valid after a cut at any byte; for several threads.

    A hash applies to a file with the same device, inode, size and modification time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[Identity, str] = {}
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self._path.exists():
            with self._path.open(encoding="ascii", errors="replace") as lines:
                for line in lines:
                    self._learn(line)
        # End a line that was cut.
        self._file = self._path.open("a", encoding="ascii", buffering=1)
        self._file.write("\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A thread that a cancellation left behind can still call `put`.
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def get(self, identity: Identity) -> str | None:
        """Return the hash in hexadecimal; None if it is unknown."""
        return self._known.get(identity)

    def put(self, identity: Identity, sha256: str) -> None:
        """Store a hash in hexadecimal."""
        with self._lock:
            self._known[identity] = sha256
            if self._file is not None:
                self._file.write(_line(identity, sha256))

    def keep(self, identities: Iterable[Identity]) -> None:
        """Forget all other hashes: their files are gone."""
        with self._lock:
            self._known = {item: self._known[item] for item in identities if item in self._known}
            new = self._path.with_suffix(".new")
            with new.open("w", encoding="ascii") as file:
                file.writelines(_line(identity, sha256) for identity, sha256 in self._known.items())
                file.flush()
                os.fsync(file.fileno())
            if self._file is not None:
                self._file.close()
            new.replace(self._path)
            self._file = self._path.open("a", encoding="ascii", buffering=1)

    def _learn(self, line: str) -> None:
        words = line.split()
        if len(words) != _FIELDS or len(words[-1]) != 64 or not line.endswith("\n"):
            return
        try:
            self._known[Identity(*map(int, words[:-1]))] = words[-1]
        except ValueError:
            return


def _line(identity: Identity, sha256: str) -> str:
    return f"{identity.device} {identity.inode} {identity.size} {identity.modified_ns} {sha256}\n"
