"""The verification of a backup: objects are read back and compared with the manifests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from executor.backup.format import layout
from executor.backup.format.content import Content, TooLongError
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
        content, stored = Content(component.size, component.sha256), 0
        plain: _Plain = compression.Decompressor() if component.encoding == layout.ZSTD_ENCODING else _as_it_is
        opened = self.store.unsealer(component.key) if component.key.endswith(layout.SEALED) else None
        try:
            with self.store.stream(component.key) as pieces:
                for piece in self._paced(pieces):
                    stored += len(piece)
                    if stored > component.stored_size:
                        return f"has more than {component.stored_size} bytes"
                    for part in (piece,) if opened is None else opened(piece):
                        for read in plain(part):
                            content.add(read)
                for read in () if opened is None else plain(opened.finish()):
                    content.add(read)
        except UnsealError as error:
            return f"cannot be opened: {error}"
        except compression.DamagedError as error:
            return f"cannot be decompressed: {error}"
        except TooLongError as error:
            return str(error)
        if stored != component.stored_size:
            return f"has {stored} bytes instead of {component.stored_size}"
        return content.problem()

    def _paced(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.pace(len(piece))
            yield piece


def _as_it_is(piece: bytes) -> Iterable[bytes]:
    return (piece,)


def distinct(components: Iterable[Component]) -> list[Component]:
    """Return one component for each object, the largest first."""
    by_key = {component.key: component for component in components}
    return sorted(by_key.values(), key=lambda component: (-component.stored_size, component.key))
