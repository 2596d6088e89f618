"""The fetcher: downloads a container's URIs into its sandbox before the executor starts."""

import asyncio
import shutil
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp

from localmesos.agent.fetcher.archives import ArchiveError, extract, is_archive
from localmesos.agent.fetcher.cache import CacheEntry, FetcherCache, Validators

Json = dict[str, Any]

STALL_SECONDS = 60.0
"""A download that brings nothing for this long has failed."""
_CHUNK_BYTES = 1 << 20
_NOT_MODIFIED = 304


class FetchError(Exception):
    """A URI that could not be fetched; the text names it and the reason."""


@dataclass(frozen=True)
class FetchItem:
    """One CommandInfo.URI, parsed and checked. ``name``: path in the sandbox."""

    uri: str
    name: str
    extract: bool
    executable: bool
    cache: bool


def read_item(value: Json) -> FetchItem:
    """Return the FetchItem of a CommandInfo.URI.

    Raises:
        FetchError: the URI can never be fetched.
    """
    uri = value["value"].strip()
    scheme = urlsplit(uri).scheme
    if scheme not in ("file", "http", "https") and not uri.startswith("/"):
        raise FetchError("only file, http and https URIs and absolute paths can be fetched")
    name = value.get("output_file") or PurePosixPath(unquote(urlsplit(uri).path)).name
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts:
        raise FetchError(f"{name!r} is no file name inside the sandbox")
    executable = bool(value.get("executable", False))
    wants_extract = bool(value.get("extract", True)) and not executable
    return FetchItem(uri, name, wants_extract and is_archive(name), executable, bool(value.get("cache", False)))


def local_path(uri: str) -> Path | None:
    """Return the path of a file URI or plain path, None for a remote URI."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(uri) if uri.startswith("/") else None


class Fetcher:
    """A fetcher of URIs; `directory` holds the cache. Call ``close`` at the end.

    HTTPS servers are verified against the system's authorities, as libcurl does for Mesos, and against `ca_file`.
    """

    def __init__(self, directory: Path, ca_file: Path | None = None) -> None:
        """Read `ca_file`; raises OSError if it cannot be used."""
        self._tls = ssl.create_default_context()
        if ca_file is not None:
            self._tls.load_verify_locations(ca_file)
        self._cache = FetcherCache(directory)
        self._session: aiohttp.ClientSession | None = None
        self.succeeded = 0
        self.failed = 0

    async def fetch(self, uris: Iterable[Json], sandbox: Path, log: Callable[[str], None]) -> None:
        """Fetch all URIs into the sandbox at once; `log` gets one line for each.

        Raises:
            FetchError: one of them fails.
        """
        values = list(uris)
        if not values:
            return
        failures: BaseExceptionGroup[FetchError] | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for value in values:
                    group.create_task(self._fetch_one(value, sandbox, log))
        except* FetchError as errors:
            # Python before 3.11.4 wraps what is raised in here into another group.
            failures = errors
        if failures is not None:
            self.failed += 1
            raise FetchError("; ".join(str(error) for error in failures.exceptions)) from failures
        self.succeeded += 1

    async def close(self) -> None:
        """Close the HTTP session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _fetch_one(self, value: Json, sandbox: Path, log: Callable[[str], None]) -> None:
        uri = value["value"].strip()
        try:
            item = read_item(value)
            target = sandbox / item.name
            await self._place(item, target)
        except (OSError, FetchError, ArchiveError, aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            log(f"Failed to fetch '{uri}': {reason}")
            raise FetchError(f"{uri}: {reason}") from error
        log(f"Fetched '{uri}' to '{target}'")

    async def _place(self, item: FetchItem, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if item.cache:
            source = await self._cache.get(item.uri, lambda entry, path: self._refresh(item.uri, entry, path))
            if not item.extract:
                await asyncio.to_thread(shutil.copyfile, source, target)
        else:
            await self._refresh(item.uri, None, target)
            source = target
        if item.extract:
            await asyncio.to_thread(extract, source, target.name, target.parent)
        if item.executable:
            target.chmod(target.stat().st_mode | 0o111)

    async def _refresh(self, uri: str, entry: CacheEntry | None, target: Path) -> Validators | None:
        path = local_path(uri)
        if path is not None:
            return await asyncio.to_thread(_copy_local, path, entry, target)
        return await self._download(uri, entry, target)

    async def _download(self, uri: str, entry: CacheEntry | None, target: Path) -> Validators | None:
        headers = {"Accept-Encoding": "identity"}
        if entry is not None and entry.validators.etag:
            headers["If-None-Match"] = entry.validators.etag
        if entry is not None and entry.validators.modified:
            headers["If-Modified-Since"] = entry.validators.modified
        async with self._client().get(uri, headers=headers, ssl=self._tls) as response:
            if entry is not None and response.status == _NOT_MODIFIED:
                return None
            if response.status != 200:
                raise aiohttp.ClientError(f"HTTP status {response.status} {response.reason}")
            found = Validators(
                size=response.headers.get("Content-Length", ""),
                modified=response.headers.get("Last-Modified", ""),
                etag=response.headers.get("ETag", ""),
            )
            if entry is not None and found.prove_same(entry.validators):
                response.close()
                return None
            with target.open("wb") as stream:
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    stream.write(chunk)
            return found

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=STALL_SECONDS, sock_read=STALL_SECONDS)
            # A file ending in .gz must arrive as it is, not unpacked on the way.
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        return self._session


def _copy_local(path: Path, entry: CacheEntry | None, target: Path) -> Validators | None:
    status = path.stat()
    found = Validators(size=str(status.st_size), modified=str(status.st_mtime_ns))
    if entry is not None and found.prove_same(entry.validators):
        return None
    shutil.copyfile(path, target)
    return found
