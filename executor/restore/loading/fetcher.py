"""The fetcher: from an object to a file with exactly the backed-up bytes."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from executor.backup.format.content import Content, TooLongError
from executor.backup.format.layout import SEALED, is_compressed
from executor.backup.seal.cipher import Unsealer, UnsealError
from executor.backup.upload.compression import DamagedError, Decompressor
from executor.restore.source.batches import Piece
from executor.restore.source.stored import FetchError
from executor.s3.errors import StoreError

_CHUNK = 1024 * 1024
_BACK_OFF_SECONDS = (0.5, 2.0, 5.0, 10.0)
_UNFINISHED = ".unfinished"
# The largest file whose content is kept in memory, and the bytes of all of them.
_SMALL, _KEPT_BYTES = 16 * 1024, 16 * 1024**2


class FetchStopped(Exception):
    """The fetcher was stopped."""


class Contents:
    """The newest small files by their hashes: small tables have many equal ones."""

    def __init__(self, most_bytes: int = _KEPT_BYTES) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._found: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, piece: Piece) -> bytes | None:
        """Return the content of a piece; None if it is unknown."""
        with self._lock:
            found = self._found.get(piece.sha256)
            if found is None or len(found) != piece.size:
                return None
            self._found.move_to_end(piece.sha256)
            return found

    def put(self, piece: Piece, content: bytes) -> None:
        """Store a content that is known to be right."""
        with self._lock:
            if piece.sha256 not in self._found:
                self._found[piece.sha256] = content
                self._bytes += len(content)
            while self._bytes > self._most:
                self._bytes -= len(self._found.popitem(last=False)[1])


class Source(Protocol):
    """The source of objects."""

    def stream(self, key: str, offset: int) -> AbstractContextManager[Iterator[bytes]]:
        """Open the bytes of an object from an offset on; opening and reading can raise FetchError."""

    def unsealer(self, key: str) -> Unsealer:
        """Return the opener of a sealed object. It raises UnsealError, and StoreError for its data key."""


@dataclass
class Fetcher:
    """A fetcher of pieces, for several threads.

    `pace` receives the number of bytes before they are processed, and can sleep. `count` receives the bytes of files as
    they grow, and negative ones if a file starts again.
    """

    source: Source
    pace: Callable[[int], None]
    count: Callable[[int], None]
    stopped: threading.Event
    known: Contents = field(default_factory=Contents)

    def fetch(self, piece: Piece, path: Path) -> None:
        """Write a piece to its path, unless it is there already. Raises FetchError, FetchStopped, OSError."""
        if self._is_there(piece, path):
            self.count(piece.size)
            return
        unfinished = path.with_name(path.name + _UNFINISHED)
        with _created(unfinished) as file:
            if (content := self.known.get(piece)) is not None:
                file.write(content)
                self.count(piece.size)
            elif piece.size:
                opener = self.source.unsealer(piece.key) if piece.key.endswith(SEALED) else None
                self._download(piece, _Growing(file.write, piece, self.count, opener))
            file.flush()
            # Cassandra takes the file over by a rename: from now on it must survive a crash.
            os.fdatasync(file.fileno())
        unfinished.replace(path)
        if content is None and piece.size <= _SMALL:
            self.known.put(piece, path.read_bytes())

    def _is_there(self, piece: Piece, path: Path) -> bool:
        try:
            found = path.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(found.st_mode) or found.st_size != piece.size:
            return False
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                self._check()
                digest.update(chunk)
        return digest.hexdigest() == piece.sha256

    def _download(self, piece: Piece, growing: _Growing) -> None:
        failures = 0
        while True:
            before = growing.received
            try:
                with self.source.stream(piece.key, before) as chunks:
                    for chunk in chunks:
                        self._check()
                        self.pace(len(chunk))
                        growing.feed(chunk)
                growing.finish()
                return
            except FetchError as error:
                # A connection that breaks now and then must not end the fetch of a large file.
                failures = failures + 1 if growing.received == before else 1
                if error.hopeless or failures > len(_BACK_OFF_SECONDS):
                    growing.give_up()
                    raise
            if self.stopped.wait(_BACK_OFF_SECONDS[failures - 1]):
                raise FetchStopped

    def _check(self) -> None:
        if self.stopped.is_set():
            raise FetchStopped


def _created(path: Path) -> BinaryIO:
    """Open a new file, and remove an old one with its name first: a link there is not followed."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640), "wb")


class _Growing:
    """A file while its object arrives; the received part stays when a connection breaks."""

    def __init__(
        self,
        write: Callable[[bytes], object],
        piece: Piece,
        count: Callable[[int], None],
        unsealer: Unsealer | None = None,
    ) -> None:
        self._write = write
        self._piece = piece
        self._count = count
        self._content = Content(piece.size, piece.sha256)
        self._unsealer = unsealer
        self._decompressor = Decompressor() if is_compressed(piece.key) else None
        self._counted = self.received = 0

    def feed(self, chunk: bytes) -> None:
        """Process received bytes. Raises FetchError."""
        self.received += len(chunk)
        try:
            for content in (chunk,) if self._unsealer is None else self._unsealer(chunk):
                self._take(content)
        except UnsealError as error:
            raise self._damaged(f"it cannot be opened: {error}") from error
        except StoreError as error:
            raise FetchError(str(error), error.hopeless) from error

    def _take(self, content: bytes) -> None:
        for plain in self._plain(content):
            try:
                self._content.add(plain)
            except TooLongError as error:
                raise self._damaged(f"it {error}") from error
            self._write(plain)
            self._counted += len(plain)
            self._count(len(plain))

    def _plain(self, chunk: bytes) -> Iterator[bytes]:
        if self._decompressor is None:
            yield chunk
            return
        try:
            yield from self._decompressor(chunk)
        except DamagedError as error:
            raise self._damaged(f"it cannot be decompressed: {error}") from error

    def finish(self) -> None:
        """Verify the complete file. Raises FetchError."""
        if self.received < self._piece.stored_size:
            raise FetchError(f"{self._piece.key}: {self.received} of {self._piece.stored_size} bytes received")
        if self._unsealer is not None:
            try:
                self._take(self._unsealer.finish())
            except UnsealError as error:
                raise self._damaged(f"it cannot be opened: {error}") from error
        if (problem := self._content.problem()) is not None:
            raise self._damaged(f"it {problem}")

    def give_up(self) -> None:
        """Subtract the received bytes from the progress."""
        self._count(-self._counted)

    def _damaged(self, why: str) -> FetchError:
        return FetchError(f"{self._piece.key} ({self._piece.name}) is damaged: {why}", hopeless=True)
