"""The verification of a backup: objects are read back and compared with the manifests."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from executor.backup.format import layout
from executor.backup.format.manifest import Component
from executor.backup.seal.cipher import UnsealError
from executor.backup.seal.store import BackupStore
from executor.backup.upload import compression
from executor.backup.upload.progress import Meter
from executor.s3.crew import Crew
from executor.s3.errors import StoreError

_ATTEMPTS = 5
_PAUSE_SECONDS = 1.0


class _Plain(Protocol):
    """A function from an object's bytes to those of the file."""

    def __call__(self, piece: bytes) -> Iterable[bytes]: ...


@dataclass
class Verifier:
    """A reader of objects. `damaged` has a sentence about each object that differs from the manifest."""

    store: BackupStore
    meter: Meter
    crew: Crew
    pace: Callable[[int], None]
    damaged: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def task(self, component: Component) -> Callable[[], None]:
        """Return the task that verifies one object. The task raises StoreError unless the object itself is damaged."""
        return partial(self._verify, component)

    def _verify(self, component: Component) -> None:
        problem = self._problem(component)
        if problem is not None:
            with self._lock:
                self.damaged.append(f"{component.key} ({component.name}) {problem}")
        self.meter.add_handled(component.size, files=1)

    def _problem(self, component: Component) -> str | None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._read(component)
            except StoreError as error:
                if error.code == "NoSuchKey":
                    return "is missing"
                if error.hopeless or attempt == _ATTEMPTS:
                    raise
            self.crew.wait(attempt * _PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def _read(self, component: Component) -> str | None:
        measured = _Measured(component)
        plain: _Plain = compression.Decompressor() if component.encoding == layout.ZSTD_ENCODING else _as_it_is
        opened = self.store.unsealer(component.key) if component.key.endswith(layout.SEALED) else None
        try:
            with self.store.stream(component.key) as pieces:
                for piece in self._paced(pieces):
                    measured.receive(piece)
                    for part in (piece,) if opened is None else opened(piece):
                        measured.read(plain(part))
                measured.read(() if opened is None else plain(opened.finish()))
        except UnsealError as error:
            return f"cannot be opened: {error}"
        except compression.DamagedError as error:
            return f"cannot be decompressed: {error}"
        except _TooLongError as error:
            return str(error)
        return measured.problem()

    def _paced(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.pace(len(piece))
            yield piece


class _TooLongError(Exception):
    """An object with more content than the backup has: the rest, which can be without end, is not read."""


class _Measured:
    """Sizes and digest of an object that is read."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self._digest = hashlib.sha256()
        self._stored = self._size = 0

    def receive(self, piece: bytes) -> None:
        """Count stored bytes. Raises _TooLongError."""
        self._stored += len(piece)
        if self._stored > self._component.stored_size:
            raise _TooLongError(f"has more than {self._component.stored_size} bytes")

    def read(self, contents: Iterable[bytes]) -> None:
        """Count plain content. Raises _TooLongError."""
        for content in contents:
            self._size += len(content)
            if self._size > self._component.size:
                raise _TooLongError(f"has more than {self._component.size} bytes when decompressed")
            self._digest.update(content)

    def problem(self) -> str | None:
        """Return how the whole object differs from the backup; None if it is the same."""
        wanted = self._component
        if self._stored != wanted.stored_size:
            return f"has {self._stored} bytes instead of {wanted.stored_size}"
        if self._size != wanted.size:
            return f"has {self._size} bytes when decompressed instead of {wanted.size}"
        if self._digest.hexdigest() != wanted.sha256:
            return f"has the SHA-256 {self._digest.hexdigest()}"
        return None


def _as_it_is(piece: bytes) -> Iterable[bytes]:
    return (piece,)


def distinct(components: Iterable[Component]) -> list[Component]:
    """Return one component for each object, the largest first."""
    by_key = {component.key: component for component in components}
    return sorted(by_key.values(), key=lambda component: (-component.stored_size, component.key))
