"""SHA-256 of files that were read before, so that a backup reads only what is new."""

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
    """A file with a line for each hash, which survives being cut off anywhere. For use from several threads.

    A hash counts for a file of the same device, inode, size and time of change.
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
        # Whatever a cut-off line left is ended.
        self._file = self._path.open("a", encoding="ascii", buffering=1)
        self._file.write("\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A thread that was left behind by a cancellation may still come.
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def get(self, identity: Identity) -> str | None:
        """The hash in hexadecimal, if it is known."""
        return self._known.get(identity)

    def put(self, identity: Identity, sha256: str) -> None:
        """Remember a hash."""
        with self._lock:
            self._known[identity] = sha256
            if self._file is not None:
                self._file.write(_line(identity, sha256))

    def keep(self, identities: Iterable[Identity]) -> None:
        """Forget all others: files that are gone."""
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
