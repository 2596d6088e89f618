"""The fetcher's cache: one file for each URI, downloaded once for all requests, again when the source differs.

Several agents of a machine can share the directory: a lock file for each entry keeps their downloads apart.
"""

import asyncio
import fcntl
import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

_LOCK_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Validators:
    """Marks of one version of a source: size in bytes, change time, entity tag; empty if unknown."""

    size: str = ""
    modified: str = ""
    etag: str = ""

    def prove_same(self, other: "Validators") -> bool:
        """Return whether both surely describe the same content; a size alone proves nothing."""
        return self == other and bool(self.modified or self.etag)


@dataclass(frozen=True)
class CacheEntry:
    """A cached file and the validators of the version it holds."""

    path: Path
    validators: Validators


Refresh = Callable[[CacheEntry | None, Path], Awaitable[Validators | None]]
"""Given the present entry and a path to download to: validators of the download, None when the entry still holds."""


class FetcherCache:
    """Cached downloads below `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, uri: str, refresh: Refresh) -> Path:
        """Return the path of an up-to-date copy of `uri`; errors of `refresh` are passed on."""
        key = hashlib.sha256(uri.encode()).hexdigest()[:32]
        self._directory.mkdir(parents=True, exist_ok=True)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock, self._file_lock(key):
            entry = self._load(key)
            scratch = self._directory / f"{key}.part"
            try:
                validators = await refresh(entry, scratch)
                if validators is None:
                    assert entry is not None
                    return entry.path
                return self._store(key, scratch, validators)
            finally:
                scratch.unlink(missing_ok=True)

    def _load(self, key: str) -> CacheEntry | None:
        path, index = self._directory / f"{key}.data", self._directory / f"{key}.json"
        try:
            validators = Validators(**json.loads(index.read_text()))
            return CacheEntry(path, validators) if path.exists() else None
        except (OSError, ValueError, TypeError):
            # An entry that cannot be read costs a download, nothing else.
            return None

    def _store(self, key: str, scratch: Path, validators: Validators) -> Path:
        path, index = self._directory / f"{key}.data", self._directory / f"{key}.json"
        # Between the two steps the old validators must not vouch for the new file.
        index.unlink(missing_ok=True)
        scratch.replace(path)
        index.write_text(json.dumps(asdict(validators)))
        return path

    @asynccontextmanager
    async def _file_lock(self, key: str) -> AsyncIterator[None]:
        descriptor = os.open(self._directory / f"{key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)
